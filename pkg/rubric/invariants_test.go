package rubric

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// What sentences are made of.
var (
	doings     = []string{"cooking", "painting", "reading", "praying", "gardening", "knitting", "meditating", "working", "ironing"}
	subjectsOf = []string{"films", "books", "sports", "politics", "jazz", "gardening", "science", "history", "recipes", "travel", "the weather", "podcasts"}
	unknowns   = []string{"calligraphy", "falconry", "numismatics", "beekeeping", "the flugelhorn", "zither polishing"}
	remarksOf  = []string{"it calms me", "I sleep badly", "my house is full", "I work with my hands", "life is short", "I paint a lot in the evening", "my mornings are a mess", "family dinners matter to me", "I read every day", "the radio wakes me at six"}
	denials    = []string{"not %", "never %", "please don't disturb me %", "don't talk to me %", "no messages %", "I'd rather not be interrupted %", "leave me alone %", "leave me in peace %", "keep away %", "stay silent %", "% I want silence", "% is off limits", "% is out of the question", "nothing %", "🚫 %"}
	refusals   = []string{"no %", "not %", "never %", "nothing about %", "I don't like %", "I hate %", "spare me %", "less %", "fewer %", "keep % away from me", "leave % out of it", "% bores me", "% is not for me", "avoid %", "I can't stand %", "no more %", "👎 %", "I'd rather not hear about %", "not so much %", "away with %"}
)

func fill(pattern, with string) string { return strings.ReplaceAll(pattern, "%", with) }

// anyOf draws one of a list.
func anyOf(t *rapid.T, label string, list []string) string {
	return rapid.SampledFrom(list).Draw(t, label)
}

func liked(spec *simv1.PreferenceSpec) []string {
	var out []string
	for _, r := range spec.GetContent().GetLiked() {
		out = append(out, r.GetTopics()...)
	}
	return out
}

// prose of the corpus: sentences of people who speak for themselves.
func corpus(t testing.TB, f field) []string {
	var out []string
	for _, p := range people(t) {
		text := [...]string{p.rubric.GetPersonalPreference(), p.rubric.GetTiming(), p.rubric.GetFrequency(), p.rubric.GetCommunicationSafety()}[f]
		out = append(out, strings.TrimSpace(text))
	}
	return out
}

// Ways to deny a time and to refuse a topic, those of the vocabulary among them:
// its cues before and behind what they judge.
var (
	allDenials  = slices.Concat(denials, cuesBefore(timingCues), cuesBehind(verdictCues), cuesBehind(phrasesUnder("cues_timing", "negative")))
	allRefusals = slices.Concat(refusals, cuesBefore(topicCues), cuesBehind(verdictCues), cuesBehind(phrasesUnder("cues_preference", "negative")))
	timingCues  = slices.Concat(negativeCues, phrasesUnder("cues_timing", "negative"))
	topicCues   = slices.Concat(negativeCues, phrasesUnder("cues_preference", "negative"))
)

// anyDenial draws a denial, each second time one of those that people use most.
func anyDenial(t *rapid.T, most, all []string) string {
	if rapid.Bool().Draw(t, "of most use") {
		return anyOf(t, "denial", most)
	}
	return anyOf(t, "denial", all)
}

func TestADenialOpensNothing(t *testing.T) {
	texts := corpus(t, fieldTiming)
	rapid.Check(t, func(t *rapid.T) {
		said := anyOf(t, "text", texts)
		denial := fill(anyDenial(t, denials, allDenials), drawMoment(t).text)
		alone, _ := Compile(rubricOf(fieldTiming, denial+"."))
		require.Empty(t, alone.GetTiming().GetReceptive(), denial)
		with, _ := Compile(rubricOf(fieldTiming, said+" "+denial+"."))
		without, _ := Compile(rubricOf(fieldTiming, said))
		require.Equal(t, len(without.GetTiming().GetReceptive()), len(with.GetTiming().GetReceptive()), "%s: %s", denial, Describe(with))
		first, _ := Compile(rubricOf(fieldTiming, denial+", and "+drawMoment(t).text))
		require.Empty(t, first.GetTiming().GetReceptive(), denial)
	})
}

func TestARefusalLikesNothing(t *testing.T) {
	texts := corpus(t, fieldPreference)
	rapid.Check(t, func(t *rapid.T) {
		refusal := fill(anyDenial(t, refusals, allRefusals), drawSubjects(t, 1)[0].text)
		spec, warnings := Compile(rubricOf(fieldPreference, refusal+"."))
		require.Empty(t, spec.GetContent().GetLiked(), refusal)
		require.True(t, len(spec.GetContent().GetDisliked()) > 0 || len(warnings) > 0, "%s disappears", refusal)
		said := anyOf(t, "text", texts)
		with, _ := Compile(rubricOf(fieldPreference, said+" "+refusal+"."))
		without, _ := Compile(rubricOf(fieldPreference, said))
		require.Subset(t, liked(without), liked(with), refusal)
	})
}

func TestPolarityEndsWithItsClause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		no, yes := anyOf(t, "no", subjectsOf), anyOf(t, "yes", subjectsOf)
		if no == yes {
			t.Skip("the same topic")
		}
		link := anyOf(t, "link", []string{". I like ", "; I enjoy ", ", but I love ", ", and I like ", ". Tell me about ", ", but "})
		spec, _ := Compile(rubricOf(fieldPreference, fill(anyOf(t, "refusal", refusals), no)+link+yes+"."))
		wanted, _ := Compile(rubricOf(fieldPreference, "I like "+yes+"."))
		require.Equal(t, liked(wanted), liked(spec))
	})
}

// TestBeforeAndFromOpenNothing draws the activity, and "before" in all its words,
// from the vocabulary.
func TestBeforeAndFromOpenNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		what := rapid.SampledFrom(pursuits).Draw(t, "activity")
		doing := rapid.SampledFrom(gerunds).Draw(t, "activity")
		before := anyOf(t, "before", beforePhrases)
		for _, pattern := range []string{
			"%.", "Late morning, %.", "Around 6 pm, %.", "In the afternoon, but %.", "Talk to me %.", "I like to hear from you %.", "% is fine.",
		} {
			for _, lead := range []string{before + " N", before + " G", before + " I am G", "from N", "from G", "a rest from N", "when I rest from G", "when I'm away from N", "a break from N"} {
				text := fill(pattern, strings.NewReplacer("N", what.phrase, "G", doing.phrase).Replace(lead))
				spec, _ := Compile(rubricOf(fieldTiming, text))
				for _, p := range spec.GetTiming().GetReceptive() {
					for _, kinds := range [][]string{what.kinds, doing.kinds} {
						require.False(t, len(p.GetActivity().GetKinds()) > 0 && slices.Equal(kinds, p.GetActivity().GetKinds()), "%s: %s", text, Describe(spec))
					}
				}
			}
		}
	})
}

// TestANounInAConditionIsNoTopic names a second topic in a condition, or as what
// goes along with the first.
func TestANounInAConditionIsNoTopic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pair := rapid.Permutation(indices(len(topicNames))).Draw(t, "topics")
		topic, other := anyOf(t, "topic", topicNames[pair[0]]), anyOf(t, "other", topicNames[pair[1]])
		doing := rapid.SampledFrom(gerunds).Draw(t, "activity").phrase
		text := strings.NewReplacer("T", topic, "O", other, "D", doing).Replace(anyOf(t, "pattern", []string{
			"I like T when I'm reading about O.", "T while I'm talking about O.", "I enjoy T when I'm on the phone about O.", "T when I'm working on O.",
			"T while I'm listening to O.", "Tell me about T when I rest from O.", "T before I go back to O.", "T with a glass of something and O on.",
			"I like T when I'm D about O.", "T while I'm D with O.", "T when I'm D for O or D.", "I like T over dinner and some O.", "I like T over lunch with O.",
			"T over a cup of something and a little O.", "T with a friend and some O.", "I like T, with O.", "I like T, with some O on.", "T, to O.", "I enjoy T, in O.",
			"T about O.", "I like T about O.", "I like T for O.", "Tell me about T with O.", "T on the O of the day.", "T when I'm D or E.", "I like T while I'm D or E.", "T when I'm E or D.",
		}))
		text = strings.ReplaceAll(text, "E", anyOf(t, "topic that is done", []string{"painting", "knitting", "gardening", "reading", "cooking", "baking", "running", "cleaning", "dancing", "sketching"}))
		spec, _ := Compile(rubricOf(fieldPreference, text))
		allowed := content.Topics()[pair[0]].ID
		for _, id := range liked(spec) {
			require.Equal(t, allowed, id, "%s: %s", text, Describe(spec))
		}
	})
}

func TestAConditionBelongsToItsOwnTopic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unknown, topic, doing := anyOf(t, "unknown", unknowns), anyOf(t, "topic", subjectsOf), anyOf(t, "doing", doings)
		text := strings.NewReplacer("U", unknown, "T", topic, "D", doing).Replace(anyOf(t, "pattern", []string{
			"U when I'm D, and T when I'm at the market.", "U while D, T.", "U, when I'm D, and T.", "U while I'm D and T tips.", "When I'm D, U; T.", "U ideas while D; T ideas.",
		}))
		spec, warnings := Compile(rubricOf(fieldPreference, text))
		for _, rule := range spec.GetContent().GetLiked() {
			require.Nil(t, rule.GetWhen(), "%s: %s", text, Describe(spec))
		}
		require.NotEmpty(t, warnings, text)
	})
}

func TestMeridiemsEndNoSentence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour := digits(rapid.Int32Range(1, 11).Draw(t, "hour"))
		half := anyOf(t, "half", []string{"a.m.", "p.m.", "A.M.", "P.M."})
		text := "Not during " + anyOf(t, "what", []string{"dinner", "yoga", "prayer", "meetings"}) + anyOf(t, "place", []string{" (% %)", " at % %", ", % %", " (at % %, I think)", " around % %"}) + anyOf(t, "link", []string{" or ", ", ", ", nor ", " and "}) + "on the phone."
		text = strings.NewReplacer("% %", hour+" "+half).Replace(text)
		spec, _ := Compile(rubricOf(fieldTiming, text))
		require.Empty(t, spec.GetTiming().GetReceptive(), text)
	})
}
