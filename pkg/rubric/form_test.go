package rubric

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// unknownForms lists the forms of a text that are not known, for whoever adds
// them to vocabulary/forms.txt and vocabulary/pieces.txt.
func unknownForms(f field, text string) []string {
	var out []string
	r := &reader{field: f, text: text, out: &reading{}}
	for _, in := range sentences(tokenizeWith(text, f == fieldTiming)) {
		s := &scanner{toks: in.toks, strict: f == fieldPreference || f == fieldCommunication}
		cls := clauses(r.chunks(s))
		for k := range cls {
			if name := form(s, &cls[k]); name != "" && !knownForms[f][name] {
				out = append(out, name)
			}
			for _, c := range cls[k].chunks {
				if name := pieceForm(s, c); (c.kind == chunkMoment || c.kind == chunkCount) && !knownPieces[name] {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

func TestFormsKeepTheWordsThatCarryTheSense(t *testing.T) {
	for text, want := range map[string]string{
		"books and films":                 "topics",
		"I like my books":                 "i + topics",
		"maybe some books":                "maybe topics",
		"I never want books at breakfast": "i - + topics @activity",
	} {
		r := &reader{field: fieldPreference, text: text, out: &reading{}}
		s := &scanner{toks: tokenize(text), strict: true}
		cls := clauses(r.chunks(s))
		require.Equal(t, want, form(s, &cls[0]), text)
	}
}

func TestAnUnknownFormMakesNoRuleAndIsNamed(t *testing.T) {
	for f, texts := range map[field][]string{
		fieldTiming:     {"Gym: maybe.", "Dinner, sort of.", "Right after lunch for about an hour."},
		fieldPreference: {"I used to like films.", "I like films more or less than nothing.", "Films, at one time."},
		fieldFrequency:  {"Twice a day it used to be.", "Once a day if you must.", "Would that it were twice a day."},
	} {
		for _, text := range texts {
			spec, warnings := Compile(rubricOf(f, text))
			require.Empty(t, spec.GetTiming().GetReceptive(), text)
			require.Empty(t, spec.GetContent().GetLiked(), text)
			require.Empty(t, spec.GetFrequency().GetAtLeast(), text)
			require.NotEmpty(t, warnings, text)
		}
	}
}
