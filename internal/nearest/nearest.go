// Package nearest finds the word that somebody meant, for "did you mean".
package nearest

import (
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// Of returns the choice that is most like a word in any letter case, the first
// of several, or "" where none is near: at most half of the longer one's
// characters may differ. A choice that begins with the word, of three bytes or
// more, is near.
func Of(word string, choices []string) string {
	word = strings.ToLower(word)
	best, distance := "", utf8.RuneCountInString(word)+1
	for _, c := range choices {
		if len(word) >= 3 && strings.HasPrefix(strings.ToLower(c), word) {
			return c
		}
	}
	for _, c := range choices {
		d := levenshtein.ComputeDistance(word, strings.ToLower(c))
		if d < distance && 2*d <= max(utf8.RuneCountInString(word), utf8.RuneCountInString(c)) {
			best, distance = c, d
		}
	}
	return best
}
