package rubric

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Sentences that are read in full.
var (
	plainWishes   = []string{"talk to me %", "catch me %", "I like to hear from you %", "% is fine", "% is best"}
	plainRefusals = []string{"not %", "never %", "no messages %", "leave me alone %", "% is off limits", "don't talk to me %"}
)

// TestAPlainTimeIsReadInFull: an easy sentence about a time makes its rule, and
// that alone, with no warning.
func TestAPlainTimeIsReadInFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMoment(t)
		for _, wish := range plainWishes {
			spec, warnings := Compile(rubricOf(fieldTiming, fill(wish, m.text)+"."))
			requirePatterns(t, fill(wish, m.text), []meant{m}, spec.GetTiming().GetReceptive(), meant.same)
			requirePatterns(t, fill(wish, m.text), nil, spec.GetTiming().GetProtected(), meant.same)
			require.Empty(t, warnings, fill(wish, m.text))
		}
		for _, refusal := range plainRefusals {
			spec, warnings := Compile(rubricOf(fieldTiming, fill(refusal, m.text)+"."))
			requirePatterns(t, fill(refusal, m.text), []meant{m}, spec.GetTiming().GetProtected(), meant.sameRefused)
			requirePatterns(t, fill(refusal, m.text), nil, spec.GetTiming().GetReceptive(), meant.same)
			require.Empty(t, warnings, fill(refusal, m.text))
		}
	})
}

func requirePatterns(t *rapid.T, text string, want []meant, got []*simv1.MomentPattern, same func(meant, *simv1.MomentPattern) bool) {
	require.Len(t, got, len(want), text)
	for k, m := range want {
		require.True(t, same(m, got[k]), "%s: %s", text, When(got[k]))
	}
}

// TestAListUnderOneVerdictIsReadInFull: the verdict before or behind a list of
// topics judges each of them, and "but", "except" and "and not" turn it.
func TestAListUnderOneVerdictIsReadInFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.Permutation(indices(len(topicNames))).Draw(t, "topics")
		name := func(k int) string { return topicNames[pick[k]][0] }
		ids := func(of ...int) []string {
			var out []string
			for _, k := range of {
				out = append(out, content.Topics()[pick[k]].ID)
			}
			return out
		}
		for _, c := range []struct {
			text            string
			liked, disliked []string
		}{
			{"I like A, B and C.", ids(0, 1, 2), nil},
			{"No A, B or C.", nil, ids(0, 1, 2)},
			{"A, B and C are not for me.", nil, ids(0, 1, 2)},
			{"A and B bore me.", nil, ids(0, 1)},
			{"I like A and B, but no C.", ids(0, 1), ids(2)},
			{"No A or B, but C.", ids(2), ids(0, 1)},
			{"I like A " + anyOf(t, "not", []string{"and not", "but not", "rather than", "instead of"}) + " B.", ids(0), ids(1)},
			{"I don't like A. B.", ids(1), ids(0)},
			{"I hate A. I like B and C.", ids(1, 2), ids(0)},
			{"Leave A and B out of it.", nil, ids(0, 1)},
			{"I don't like A. Nor B.", nil, ids(0, 1)},
		} {
			text := strings.NewReplacer("A", name(0), "B", name(1), "C", name(2)).Replace(c.text)
			spec, warnings := Compile(rubricOf(fieldPreference, text))
			require.ElementsMatch(t, c.liked, liked(spec), "%s: %s", text, Describe(spec))
			var refused []string
			for _, r := range spec.GetContent().GetDisliked() {
				refused = append(refused, r.GetTopics()...)
			}
			require.ElementsMatch(t, c.disliked, refused, "%s: %s", text, Describe(spec))
			require.Empty(t, warnings, text)
		}
	})
}

// plainTopics are topics whose first name is one word and means no activity, so
// that nothing else can be read from it.
func plainTopics() []int {
	return slices.DeleteFunc(indices(len(topicNames)), func(k int) bool {
		return strings.Contains(topicNames[k][0], " ") || slices.ContainsFunc(strings.Fields(topicNames[k][0]), func(w string) bool { return activityWords.length(tokenize(w), 0) > 0 })
	})
}

// TestAConditionIsReadForItsOwnTopic: a condition is read with all that belongs to
// it, before or behind its topic, and not for the other topic of the sentence.
func TestAConditionIsReadForItsOwnTopic(t *testing.T) {
	relaxing, reading, phone := duringMeant("", []string{"relaxing"}), duringMeant("", []string{"reading"}), duringMeant("", []string{"phone"})
	evening := clockMeant("", hm(18, 0), hm(22, 0))
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.Permutation(plainTopics()).Draw(t, "topics")
		work := anyOf(t, "work", []string{"work", "my work", "housework", "gardening", "the garden"})
		obstacle := anyOf(t, "obstacle", obstacles)
		for _, c := range []struct {
			text string
			when [2]*meant
			both bool // two topics are liked
		}{
			{"I like A when I'm resting from N.", [2]*meant{&relaxing}, false},
			{"I like A while I'm reading about B.", [2]*meant{&reading}, false},
			{"I like A when I'm on the phone with a friend.", [2]*meant{&phone}, false},
			{"I like A, and in the evening B.", [2]*meant{nil, &evening}, true},
			{"A, in the evening B.", [2]*meant{nil, &evening}, true},
			{"I like A in the evening, B.", [2]*meant{&evening, nil}, true},
			{"A when I'm reading, B.", [2]*meant{&reading, nil}, true},
			{"A when I'm reading, B in the evening.", [2]*meant{&reading, &evening}, true},
			{"In the evening I like A, O, and I like B.", [2]*meant{&evening, nil}, true},
			{"In the evening I like A. I like B.", [2]*meant{&evening, nil}, true},
		} {
			text := strings.NewReplacer("A", topicNames[pick[0]][0], "B", topicNames[pick[1]][0], "N", work, "O", obstacle).Replace(c.text)
			spec, _ := Compile(rubricOf(fieldPreference, text))
			n := 1
			if c.both {
				n = 2
			}
			require.Len(t, liked(spec), n, "%s: %s", text, Describe(spec))
			for _, rule := range spec.GetContent().GetLiked() {
				for _, id := range rule.GetTopics() {
					k := slices.Index([]string{content.Topics()[pick[0]].ID, content.Topics()[pick[1]].ID}[:n], id)
					require.GreaterOrEqual(t, k, 0, "%s: %s", text, Describe(spec))
					require.True(t, c.when[k] == nil && rule.GetWhen() == nil || c.when[k] != nil && rule.GetWhen() != nil && c.when[k].same(rule.GetWhen()), "%s: %s", text, Describe(spec))
				}
			}
		}
	})
}

// TestOutsideClosesWhatItNames covers "outside", which only times have.
func TestOutsideClosesWhatItNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(daypartNames).Draw(t, "part of the day")
		v, err := hours(e.value)
		require.NoError(t, err)
		text := "Any time is fine outside the " + e.phrase + "."
		spec, _ := Compile(rubricOf(fieldTiming, text))
		requirePatterns(t, text, nil, spec.GetTiming().GetReceptive(), meant.same)
		requirePatterns(t, text, []meant{clockMeant("", v.from, v.to)}, spec.GetTiming().GetProtected(), meant.same)
	})
}

// TestARefinementReplacesWhatItRefines draws a part of the day and a closer time
// within it, with and without "am" and "pm".
func TestARefinementReplacesWhatItRefines(t *testing.T) {
	parts := []struct {
		name        string
		first, last int32 // hours
	}{{"morning", 7, 12}, {"late morning", 10, 12}, {"afternoon", 13, 17}, {"evening", 18, 22}, {"early evening", 17, 19}}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom(parts).Draw(t, "part")
		from := rapid.Int32Range(part.first, part.last-1).Draw(t, "from")
		to := rapid.Int32Range(from+1, part.last).Draw(t, "to")
		how := anyOf(t, "how", []string{", preferably ", ", ideally ", ", best ", ", especially ", " (", ", more precisely ", ", namely ", ", mostly "})
		closer := anyOf(t, "closer", []string{
			fmt.Sprintf("from %d:00 to %d:00", from, to), fmt.Sprintf("from %d to %d", (from-1)%12+1, (to-1)%12+1), fmt.Sprintf("between %d and %d", (from-1)%12+1, (to-1)%12+1),
		})
		if how == " (" {
			closer += ")"
		}
		text := anyOf(t, "begins", []string{"In the ", "Talk to me in the "}) + part.name + how + closer + "."
		spec, _ := Compile(rubricOf(fieldTiming, text))
		require.Len(t, spec.GetTiming().GetReceptive(), 1, "%s: %s", text, Describe(spec))
		require.True(t, clockMeant("", from*60, to*60).same(spec.GetTiming().GetReceptive()[0]), "%s: %s", text, Describe(spec))

		text = "In the " + part.name + how + fmt.Sprintf("after %d:00", from) + strings.Repeat(")", strings.Count(how, "(")) + "."
		spec, _ = Compile(rubricOf(fieldTiming, text))
		for _, p := range spec.GetTiming().GetReceptive() {
			require.Equal(t, from*60, p.GetClock().GetFromMinute(), "%s: %s", text, Describe(spec))
			require.LessOrEqual(t, p.GetClock().GetToMinute(), part.last*60, "%s: %s", text, Describe(spec))
		}
	})
}

// TestAnHourThatCouldBeEitherIsNamed: an hour without "am" and "pm" is read, and
// said to be in doubt.
func TestAnHourThatCouldBeEitherIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour := rapid.IntRange(6, 11).Draw(t, "hour")
		text := fmt.Sprintf(anyOf(t, "pattern", []string{"Around %d.", "Talk to me at %d.", "After %d is fine.", "I like to hear from you around %d."}), hour)
		spec, warnings := Compile(rubricOf(fieldTiming, text))
		require.Len(t, spec.GetTiming().GetReceptive(), 1, text)
		require.NotEmpty(t, warnings, text)
	})
}

// TestWhatNeverComesIsNotOpened: sleep, and a meal at an hour at which nobody has
// it, are named and make no rule.
func TestWhatNeverComesIsNotOpened(t *testing.T) {
	never := map[string][]string{"breakfast": {"afternoon", "evening", "late evening"}, "lunch": {"early morning", "late evening", "evening"}, "dinner": {"morning", "mid morning", "early morning"}}
	rapid.Check(t, func(t *rapid.T) {
		meal := anyOf(t, "meal", []string{"breakfast", "lunch", "dinner"})
		text := anyOf(t, "text", []string{
			"In the " + anyOf(t, "part", never[meal]) + " during " + meal + ".", "When I'm having " + meal + " in the " + anyOf(t, "part", never[meal]) + ".",
			"In the " + anyOf(t, "part", never[meal]) + ", when I'm having " + meal + ".", "My " + anyOf(t, "part", never[meal]) + " " + meal + ".", "While I'm " + anyOf(t, "asleep", []string{"asleep", "sleeping", "napping"}) + ".",
			"Talk to me while I'm " + anyOf(t, "asleep", []string{"asleep", "sleeping", "napping"}) + ".",
		})
		spec, warnings := Compile(rubricOf(fieldTiming, text))
		require.Empty(t, spec.GetTiming().GetReceptive(), text)
		require.NotEmpty(t, warnings, text)
		like := "I like films during " + meal + " in the " + anyOf(t, "part", never[meal]) + "."
		spec, warnings = Compile(rubricOf(fieldPreference, like))
		require.Empty(t, spec.GetContent().GetLiked(), like)
		require.NotEmpty(t, warnings, like)
	})
}

// TestWhatCannotBeMetIsRefused composes rubrics of sentences that are understood
// and that nobody could meet together, beside one that can be met.
func TestWhatCannotBeMetIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMoment(t)
		low := rapid.IntRange(2, 9).Draw(t, "at least")
		high := rapid.IntRange(1, low-1).Draw(t, "at most")
		topic := topicNames[rapid.IntRange(0, len(topicNames)-1).Draw(t, "topic")][0]
		good := &simv1.Rubric{PersonalPreference: "I like " + topic + ".", Timing: "Any time is fine.", Frequency: fmt.Sprintf("At least %d a day.", high), CommunicationSafety: "Friendly."}
		_, _, err := CompileStrict(good, "rubric")
		require.NoError(t, err, good)
		for name, edit := range map[string]func(*simv1.Rubric){
			"bounds apart":    func(r *simv1.Rubric) { r.Frequency = fmt.Sprintf("At least %d a day, at most %d a day.", low, high) },
			"an hour's bound": func(r *simv1.Rubric) { r.Frequency = fmt.Sprintf("At least %d an hour, at most %d a day.", low, high) },
			"no open moment":  func(r *simv1.Rubric) { r.Timing = "Talk to me " + m.text + ". Never " + m.text + "." },
			"a closed slot":   func(r *simv1.Rubric) { r.Timing, r.Frequency = "Never in the morning.", "Once in the morning." },
			"no topic": func(r *simv1.Rubric) {
				r.PersonalPreference, r.Timing = "I like "+topic+" in the morning.", "Talk to me in the evening."
			},
		} {
			bad := proto.CloneOf(good)
			edit(bad)
			_, _, err := CompileStrict(bad, "rubric")
			require.Error(t, err, "%s: %v", name, bad)
		}
	})
}

// TestBoundsReadAsThemselves: the words for bounds before and behind a number,
// from the vocabulary, in either order.
func TestBoundsReadAsThemselves(t *testing.T) {
	most, least := without(phrasesUnder("bounds_before", "most"), ""), without(phrasesUnder("bounds_before", "least"), "")
	rapid.Check(t, func(t *rapid.T) {
		low, high := rapid.Int32Range(1, 4).Draw(t, "low"), rapid.Int32Range(5, 9).Draw(t, "high")
		two := []string{fmt.Sprintf("%s %d a day", anyOf(t, "most", most), high), fmt.Sprintf("%s %d a day", anyOf(t, "least", least), low)}
		if rapid.Bool().Draw(t, "turned") {
			slices.Reverse(two)
		}
		text := strings.Join(two, anyOf(t, "link", []string{", ", " and ", ". "})) + "."
		spec, warnings := Compile(rubricOf(fieldFrequency, text))
		if len(warnings) > 0 {
			return // named
		}
		require.Len(t, spec.GetFrequency().GetAtLeast(), 1, text)
		require.Len(t, spec.GetFrequency().GetAtMost(), 1, text)
		require.Equal(t, low, spec.GetFrequency().GetAtLeast()[0].GetCount(), text)
		require.Equal(t, high, spec.GetFrequency().GetAtMost()[0].GetCount(), text)
	})
}
