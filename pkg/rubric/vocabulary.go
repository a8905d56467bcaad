package rubric

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

// The vocabulary lies in text files: one phrase a line, "#" begins a comment,
// and a heading in brackets is the value of the phrases below it.
//
//go:embed vocabulary/*.txt
var files embed.FS

// entry is one phrase of a vocabulary file with its heading.
type entry struct{ phrase, value string }

// entries reads a vocabulary file. The files are part of the program, so a
// missing one is a fault of the program and panics.
func entries(name string) []entry {
	data, err := files.ReadFile("vocabulary/" + name + ".txt")
	if err != nil {
		panic(fmt.Sprintf("rubric: %v", err))
	}
	var out []entry
	heading := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			heading = line[1 : len(line)-1]
		default:
			out = append(out, entry{line, heading})
		}
	}
	return out
}

// wordSet reads a file of single words.
func wordSet(name string) map[string]bool {
	m := map[string]bool{}
	for _, e := range entries(name) {
		m[e.phrase] = true
	}
	return m
}

// phrases reads a file of phrases without values.
func phrases(name string) *lexicon[bool] {
	return table(name, func(string) (bool, error) { return true, nil })
}

// table reads a file of phrases under headings; value turns a heading into what
// its phrases mean.
func table[T any](name string, value func(heading string) (T, error)) *lexicon[T] {
	m := map[string]T{}
	for _, e := range entries(name) {
		v, err := value(e.value)
		if err != nil {
			panic(fmt.Sprintf("rubric: vocabulary/%s.txt: [%s]: %v", name, e.value, err))
		}
		m[e.phrase] = v
	}
	return newLexicon(m)
}

// names reads headings that are one of a few words: the value is the position
// of the word.
func names[T ~uint8](words ...string) func(string) (T, error) {
	return func(heading string) (T, error) {
		for i, w := range words {
			if w == heading {
				return T(i), nil
			}
		}
		return 0, fmt.Errorf("want one of %s", strings.Join(words, ", "))
	}
}

// list reads a heading such as "reading, writing".
func list[T ~string](heading string) ([]T, error) {
	var out []T
	for part := range strings.SplitSeq(heading, ",") {
		out = append(out, T(strings.TrimSpace(part)))
	}
	return out, nil
}

// itself reads a heading as the value.
func itself(heading string) (string, error) { return heading, nil }

func whole(heading string) (int32, error) {
	n, err := strconv.ParseInt(heading, 10, 32)
	return int32(n), err
}

// numbers reads "2" or "2-4".
func numbers(heading string) (span, error) {
	from, to, isRange := strings.Cut(heading, "-")
	if !isRange {
		to = from
	}
	lo, err := strconv.ParseFloat(from, 64)
	if err != nil {
		return span{}, err
	}
	hi, err := strconv.ParseFloat(to, 64)
	return span{lo, hi}, err
}

// hours reads "06:00-12:00".
func hours(heading string) (interval, error) {
	var a, b, c, d int32
	if _, err := fmt.Sscanf(heading, "%d:%d-%d:%d", &a, &b, &c, &d); err != nil {
		return interval{}, err
	}
	return interval{hm(a, b), hm(c, d)}, nil
}

// picturesOf reads a file of single characters under positive and negative.
func picturesOf(name string) *lexicon[polarity] {
	l := &lexicon[polarity]{byFirst: map[string][]phrase[polarity]{}}
	for _, e := range entries(name) {
		p, err := sense(e.value)
		if err != nil {
			panic(fmt.Sprintf("rubric: vocabulary/%s.txt: %v", name, err))
		}
		l.byFirst[e.phrase] = []phrase[polarity]{{[]string{e.phrase}, p}}
	}
	return l
}
