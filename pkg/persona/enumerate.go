package persona

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	mark  = regexp.MustCompile(`(?:^|[\s(,;:])\(?(\d{1,2})[.)]\s`)
	split = regexp.MustCompile(`\s*[\n;]\s*|\.\s+`)
	comma = regexp.MustCompile(`,\s+(?:and\s+)?|\s+and\s+`)
	digit = regexp.MustCompile(`\d`)
)

// marks finds "1) ", "2) ", ... or "1. ", "2. ", ... in ascending order without
// a gap. A lone "1. " is the end of a sentence.
func marks(s string) [][]int {
	var found [][]int
	for from := 0; ; {
		m := mark.FindStringSubmatchIndex(s[from:])
		if m == nil {
			if len(found) == 1 && s[found[0][1]-2] == '.' {
				return nil
			}
			return found
		}
		if n, err := strconv.Atoi(s[from+m[2] : from+m[3]]); err == nil && n == len(found)+1 {
			found = append(found, []int{from + m[0], from + m[1]})
		}
		from += m[1] - 1 // the white space may begin the next mark
	}
}

// enumerated returns the text before a numbered list, and its entries. A
// text without one is split at line ends, semicolons and sentences, or at
// commas where every part has a number, as times of day do.
func enumerated(s string) (string, []string) {
	found := marks(s)
	if len(found) == 0 {
		parts := clean(split.Split(s, -1))
		if len(parts) == 1 {
			if byComma := clean(comma.Split(parts[0], -1)); allTimed(byComma) {
				parts = byComma
			}
		}
		return "", parts
	}
	var items []string
	for i, m := range found {
		end := len(s)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		items = append(items, s[min(m[1], end):end])
	}
	return strings.TrimSpace(s[:found[0][0]]), clean(items)
}

func allTimed(parts []string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !digit.MatchString(p) })
}

// clean drops the punctuation and the "and" between entries, and empty ones.
func clean(items []string) []string {
	var out []string
	for _, entry := range items {
		entry = strings.TrimRight(strings.TrimSpace(entry), " ,;.(")
		entry = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(entry, " and"), " or"), " ,;.")
		if entry != "" {
			out = append(out, entry)
		}
	}
	return out
}
