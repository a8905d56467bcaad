package rubric

import (
	"strings"
	"unicode"

	"github.com/abadojack/whatlanggo"
)

// foreign returns the language of a text that is not English, "" for English.
// Texts are short, so that the words themselves say more than their letters: the
// small words of other languages, and the share of words that the vocabulary
// knows. The letters decide where the alphabet is another one, and name the
// language where no small word does.
func foreign(text string, toks []token) string {
	if name := otherAlphabet(text); name != "" {
		return name
	}
	count, known := 0, 0
	hits := map[string]int{}
	for _, t := range toks {
		if t.kind != word || t.text == "" || !unicode.IsLetter(rune(t.text[0])) && t.text[0] < 0x80 {
			continue
		}
		count++
		if english[t.text] {
			known++
		}
		for _, language := range smallWords[t.text] {
			hits[language]++
		}
	}
	name, most := "", 0
	for _, language := range languages {
		if hits[language] > most {
			name, most = language, hits[language]
		}
	}
	switch {
	case count < 3:
		return ""
	case most >= 2 && 5*known < 3*count:
		return name
	case 5*known > 2*count:
		return ""
	case name != "":
		return name
	}
	if guess := whatlanggo.Detect(text); guess.IsReliable() && guess.Lang != whatlanggo.Eng {
		return guess.Lang.String()
	}
	return "another language"
}

// otherAlphabet names the language of a text most of whose letters are not
// Latin.
func otherAlphabet(text string) string {
	latin, other := 0, 0
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Latin, r):
			latin++
		case unicode.IsLetter(r):
			other++
		}
	}
	if other <= latin || other < 3 {
		return ""
	}
	return whatlanggo.Detect(text).Lang.String()
}

// smallWords are frequent words of other languages that are no English words,
// with the languages they belong to; languages are these in a fixed order.
var smallWords, languages = func() (map[string][]string, []string) {
	m := map[string][]string{}
	var order []string
	for _, e := range entries("foreign") {
		for w := range strings.FieldsSeq(e.phrase) {
			m[w] = append(m[w], e.value)
		}
		if n := len(order); n == 0 || order[n-1] != e.value {
			order = append(order, e.value)
		}
	}
	return m, order
}()

// english are the words that the vocabulary knows.
var english = func() map[string]bool {
	m := map[string]bool{}
	listing, err := files.ReadDir("vocabulary")
	if err != nil {
		panic("rubric: " + err.Error())
	}
	for _, file := range listing {
		if file.Name() == "foreign.txt" {
			continue
		}
		for _, e := range entries(strings.TrimSuffix(file.Name(), ".txt")) {
			for w := range strings.FieldsSeq(e.phrase) {
				m[w] = true
			}
		}
	}
	for phrase := range topicPhrases() {
		for w := range strings.FieldsSeq(phrase) {
			m[w] = true
		}
	}
	for phrase := range tonePhrases() {
		for w := range strings.FieldsSeq(phrase) {
			m[w] = true
		}
	}
	for w := range numberWords {
		m[w] = true
	}
	for w := range unitMinutes {
		m[w] = true
	}
	return m
}()
