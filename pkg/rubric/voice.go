package rubric

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// firstPerson retells a text in the first person, so that "she prefers tips
// after her lunch" reads like "I prefer tips after my lunch". Places in the text
// are kept, and with them the verbatim phrases.
func firstPerson(text string, toks []token) []token {
	out := make([]token, 0, len(toks))
	begin := true
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		if begin && t.kind == word {
			if n := nameAt(text, toks, i); n > 0 {
				t.text, t.end = "i", toks[i+n-1].end
				out = append(out, t)
				i += n
				out = append(out, secondForm(toks[i]))
				begin = false
				continue
			}
		}
		begin = t.kind == mark && (t.text == "." || t.text == "!" || t.text == "?" || t.text == ";")
		switch t.text {
		case "he", "she":
			t.text = "i"
			out = append(out, t)
			if i+1 < len(toks) && toks[i+1].kind == word {
				i++
				out = append(out, secondForm(toks[i]))
			}
			continue
		case "his", "hers":
			t.text = "my"
		case "him":
			t.text = "me"
		case "himself", "herself":
			t.text = "myself"
		case "her":
			t.text = "my"
			if i+1 >= len(toks) || toks[i+1].kind == mark || objects[toks[i+1].text] {
				t.text = "me"
			}
		}
		out = append(out, t)
	}
	return out
}

// nameAt returns the length in words of a name that begins a sentence and is
// followed by a verb of the third person; 0 where there is none.
func nameAt(text string, toks []token, i int) int {
	for n := 1; n <= 3 && i+n < len(toks); n++ {
		first, _ := utf8.DecodeRuneInString(text[toks[i+n-1].start:])
		if toks[i+n-1].kind != word || !unicode.IsUpper(first) {
			return 0
		}
		if !speakers[toks[i+n].text] {
			continue
		}
		if _, k := topicWords.match(toks, i); k > 0 || fillers[toks[i].text] || cues.length(toks, i) > 0 || relations.length(toks, i) > 0 || weighty[toks[i].text] || openers[toks[i].text] || selves[toks[i].text] {
			return 0
		}
		return n
	}
	return 0
}

// secondForm turns a verb of the third person into that of the first.
func secondForm(t token) token {
	switch t.text {
	case "is":
		t.text = "am"
	case "has":
		t.text = "have"
	case "does":
		t.text = "do"
	case "goes":
		t.text = "go"
	case "always", "perhaps", "sometimes", "was", "needs", "thus", "also":
	default:
		for _, tail := range []string{"shes", "ches", "sses", "xes", "zes"} {
			if strings.HasSuffix(t.text, tail) {
				t.text = strings.TrimSuffix(t.text, "es")
				return t
			}
		}
		switch {
		case strings.HasSuffix(t.text, "ies") && len(t.text) > 4:
			t.text = strings.TrimSuffix(t.text, "ies") + "y"
		case strings.HasSuffix(t.text, "s") && !strings.HasSuffix(t.text, "ss") && len(t.text) > 3:
			t.text = strings.TrimSuffix(t.text, "s")
		}
	}
	return t
}
