package rubric

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// TestEachWordIsAccountedFor checks that the readings cover each letter and digit
// of each text once, in order, and each to say what became of it.
func TestEachWordIsAccountedFor(t *testing.T) {
	texts := [4][]string{corpus(t, fieldPreference), corpus(t, fieldTiming), corpus(t, fieldFrequency), corpus(t, fieldCommunication)}
	for _, path := range []string{"testdata/cases.txt", "testdata/phrases.txt", "testdata/fresh.txt"} {
		for _, e := range examples(t, path) {
			texts[e.field] = append(texts[e.field], e.text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := &simv1.Rubric{}
		said := [4]string{}
		for f := range said {
			said[f] = anyOf(t, "text", texts[f]) + anyOf(t, "link", []string{" ", "\n\n", ", and ", " – "}) + anyOf(t, "more", texts[f])
			if rapid.Bool().Draw(t, "noise") {
				said[f] += " " + prose(t, "prose")
			}
		}
		r.PersonalPreference, r.Timing, r.Frequency, r.CommunicationSafety = said[0], said[1], said[2], said[3]
		requireAccounted(t, r)
	})
}

func requireAccounted(t require.TestingT, r *simv1.Rubric) {
	said := [4]string{r.GetPersonalPreference(), r.GetTiming(), r.GetFrequency(), r.GetCommunicationSafety()}
	result := Read(r)
	covered := [4][]bool{}
	for f := range said {
		covered[f] = make([]bool, len(said[f]))
	}
	for _, rd := range result.Readings {
		f := fieldNamed(rd.Field)
		require.Less(t, rd.Start, rd.End, rd.Phrase)
		for k := rd.Start; k < rd.End; k++ {
			require.False(t, covered[f][k], "%q is read twice", said[f][rd.Start:rd.End])
			covered[f][k] = true
		}
		require.NotEmpty(t, rd.Phrase)
		switch rd.Status {
		case StatusRule:
			require.True(t, len(rd.Rules) > 0 || rd.Warning != "", "%q is read as nothing", rd.Phrase)
		case StatusUnread:
			require.NotEmpty(t, rd.Warning, rd.Phrase)
			require.Empty(t, rd.Rules, rd.Phrase)
		}
		require.True(t, rd.Warning == "" || slices.ContainsFunc(result.Warnings, func(w *userv1.Warning) bool {
			return w.GetField() == rd.Field && w.GetPhrase() == rd.Phrase && w.GetReason() == rd.Warning
		}), "%q is not warned of", rd.Phrase)
	}
	requireShown(t, result)
	for f := range said {
		for k, c := range said[f] {
			require.True(t, covered[f][k] || !unicode.IsLetter(c) && !unicode.IsDigit(c), "%s: %q at %d of %q is lost", field(f), string(c), k, said[f])
		}
	}
}

// requireShown checks that each rule of the spec is shown with a clause that made it.
func requireShown(t require.TestingT, result Result) {
	shown := func(begins, contains string) bool {
		return slices.ContainsFunc(result.Readings, func(rd Reading) bool {
			return slices.ContainsFunc(rd.Rules, func(line string) bool { return strings.HasPrefix(line, begins) && strings.Contains(line, contains) })
		})
	}
	timing, liking, frequency := result.Spec.GetTiming(), result.Spec.GetContent(), result.Spec.GetFrequency()
	for _, p := range timing.GetReceptive() {
		require.True(t, shown("open ", When(p)), "nobody asks for open %s", When(p))
	}
	for _, p := range timing.GetProtected() {
		require.True(t, shown("closed ", When(p)), "nobody asks for closed %s", When(p))
	}
	for begins, list := range map[string][]*simv1.ContentRule{"likes ": liking.GetLiked(), "dislikes ": liking.GetDisliked()} {
		for _, rule := range list {
			if strings.Contains(ruleLine(rule), "everything but ") {
				continue // everything else, by "only"
			}
			for _, id := range rule.GetTopics() {
				require.True(t, shown(begins, id), "nobody asks for %s%s", begins, id)
			}
		}
	}
	for _, b := range frequency.GetAtLeast() {
		require.True(t, b.GetSlots() != nil || shown(boundLine("at least", b), ""), "nobody asks for %s", boundLine("at least", b))
	}
}
