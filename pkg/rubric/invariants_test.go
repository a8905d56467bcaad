package rubric

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// What sentences are made of.
var (
	whens      = []string{"in the morning", "during dinner", "after lunch", "while I'm cooking", "when I have guests", "before 9", "after 21:00", "between 6 and 8 pm", "on the phone", "at lunch", "around noon", "in the late evening", "while I read", "from 7 p.m. to 8 p.m."}
	doings     = []string{"cooking", "painting", "reading", "praying", "gardening", "knitting", "meditating", "working", "ironing"}
	activities = []string{"prayer", "dinner", "breakfast", "meditation", "yoga", "my painting", "my piano practice", "work", "the laundry", "my reading hour"}
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

func TestADenialOpensNothing(t *testing.T) {
	texts := corpus(t, fieldTiming)
	rapid.Check(t, func(t *rapid.T) {
		said := anyOf(t, "text", texts)
		denial := fill(anyOf(t, "denial", denials), anyOf(t, "when", whens))
		with, _ := Compile(rubricOf(fieldTiming, said+" "+denial+"."))
		without, _ := Compile(rubricOf(fieldTiming, said))
		require.Equal(t, len(without.GetTiming().GetReceptive()), len(with.GetTiming().GetReceptive()), "%s: %s", denial, Describe(with))
		first, _ := Compile(rubricOf(fieldTiming, denial+", and "+anyOf(t, "more", whens)))
		require.Empty(t, first.GetTiming().GetReceptive(), denial)
	})
}

func TestARefusalLikesNothing(t *testing.T) {
	texts := corpus(t, fieldPreference)
	rapid.Check(t, func(t *rapid.T) {
		topic := anyOf(t, "topic", subjectsOf)
		refusal := fill(anyOf(t, "refusal", refusals), topic)
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

func TestBeforeAndFromOpenNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		what := anyOf(t, "activity", activities)
		text := fill(anyOf(t, "pattern", []string{
			"Late morning, before %.", "Around 6 pm, before I start %.", "In the afternoon, ahead of %.", "Early evening, when I rest from %.", "In the evening when I'm away from %.",
			"At 9 am, before I disappear into %.", "Mid-morning, a break from %.", "After lunch, before % begins.",
		}), what)
		spec, _ := Compile(rubricOf(fieldTiming, text))
		during, _ := Compile(rubricOf(fieldTiming, "During "+what+"."))
		for _, p := range spec.GetTiming().GetReceptive() {
			require.False(t, p.GetActivity() != nil && proto.Equal(p.GetActivity(), during.GetTiming().GetReceptive()[0].GetActivity()), "%s: %s", text, Describe(spec))
		}
	})
}

func TestANounInAConditionIsNoTopic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topic, other := anyOf(t, "topic", subjectsOf), anyOf(t, "other", subjectsOf)
		if topic == other {
			t.Skip("the same topic")
		}
		text := fill(anyOf(t, "pattern", []string{
			"I like " + topic + " when I'm reading about %.", topic + " while I'm talking about %.", "I enjoy " + topic + " when I'm on the phone about %.", topic + " when I'm working on %.",
			topic + " while I'm listening to %.", "Tell me about " + topic + " when I rest from %.", topic + " before I go back to %.", topic + " with a glass of something and % on.",
		}), other)
		spec, _ := Compile(rubricOf(fieldPreference, text))
		alone, _ := Compile(rubricOf(fieldPreference, "I like "+topic+"."))
		for _, id := range liked(spec) {
			require.Contains(t, liked(alone), id, "%s: %s", text, Describe(spec))
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

func TestATextMakesNoRuleOfAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		remark := anyOf(t, "remark", remarksOf)
		text := anyOf(t, "order", []string{"Twice a day. % and so on.", "%. Twice a day.", "Twice a day, %.", "Twice a day: %.", "Twice a day because %.", "Twice a day, especially since %."})
		spec, _ := Compile(rubricOf(fieldFrequency, fill(text, remark)))
		require.Empty(t, spec.GetTiming().GetReceptive(), remark)
		require.Empty(t, spec.GetTiming().GetProtected(), remark)
		require.Empty(t, spec.GetContent().GetLiked(), remark)
		spec, _ = Compile(rubricOf(fieldCommunication, "Be warm. "+remark+"."))
		require.Empty(t, spec.GetTiming().GetReceptive(), remark)
		require.Empty(t, spec.GetContent().GetLiked(), remark)
		require.Equal(t, []string{"warm"}, spec.GetCommunication().GetTones(), remark)
	})
}

// TestReasonsAndThreatsMakeNoRules adds a reason or a threat to a text: the
// spec stays the same.
func TestReasonsAndThreatsMakeNoRules(t *testing.T) {
	texts := [4][]string{corpus(t, fieldPreference), corpus(t, fieldTiming), corpus(t, fieldFrequency), corpus(t, fieldCommunication)}
	rapid.Check(t, func(t *rapid.T) {
		f := field(rapid.IntRange(0, 3).Draw(t, "field"))
		text := strings.TrimRight(anyOf(t, "text", texts[f]), ".")
		said := anyOf(t, "said", append(slices.Clone(remarksOf), "you talk about books every hour", "you speak to me in the morning", "it is about sports after dinner", "twice an hour is much"))
		more := anyOf(t, "more", []string{", because %.", ", since it means that %.", ", so that %.", ". If you do, I'll say: %.", ". If it happens that % I'll switch you off.", ". Should you think that % I'll leave.", ". Imagine that %."})
		spec, _ := Compile(rubricOf(f, text+fill(more, said)))
		alone, _ := Compile(rubricOf(f, text+"."))
		require.True(t, proto.Equal(alone, spec), "%s%s: %s", text, fill(more, said), Describe(spec))
	})
}

func TestARefinementReplacesWhatItRefines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		how := anyOf(t, "how", []string{", preferably ", ", ideally ", ", best ", ", especially ", " (", ", more precisely "})
		from := rapid.Int32Range(18, 20).Draw(t, "from")
		closer := "from " + digits(from) + ":00 to " + digits(from+1) + ":30"
		if how == " (" {
			closer += ")"
		}
		spec, _ := Compile(rubricOf(fieldTiming, anyOf(t, "part", []string{"In the evening", "Evenings"})+how+closer+"."))
		require.Len(t, spec.GetTiming().GetReceptive(), 1)
		require.Equal(t, from*60, spec.GetTiming().GetReceptive()[0].GetClock().GetFromMinute())
	})
}

func TestMeridiemsEndNoSentence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour := digits(rapid.Int32Range(1, 11).Draw(t, "hour"))
		half := anyOf(t, "half", []string{"a.m.", "p.m.", "A.M.", "P.M."})
		text := "Not during " + anyOf(t, "what", []string{"dinner", "yoga", "prayer", "meetings"}) + " (" + hour + " " + half + ")" + anyOf(t, "link", []string{" or ", ", ", ", nor ", " and "}) + "on the phone."
		spec, _ := Compile(rubricOf(fieldTiming, text))
		require.Empty(t, spec.GetTiming().GetReceptive(), text)
	})
}

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
	}
	for f := range said {
		for k, c := range said[f] {
			require.True(t, covered[f][k] || !unicode.IsLetter(c) && !unicode.IsDigit(c), "%s: %q at %d of %q is lost", field(f), string(c), k, said[f])
		}
	}
}
