package persona_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const good = `name: Ada Berg
age: 40
background: A joiner in Bergen.
big_five: {extraversion: high, agreeableness: low, conscientiousness: high, neuroticism: low, openness: high}
current_interests: [oak, chess]
lifestyle: I wake up at 6:30 and go to bed at 22:00.
daily_plan_requirements: [breakfast at 7:00]
long_term_goals: [a boat]
rubric:
  personal_preference: I like books.
  timing: Between 7:00 and 9:00.
  frequency: Twice a day, at most three times.
  communication_safety: Be direct.
`

const goodSpec = `spec:
  frequency:
    at_least: [{count: 2, day: {}}]
    at_most: [{count: 1, trailing_minutes: 120}, {count: 3, day: {}}]
  timing:
    receptive:
      - {name: after breakfast, activity: {kinds: [breakfast], relation: ACTIVITY_RELATION_AFTER, within_minutes: 45}}
      - {name: evening, clock: {from_minute: 1140, to_minute: 1260}}
  content: {liked: [{topics: [books], when: {clock: {from_minute: 0, to_minute: 720}}}], disliked: [{topics: [sports]}]}
  communication: {tones: [direct], max_words: 30, boundaries: [BOUNDARY_NO_PRESSURE]}
`

func TestParse(t *testing.T) {
	p, err := persona.Parse([]byte(good+goodSpec), "ada.yaml")
	require.NoError(t, err)
	require.Equal(t, "ada-berg", p.GetId())
	require.Equal(t, int32(40), p.GetAge())
	require.Equal(t, simv1.TraitLevel_TRAIT_LEVEL_LOW, p.GetBigFive().GetAgreeableness())
	require.Equal(t, []string{"oak", "chess"}, p.GetCurrentInterests())
	require.Equal(t, "Be direct.", p.GetRubric().GetCommunicationSafety())
	require.Equal(t, int32(45), p.GetSpec().GetTiming().GetReceptive()[0].GetActivity().GetWithinMinutes())
	require.Equal(t, int32(120), p.GetSpec().GetFrequency().GetAtMost()[0].GetTrailingMinutes())
}

func TestParseNamesEveryFault(t *testing.T) {
	replace := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	tests := map[string]struct {
		yaml  string
		field string
		says  []string
	}{
		"unknown key":       {good + "hobby: none\n", "persona.hobby", []string{"line 14", `unknown key "hobby"`, "current_interests", "rubric"}},
		"unknown inner key": {replace("  timing:", "  timeing:"), "persona.rubric.timeing", []string{"line 11", "personal_preference, timing"}},
		"missing after it":  {replace("  timing:", "  timeing:"), "persona.rubric.timing", []string{"missing"}},
		"key twice":         {good + "age: 41\n", "persona.age", []string{"line 14", "twice"}},
		"trait level":       {replace("openness: high", "openness: medium"), "persona.big_five.openness", []string{"line 4", `"medium"`, "high, low"}},
		"unknown trait":     {replace("openness: high", "humility: high"), "persona.big_five.humility", []string{"unknown key", "openness"}},
		"missing trait":     {replace(", openness: high", ""), "persona.big_five.openness", []string{"missing", "high, low"}},
		"age no number":     {replace("age: 40", "age: forty"), "persona.age", []string{"line 2", `"forty"`}},
		"age out of range":  {replace("age: 40", "age: 400"), "persona.age", []string{"line 2", "400", "1 to 120"}},
		"list for text":     {replace("background: A joiner in Bergen.", "background: [a, b]"), "persona.background", []string{"line 3", "a list"}},
		"text for list":     {replace("long_term_goals: [a boat]", "long_term_goals: a boat"), "persona.long_term_goals", []string{"a list of texts"}},
		"nested list":       {replace("[oak, chess]", "[oak, [chess]]"), "persona.current_interests[1]", []string{"a list"}},
		"empty list":        {replace("[oak, chess]", "[]"), "persona.current_interests", []string{"empty"}},
		"empty text":        {replace("background: A joiner in Bergen.", "background: ''"), "persona.background", []string{"empty"}},
		"null":              {replace("name: Ada Berg", "name:"), "persona.name", []string{"nothing"}},
		"bad id":            {"id: Ada Berg\n" + good, "persona.id", []string{"lower-case"}},
		"not a mapping":     {"[1, 2]", "persona", []string{"a list", "mapping"}},
		"not YAML":          {"name: [", "persona", []string{"not YAML"}},
		"empty":             {"", "persona", []string{"empty"}},
		"two documents":     {good + "---\n" + good, "persona", []string{"second document"}},
		"too long":          {replace("A joiner", strings.Repeat("x", 100<<10)), "persona", []string{"65536"}},
		"spec field":        {good + "spec: {often: 3}\n", "persona.spec", []string{"line 14", "often"}},
		"spec parts":        {good + "spec: {}\n", "persona.spec.frequency", []string{"line 14", "missing"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := persona.Parse([]byte(tt.yaml), "ada.yaml")
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.Contains(t, err.Error(), ": ada.yaml: ")
			message := messageOf(t, err, tt.field)
			for _, s := range tt.says {
				require.Contains(t, message, s)
			}
		})
	}
}

func messageOf(t *testing.T, err error, field string) string {
	t.Helper()
	var v errs.Violations
	require.ErrorAs(t, err, &v)
	for _, one := range v {
		if one.Field == field {
			return one.Message
		}
	}
	t.Fatalf("no violation of %s in: %v", field, err)
	return ""
}

func TestEveryFaultAtOnce(t *testing.T) {
	_, err := persona.Parse([]byte("name: X\nage: 0\nbig_five: {openness: up}\ncolour: red\n"), "x")
	var v errs.Violations
	require.ErrorAs(t, err, &v)
	fields := map[string]int{}
	for _, one := range v {
		fields[one.Field]++
	}
	for _, f := range []string{
		"persona.age", "persona.colour", "persona.background", "persona.lifestyle", "persona.current_interests",
		"persona.daily_plan_requirements", "persona.long_term_goals", "persona.rubric.timing", "persona.rubric.frequency",
		"persona.big_five.openness", "persona.big_five.neuroticism",
	} {
		require.Equal(t, 1, fields[f], "%s in %v", f, err)
	}
}

func valid(t *testing.T) *simv1.Persona {
	t.Helper()
	p, err := persona.Parse([]byte(good+goodSpec), "ada.yaml")
	require.NoError(t, err)
	return p
}

func TestValidateSpec(t *testing.T) {
	day := func(n int32) *simv1.FrequencyBound {
		return &simv1.FrequencyBound{Count: n, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}
	}
	trailing := func(n, minutes int32) *simv1.FrequencyBound {
		return &simv1.FrequencyBound{Count: n, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: minutes}}
	}
	slots := func(n int32, kinds ...string) *simv1.FrequencyBound {
		s := &simv1.Slots{}
		for _, k := range kinds {
			s.Slots = append(s.Slots, &simv1.MomentPattern{Activity: &simv1.ActivityPattern{
				Kinds: []string{k}, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING,
			}})
		}
		return &simv1.FrequencyBound{Count: n, Window: &simv1.FrequencyBound_Slots{Slots: s}}
	}
	bounds := func(least, most *simv1.FrequencyBound) func(*simv1.PreferenceSpec) {
		return func(s *simv1.PreferenceSpec) {
			s.Frequency = &simv1.FrequencySpec{
				AtLeast: []*simv1.FrequencyBound{least}, AtMost: []*simv1.FrequencyBound{most},
			}
		}
	}
	const at = "persona.spec."
	tests := map[string]struct {
		change func(*simv1.PreferenceSpec)
		field  string // empty: valid
	}{
		"as it is":       {func(*simv1.PreferenceSpec) {}, ""},
		"kind":           {func(s *simv1.PreferenceSpec) { s.Timing.Receptive[0].Activity.Kinds[0] = "jogging" }, at + "timing.receptive[0].activity.kinds[0]"},
		"topic":          {func(s *simv1.PreferenceSpec) { s.Content.Liked[0].Topics[0] = "llamas" }, at + "content.liked[0].topics[0]"},
		"tone":           {func(s *simv1.PreferenceSpec) { s.Communication.Tones[0] = "shrill" }, at + "communication.tones[0]"},
		"slot kind":      {bounds(slots(1, "tango"), day(3)), at + "frequency.at_least[0].slots.slots[0].activity.kinds[0]"},
		"none wanted":    {bounds(day(0), day(3)), at + "frequency.at_least[0].count"},
		"no window":      {bounds(&simv1.FrequencyBound{Count: 1}, day(3)), at + "frequency.at_least[0].window"},
		"day":            {bounds(day(4), day(3)), at + "frequency.at_least[0]"},
		"day equal":      {bounds(day(3), day(3)), ""},
		"trailing":       {bounds(trailing(2, 120), trailing(1, 120)), at + "frequency.at_least[0]"},
		"trailing apart": {bounds(trailing(2, 121), trailing(1, 120)), ""},
		"trailing, day":  {bounds(trailing(6, 60), day(5)), at + "frequency.at_least[0]"},
		"day, trailing":  {bounds(day(13), trailing(1, 120)), at + "frequency.at_least[0]"},
		"slots, day":     {bounds(slots(2, "lunch", "dinner"), day(3)), at + "frequency.at_least[0]"},
		"slots, slots":   {bounds(slots(2, "lunch"), slots(1, "lunch")), at + "frequency.at_least[0]"},
		"other slots":    {bounds(slots(2, "lunch"), slots(1, "dinner")), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := valid(t)
			tt.change(p.Spec)
			err := persona.Validate(p)
			if tt.field == "" {
				require.NoError(t, err)
				return
			}
			messageOf(t, err, tt.field)
		})
	}
}

func TestValidateLimits(t *testing.T) {
	messageOf(t, persona.Validate(nil), "persona")
	p, err := persona.Parse([]byte(good), "ada.yaml")
	require.NoError(t, err)
	p.Rubric.Timing = strings.Repeat("late ", 20<<10)
	err = persona.Validate(p)
	messageOf(t, err, "persona")
	messageOf(t, err, "persona.rubric.timing")
	p.Rubric.Timing = " \n "
	require.Equal(t, "is blank", messageOf(t, persona.Validate(p), "persona.rubric.timing"))
}

func TestIdsThatMeanSomethingElseAreRefused(t *testing.T) {
	for _, id := range []string{"7", "007", "1-4", "12-3", "all", "hard", "none", "built-in"} {
		p := valid(t)
		p.Id = id
		require.Contains(t, messageOf(t, persona.Validate(p), "persona.id"), `found "`+id+`"`)
	}
	for _, id := range []string{"agent-007", "7b", "1-4-b", "alla", "hardy", ""} {
		p := valid(t)
		p.Id = id
		require.NoError(t, persona.Validate(p), id)
	}
	_, err := persona.Parse([]byte(strings.Replace(good, "name: ", "name: \"7\" # ", 1)), "seven.yaml")
	require.Contains(t, messageOf(t, err, "persona.id"), "selects a person by number", "the id that follows from a name too")
}

func TestCharactersThatNobodySeesAreRefused(t *testing.T) {
	for field, put := range map[string]func(*simv1.Persona, string){
		"persona.name":                          func(p *simv1.Persona, s string) { p.Name += s },
		"persona.background":                    func(p *simv1.Persona, s string) { p.Background += s },
		"persona.lifestyle":                     func(p *simv1.Persona, s string) { p.Lifestyle += s },
		"persona.rubric.frequency":              func(p *simv1.Persona, s string) { p.Rubric.Frequency += s },
		"persona.long_term_goals[0]":            func(p *simv1.Persona, s string) { p.LongTermGoals[0] += s },
		"persona.spec.timing.receptive[0].name": func(p *simv1.Persona, s string) { p.Spec.Timing.Receptive[0].Name += s },
	} {
		for _, character := range []string{"\x00", "\x1b[2J", "\u202e", "\u2069", "\u0085"} {
			p := valid(t)
			put(p, character)
			require.Contains(t, messageOf(t, persona.Validate(p), field), "U+")
		}
	}
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"Adaeze Okonkwo":         "adaeze-okonkwo",
		"Hélène Marchetti":       "helene-marchetti",
		"Trần Minh Anh":          "tran-minh-anh",
		"  Siobhán O’Brien-Lee ": "siobhan-obrien-lee",
		"Łukasz Øst (2nd)":       "lukasz-ost-2nd",
		"王小明":                    "persona-" + persona.Slug("王小明")[8:],
		"":                       "",
	} {
		require.Equal(t, want, persona.Slug(name), name)
	}
	require.Len(t, persona.Slug("王小明"), len("persona-")+8)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		slug := persona.Slug(name)
		if strings.TrimSpace(name) == "" {
			require.Empty(t, slug)
			return
		}
		require.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*$`, slug)
		require.LessOrEqual(t, len(slug), 64)
		require.Equal(t, slug, persona.Slug(slug))
	})
}

func TestMarshalRoundTrip(t *testing.T) {
	for _, n := range builtin(t) {
		requireRoundTrip(t, n.Persona)
	}
	p, err := persona.Parse([]byte("id: the-joiner\n"+good+goodSpec), "ada.yaml")
	require.NoError(t, err)
	requireRoundTrip(t, p)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("\n\t :#-'\"[]{}&*!|>%@`0123456789ynN~")))).
			Filter(func(s string) bool {
				var faults errs.Violations
				legible.Prose(&faults, "", s)
				return strings.TrimSpace(s) != "" && len(s) < 2000 && len(faults) == 0
			})
		p := proto.CloneOf(p)
		p.Background = strings.TrimSpace(text.Draw(t, "background"))
		p.CurrentInterests[0] = strings.TrimSpace(text.Draw(t, "interest"))
		requireRoundTrip(t, p)
	})
}

func requireRoundTrip(t require.TestingT, p *simv1.Persona) {
	data, err := persona.Marshal(p)
	require.NoError(t, err)
	back, err := persona.Parse(data, "again")
	require.NoError(t, err, string(data))
	require.True(t, proto.Equal(p, back), "%v\n%v", p, back)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(good + goodSpec))
	f.Add([]byte("&a [*a]"))
	f.Add([]byte(good + "spec: &s {timing: *s}\n"))
	f.Add([]byte("? {a: b}\n: c\n<<: {name: x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := persona.Parse(data, "fuzz")
		if err != nil {
			require.ErrorIs(t, err, errs.ErrInvalid)
			return
		}
		require.NoError(t, persona.Validate(p))
		requireRoundTrip(t, p)
	})
}
