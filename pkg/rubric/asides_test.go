package rubric

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Clauses that make no rule.
var (
	reasonsOf = []string{"because it calms me", "since it means that I rest", "so that I sleep well", "as it keeps me awake", "because life is short and I love books", "so I can think about sports and dinner"}
	obstacles = []string{"our neighbour gribbles the old wumps over there", "the flobbery gribbles zithers onto wumps", "where the gribbling of wumps is a custom", "gribbling old wumps is flobbery"}
	// selves say what somebody does at a time, and nothing about being spoken to.
	selvesOf = []string{"I paint %", "I write to my sister %", "we go to the market %", "I take my pills %", "my house is full %", "they ring the bells %", "I have three children around %", "I sleep badly %", "I work with my hands %", "% I'm only for them", "% I'm with her, and only for her"}
	// askings are questions without a word about what somebody thinks of it.
	askings = []string{"What about %?", "%?", "And %?", "Did you know about %?", "Who does %?", "Shall we say %?"}
	// hedged are sentences in which a word of the language takes the wish back.
	hedged = []string{"I used to like %.", "I would have liked %.", "They say that I like %.", "I like % less than most people do.", "As if I liked %.", "Once I liked %.", "I thought I liked %.", "If only I liked %.", "Nobody says I like %.", "I like to forget %.", "I'm told I like %.", "I like % as much as a cold."}
)

// bothFields draws a field and a phrase that belongs into it: a topic or a time.
func bothFields(t *rapid.T) (field, string) {
	if rapid.Bool().Draw(t, "about times") {
		return fieldTiming, drawMoment(t).text
	}
	return fieldPreference, drawSubjects(t, 1)[0].text
}

// requireNoWish requires that a text opens and likes nothing.
func requireNoWish(t *rapid.T, f field, text string) {
	spec, _ := Compile(rubricOf(f, text))
	require.Empty(t, spec.GetTiming().GetReceptive(), text)
	require.Empty(t, spec.GetContent().GetLiked(), text)
}

// TestWhatIsNoWishMakesNone covers what speaks of a topic or a time without
// asking for it: questions, threats, what nobody asks for, and the second half of
// a refusal.
func TestWhatIsNoWishMakesNone(t *testing.T) {
	provocations := phrasesUnder("provocations", "")
	rapid.Check(t, func(t *rapid.T) {
		f, item := bothFields(t)
		requireNoWish(t, f, fill(anyOf(t, "question", askings), item))
		_, second := fieldOfSame(t, f)
		denial := map[field]string{fieldTiming: anyOf(t, "denial", denials), fieldPreference: anyOf(t, "refusal", refusals)}[f]
		requireNoWish(t, f, fill(denial, item)+". Nor "+second+".")
		verb := anyOf(t, "provocation", provocations)
		requireNoWish(t, f, verb+" me "+item+" and "+anyOf(t, "threat", []string{"I will unplug you", "you are out", "I'm gone", "you will be sorry"})+".")
		if f == fieldPreference {
			requireNoWish(t, f, verb+" me about "+item+" and I will unplug you.")
			return
		}
		for _, bother := range []string{"disturb me %.", "interrupting me %.", "you bother me %.", "interruptions %.", "% you disturb me.", "you trouble me %."} {
			requireNoWish(t, f, fill(bother, item))
		}
		requireNoWish(t, f, "Only disturb "+rapid.SampledFrom(pursuits).Draw(t, "activity").phrase+".")
		requireNoWish(t, f, "When "+anyOf(t, "person", []string{"my daughter", "my son", "my wife", "the baby", "my grandchildren", "my children"})+" is with me I'm only for her.")
		for _, self := range selvesOf {
			requireNoWish(t, f, fill(self, item)+".")
		}
	})
}

// fieldOfSame draws one more phrase for the same field.
func fieldOfSame(t *rapid.T, f field) (field, string) {
	if f == fieldTiming {
		return f, drawMoment(t).text
	}
	return f, drawSubjects(t, 1)[0].text
}

// TestAHedgeIsNoWish: a wish in a structure that is not known makes no rule, or
// is named.
func TestAHedgeIsNoWish(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := anyOf(t, "topic", topicNames[rapid.IntRange(0, len(topicNames)-1).Draw(t, "id")])
		for _, pattern := range hedged {
			spec, warnings := Compile(rubricOf(fieldPreference, fill(pattern, item)))
			require.True(t, len(spec.GetContent().GetLiked()) == 0, "%s: %s", fill(pattern, item), Describe(spec))
			require.NotEmpty(t, warnings, fill(pattern, item))
		}
	})
}

// TestAWordWithoutMeaningIsNeverPassedOver puts a word that nobody knows anywhere
// into a sentence that would be read: its clause is then not read, or named.
func TestAWordWithoutMeaningIsNeverPassedOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, item := bothFields(t)
		pattern := map[field][]string{
			fieldTiming:     {"talk to me %", "catch me %", "% is fine", "not %", "% is off limits"},
			fieldPreference: {"tell me about %", "please talk about %", "% would be lovely", "no %", "nothing about %"},
		}[f]
		words := strings.Fields(fill(anyOf(t, "pattern", pattern), item))
		at := rapid.IntRange(0, len(words)).Draw(t, "at")
		text := strings.Join(slices.Insert(words, at, "gribbledy"), " ") + "."
		for _, rd := range Read(rubricOf(f, text)).Readings {
			require.False(t, strings.Contains(rd.Phrase, "gribbledy") && rd.Warning == "", "%q: %v", text, rd)
		}
	})
}

// TestAnExceptionThatIsNotReadLeavesTheRuleInDoubt: who likes books except
// something unknown does not simply like books.
func TestAnExceptionThatIsNotReadLeavesTheRuleInDoubt(t *testing.T) {
	links := slices.Concat(without(separatorsOf("except"), "any time but", "anything but", "everything but", "unless"), []string{"but not", "and not", "and never", "but never"})
	rapid.Check(t, func(t *rapid.T) {
		f, item := bothFields(t)
		wish := map[field][]string{fieldTiming: {"talk to me %", "catch me %"}, fieldPreference: {"I like %", "tell me about %"}}[f]
		requireNoWish(t, f, fill(anyOf(t, "wish", wish), item)+", "+anyOf(t, "except", links)+" "+anyOf(t, "obstacle", obstacles)+".")
	})
}

// TestATextMakesNoRuleOfAnother puts topics and times into texts about how often
// and in which manner.
func TestATextMakesNoRuleOfAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment, topic := drawMoment(t).text, drawSubjects(t, 1)[0].text
		remark := anyOf(t, "remark", slices.Concat(remarksOf, []string{
			fill(anyOf(t, "self", selvesOf), moment), "especially " + moment, "it matters " + moment, "the house is full " + moment, "I am busy " + moment,
			topic + " and all that", "I think about " + topic, topic + " keeps me busy", "the bells ring " + moment,
		}))
		text := anyOf(t, "order", []string{"Twice a day. % and so on.", "%. Twice a day.", "Twice a day, %.", "Twice a day: %.", "Twice a day because %.", "Twice a day, especially since %.", "At most once an hour. %.", "Every two hours, %."})
		spec, _ := Compile(rubricOf(fieldFrequency, fill(text, remark)))
		require.Empty(t, spec.GetTiming().GetReceptive(), fill(text, remark))
		require.Empty(t, spec.GetTiming().GetProtected(), fill(text, remark))
		require.Empty(t, spec.GetContent().GetLiked(), fill(text, remark))
		for _, manner := range []string{"Be warm. " + remark + ".", "Be warm " + moment + ".", "Warm " + moment + ".", "Be warm. " + topic + ".", "Be warm, " + moment + ", " + topic + "."} {
			var warnings []*userv1.Warning
			spec, warnings = Compile(rubricOf(fieldCommunication, manner))
			require.True(t, len(warnings) > 0 || !strings.Contains(manner, moment), manner)
			require.Empty(t, spec.GetTiming().GetReceptive(), manner)
			require.Empty(t, spec.GetContent().GetLiked(), manner)
			require.Empty(t, spec.GetFrequency().GetAtMost(), manner)
		}
		times := fill("%, "+anyOf(t, "number", []string{"two is plenty", "I have two cats", "we are three", "two or three people live here", "at most three of us"})+".", moment)
		spec, _ = Compile(rubricOf(fieldTiming, times))
		require.Empty(t, spec.GetFrequency().GetAtLeast(), times)
		require.Empty(t, spec.GetFrequency().GetAtMost(), times)
	})
}

// TestReasonsAndThreatsMakeNoRules adds a reason or a threat, in the words of the
// vocabulary, to a text: the spec stays the same.
func TestReasonsAndThreatsMakeNoRules(t *testing.T) {
	texts := [4][]string{corpus(t, fieldPreference), corpus(t, fieldTiming), corpus(t, fieldFrequency), corpus(t, fieldCommunication)}
	reasons := without(phrasesUnder("reasons", ""), "since he", "since she", "as he", "as she") // who may be the person
	suppositions := without(phrasesUnder("suppositions", ""), "if he", "if she")
	rapid.Check(t, func(t *rapid.T) {
		f := field(rapid.IntRange(0, 3).Draw(t, "field"))
		text := strings.TrimRight(anyOf(t, "text", texts[f]), ".")
		said := anyOf(t, "said", slices.Concat(remarksOf, []string{
			"you talk about books every hour", "you speak to me in the morning", "it is about sports after dinner", "I am tired and I like films", "you are kind and evenings are fine",
			"it suits me and you can talk to me " + drawMoment(t).text, "I love " + drawSubjects(t, 1)[0].text,
		}))
		more := anyOf(t, "more", []string{
			", because %.", ", since it means that %.", ", so that %.", ". If you do, I'll say: %.", ". If it happens that % I'll switch you off.", ". Should you think that % I'll leave.", ". Imagine that %.",
			", " + anyOf(t, "reason", reasons) + " %.", " " + anyOf(t, "reason", reasons) + " %.",
			". " + anyOf(t, "supposition", suppositions) + " %, films are fine.", ". " + anyOf(t, "supposition", suppositions) + " go on, %.", ". " + anyOf(t, "supposition", suppositions) + " go on, evenings are best.",
		})
		spec, _ := Compile(rubricOf(f, text+fill(more, said)))
		alone, _ := Compile(rubricOf(f, text+"."))
		require.True(t, proto.Equal(alone, spec), "%s%s: %s", text, fill(more, said), Describe(spec))
	})
}

// TestATopicBothLikedAndRefusedIsNeither names the same topic twice, by names that
// the catalogue cannot tell apart.
func TestATopicBothLikedAndRefusedIsNeither(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := topicNames[rapid.IntRange(0, len(topicNames)-1).Draw(t, "topic")]
		wish := "I like " + anyOf(t, "liked", names)
		refusal := fill(anyOf(t, "refusal", []string{"No %", "I don't like %", "Nothing about %", "% bores me", "Leave % out of it"}), anyOf(t, "refused", names))
		for _, text := range []string{wish + ". " + refusal + ".", refusal + ". " + wish + "."} {
			spec, warnings := Compile(rubricOf(fieldPreference, text))
			require.NotEmpty(t, warnings, text)
			if warnings[0].GetReason() == whyManner {
				continue // "no lectures" may refuse a manner
			}
			require.Empty(t, spec.GetContent().GetLiked(), text)
			require.Empty(t, spec.GetContent().GetDisliked(), text)
			require.Len(t, warnings, 2, text)
		}
	})
}

// TestAConditionThatIsNotReadIsNamedFirst: what is lost with a condition is said
// before all else, and as a condition.
func TestAConditionThatIsNotReadIsNamedFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, item := bothFields(t)
		wish := map[field][]string{fieldTiming: {"talk to me %", "catch me %"}, fieldPreference: {"I like %", "tell me about %"}}[f]
		text := "Gribbledy. " + fill(anyOf(t, "wish", wish), item) + ", " + anyOf(t, "condition", []string{"when", "while", "until", "as long as", "provided that", "only when"}) + " the wumps are flobbing."
		_, warnings := Compile(rubricOf(f, text))
		require.NotEmpty(t, warnings, text)
		require.Equal(t, whyCondition, warnings[0].GetReason(), text)
	})
}
