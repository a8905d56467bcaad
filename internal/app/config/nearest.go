package config

// Nearest returns the choice that is most like a word, or "" where none is
// near: at most half of the longer one's letters may differ.
func Nearest(word string, choices []string) string {
	best, distance := "", len(word)+1
	for _, c := range choices {
		d := edits(word, c)
		if d < distance && 2*d <= max(len(word), len(c)) {
			best, distance = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
