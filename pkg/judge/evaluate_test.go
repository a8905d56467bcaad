package judge_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const scale = 150 // 24 steps an hour

func clock(from, to int32) *simv1.MomentPattern {
	return &simv1.MomentPattern{Clock: &simv1.ClockInterval{FromMinute: from, ToMinute: to}}
}

func during(kinds ...string) *simv1.MomentPattern {
	return &simv1.MomentPattern{Activity: &simv1.ActivityPattern{Kinds: kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING}}
}

func after(within int32, kinds ...string) *simv1.MomentPattern {
	return &simv1.MomentPattern{Activity: &simv1.ActivityPattern{Kinds: kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_AFTER, WithinMinutes: within}}
}

func trailing(count, minutes int32) *simv1.FrequencyBound {
	return &simv1.FrequencyBound{Count: count, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: minutes}}
}

func day(count int32) *simv1.FrequencyBound {
	return &simv1.FrequencyBound{Count: count, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}
}

func slots(count int32, patterns ...*simv1.MomentPattern) *simv1.FrequencyBound {
	return &simv1.FrequencyBound{Count: count, Window: &simv1.FrequencyBound_Slots{Slots: &simv1.Slots{Slots: patterns}}}
}

func say(topic, tone, text string) *simv1.Candidate {
	return &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: text, Topic: topic, Tone: tone}}}
}

func silence() *simv1.Candidate {
	return &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
}

func spec() *simv1.PreferenceSpec {
	return &simv1.PreferenceSpec{
		Frequency: &simv1.FrequencySpec{}, Timing: &simv1.TimingSpec{},
		Content: &simv1.ContentSpec{}, Communication: &simv1.CommunicationSpec{},
	}
}

// past is a stretch of the same activity: steps [from, to), with deliveries.
type past struct {
	from, to int32
	kind     activity.Kind
	given    []int32
}

func read(t *testing.T, s *simv1.PreferenceSpec, history []past, step int32, kind activity.Kind) judge.Reading {
	t.Helper()
	judge, err := judge.Compile(s)
	require.NoError(t, err)
	h := judge.NewHistory(scale)
	for _, p := range history {
		for at := p.from; at < p.to; at++ {
			delivered := false
			for _, g := range p.given {
				delivered = delivered || g == at
			}
			h.Observe(at, p.kind, delivered)
		}
	}
	return h.Read(step, kind)
}

func hour(h int32) int32 { return h * 24 }

func outcomes(e *simv1.Evaluation) (pref, timing, freq, comm string) {
	name := func(i int) string {
		return map[simv1.Outcome]string{simv1.Outcome_OUTCOME_PASS: "pass", simv1.Outcome_OUTCOME_FAIL: "fail", simv1.Outcome_OUTCOME_UNJUDGED: "unjudged"}[e.GetVerdicts()[i].GetOutcome()]
	}
	return name(0), name(1), name(2), name(3)
}

func TestMoment(t *testing.T) {
	morning := []past{{hour(7), hour(8), activity.Meditation, nil}}
	tests := map[string]struct {
		spec                 func(*simv1.PreferenceSpec)
		past                 []past
		step                 int32
		kind                 activity.Kind
		receptive, protected bool
		wanted, admissible   bool
	}{
		"no patterns: every moment is open": {step: hour(9), kind: activity.Work, receptive: true, admissible: true},
		"inside a clock interval": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{clock(540, 600)} },
			step: hour(9), kind: activity.Work, receptive: true, admissible: true},
		"its end is outside": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{clock(540, 600)} },
			step: hour(10), kind: activity.Work, admissible: true},
		"over midnight": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{clock(1320, 60)} },
			step: hour(23), kind: activity.Reading, receptive: true, admissible: true},
		"protected beside receptive": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Protected = []*simv1.MomentPattern{during("work")} },
			step: hour(9), kind: activity.Work, receptive: true, protected: true, admissible: true},
		"after: while it goes on": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{after(0, "meditation")} },
			past: morning, step: hour(8), kind: activity.Meditation, admissible: true},
		"after: at once": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{after(0, "meditation")} },
			past: morning, step: hour(8), kind: activity.Walking, receptive: true, admissible: true},
		"after: within 30 minutes by default": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{after(0, "meditation")} },
			past: append(morning, past{hour(8), hour(8) + 12, activity.Work, nil}), step: hour(8) + 12, kind: activity.Work, receptive: true, admissible: true},
		"after: no longer": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{after(0, "meditation")} },
			past: append(morning, past{hour(8), hour(8) + 13, activity.Work, nil}), step: hour(8) + 13, kind: activity.Work, admissible: true},
		"after: not yesterday's": {spec: func(s *simv1.PreferenceSpec) {
			s.Timing.Receptive = []*simv1.MomentPattern{after(600, "reading")}
		}, past: []past{{hour(22), hour(23), activity.Reading, nil}}, step: hour(24 + 7), kind: activity.WakeUp, admissible: true},
		"after sleep": {spec: func(s *simv1.PreferenceSpec) { s.Timing.Receptive = []*simv1.MomentPattern{after(20, "sleep")} },
			past: []past{{hour(22), hour(23), activity.Reading, nil}}, step: hour(24 + 7), kind: activity.WakeUp, receptive: true, admissible: true},
		"clock and activity both": {spec: func(s *simv1.PreferenceSpec) {
			p := clock(540, 600)
			p.Activity = during("work").Activity
			s.Timing.Receptive = []*simv1.MomentPattern{p}
		}, step: hour(9), kind: activity.Snack, admissible: true},
		"trailing: wanted until met": {spec: func(s *simv1.PreferenceSpec) { s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(1, 60)} },
			past: []past{{hour(8), hour(9), activity.Work, []int32{hour(8)}}}, step: hour(9) - 1 + 1, kind: activity.Work, receptive: true, wanted: true, admissible: true},
		"trailing: met just inside the window": {spec: func(s *simv1.PreferenceSpec) { s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(1, 60)} },
			past: []past{{hour(8), hour(9), activity.Work, []int32{hour(8) + 1}}}, step: hour(9), kind: activity.Work, receptive: true, admissible: true},
		"trailing: at most": {spec: func(s *simv1.PreferenceSpec) { s.Frequency.AtMost = []*simv1.FrequencyBound{trailing(1, 120)} },
			past: []past{{hour(8), hour(9), activity.Work, []int32{hour(8)}}}, step: hour(9), kind: activity.Work, receptive: true},
		"day: a new day counts anew": {spec: func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast = []*simv1.FrequencyBound{day(1)}
			s.Frequency.AtMost = []*simv1.FrequencyBound{day(1)}
		}, past: []past{{hour(8), hour(9), activity.Work, []int32{hour(8)}}}, step: hour(24), kind: activity.Work, receptive: true, wanted: true, admissible: true},
		"day: full": {spec: func(s *simv1.PreferenceSpec) { s.Frequency.AtMost = []*simv1.FrequencyBound{day(1)} },
			past: []past{{hour(8), hour(9), activity.Work, []int32{hour(8)}}}, step: hour(20), kind: activity.Work, receptive: true},
		"slots: wanted inside": {spec: func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast = []*simv1.FrequencyBound{slots(1, clock(420, 540), clock(720, 840))}
		}, past: []past{{hour(7), hour(9), activity.Work, []int32{hour(8)}}}, step: hour(12), kind: activity.Lunch, receptive: true, wanted: true, admissible: true},
		"slots: not outside": {spec: func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast = []*simv1.FrequencyBound{slots(1, clock(420, 540))}
		}, step: hour(10), kind: activity.Work, receptive: true, admissible: true},
		"slots: served once": {spec: func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast = []*simv1.FrequencyBound{slots(1, clock(420, 540))}
			s.Frequency.AtMost = []*simv1.FrequencyBound{slots(1, clock(420, 540))}
		}, past: []past{{hour(7), hour(8), activity.Work, []int32{hour(7)}}}, step: hour(8), kind: activity.Work, receptive: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := spec()
			if test.spec != nil {
				test.spec(s)
			}
			r := read(t, s, test.past, test.step, test.kind)
			require.Equal(t, test.receptive, r.Receptive, "receptive")
			require.Equal(t, test.protected, r.Protected, "protected")
			require.Equal(t, test.wanted, r.Wanted, "wanted")
			require.Equal(t, test.admissible, r.Admissible, "admissible")
			require.Equal(t, test.receptive && !test.protected && test.wanted && test.admissible, r.Moment().GetDue())
		})
	}
}

func TestRecommendation(t *testing.T) {
	s := spec()
	s.Timing.Protected = []*simv1.MomentPattern{during("work")}
	s.Frequency.AtMost = []*simv1.FrequencyBound{day(1)}
	s.Content.Liked = []*simv1.ContentRule{{Topics: []string{"films"}, When: during("relaxing")}, {Topics: []string{"books", "wine"}}}
	s.Content.Disliked = []*simv1.ContentRule{{Topics: []string{"wine"}, When: clock(0, 1020)}}
	s.Communication = &simv1.CommunicationSpec{Tones: []string{"warm", "calm"}, MaxWords: 6, Boundaries: []simv1.Boundary{
		simv1.Boundary_BOUNDARY_NO_EXCLAMATION, simv1.Boundary_BOUNDARY_NO_PRESSURE, simv1.Boundary_BOUNDARY_NO_SLANG,
		simv1.Boundary_BOUNDARY_NO_QUESTIONS, simv1.Boundary_BOUNDARY_NO_MONEY, simv1.Boundary_BOUNDARY_NO_HEALTH_ADVICE,
		simv1.Boundary_BOUNDARY_NO_PRIVATE_MATTERS}}
	used := []past{{hour(8), hour(9), activity.Reading, []int32{hour(8)}}}
	tests := map[string]struct {
		past                     []past
		step                     int32
		kind                     activity.Kind
		candidate                *simv1.Candidate
		pref, timing, freq, comm string
	}{
		"all well":                   {nil, hour(19), activity.Reading, say("books", "warm", "A short novel."), "pass", "pass", "pass", "pass"},
		"protected":                  {nil, hour(19), activity.Work, say("books", "warm", "A short novel."), "pass", "fail", "pass", "pass"},
		"one too many":               {used, hour(19), activity.Reading, say("books", "warm", "A short novel."), "pass", "pass", "fail", "pass"},
		"liked elsewhere":            {nil, hour(19), activity.Reading, say("films", "warm", "A short film."), "fail", "pass", "pass", "pass"},
		"liked here":                 {nil, hour(19), activity.Relaxing, say("films", "warm", "A short film."), "pass", "pass", "pass", "pass"},
		"disliked now":               {nil, hour(9), activity.Reading, say("wine", "warm", "A glass of red."), "fail", "pass", "pass", "pass"},
		"no longer disliked":         {nil, hour(19), activity.Reading, say("wine", "warm", "A glass of red."), "pass", "pass", "pass", "pass"},
		"not liked":                  {nil, hour(19), activity.Reading, say("games", "warm", "A quiet game."), "fail", "pass", "pass", "pass"},
		"tone":                       {nil, hour(19), activity.Reading, say("books", "formal", "A short novel."), "pass", "pass", "pass", "fail"},
		"length":                     {nil, hour(19), activity.Reading, say("books", "warm", "One two three four five six seven."), "pass", "pass", "pass", "fail"},
		"exclamation":                {nil, hour(19), activity.Reading, say("books", "warm", "A short novel!"), "pass", "pass", "pass", "fail"},
		"pressure":                   {nil, hour(19), activity.Reading, say("books", "warm", "You MUST read this."), "pass", "pass", "pass", "fail"},
		"mustard is no pressure":     {nil, hour(19), activity.Reading, say("books", "warm", "A novel about mustard."), "pass", "pass", "pass", "pass"},
		"slang":                      {nil, hour(19), activity.Reading, say("books", "warm", "Wanna read?"), "pass", "pass", "pass", "fail"},
		"emoji":                      {nil, hour(19), activity.Reading, say("books", "warm", "A novel 📚"), "pass", "pass", "pass", "fail"},
		"question":                   {nil, hour(19), activity.Reading, say("books", "warm", "A novel?"), "pass", "pass", "pass", "fail"},
		"money":                      {nil, hour(19), activity.Reading, say("investing", "warm", "Index funds."), "fail", "pass", "pass", "fail"},
		"health":                     {nil, hour(19), activity.Reading, say("hydration", "warm", "A glass of water."), "fail", "pass", "pass", "fail"},
		"private":                    {nil, hour(19), activity.Reading, say("books", "warm", "A novel your wife likes."), "pass", "pass", "pass", "fail"},
		"topic and tone by the text": {nil, hour(19), activity.Reading, say("", "", "A lovely book, dear friend."), "pass", "pass", "pass", "pass"},
		"nothing can be told":        {nil, hour(19), activity.Reading, say("", "", "Hm."), "unjudged", "pass", "pass", "unjudged"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := read(t, s, test.past, test.step, test.kind)
			e := r.Evaluate(test.candidate)
			pref, timing, freq, comm := outcomes(e)
			require.Equal(t, []string{test.pref, test.timing, test.freq, test.comm}, []string{pref, timing, freq, comm}, "%v", e)
			if pref == "unjudged" {
				require.Nil(t, e.Total)
			}
		})
	}
}

func TestSilence(t *testing.T) {
	s := spec()
	s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(2, 120)}
	s.Timing.Protected = []*simv1.MomentPattern{during("work")}
	awake := func(given ...int32) []past { return []past{{hour(7), hour(12), activity.Reading, given}} }
	tests := map[string]struct {
		past         []past
		step         int32
		kind         activity.Kind
		timing, freq string
		total        int32
	}{
		"not due":                        {awake(hour(11), hour(11)+12), hour(12), activity.Reading, "pass", "pass", 4},
		"protected, so not due":          {awake(), hour(12), activity.Work, "pass", "pass", 4},
		"due, the gap is short":          {awake(hour(11) + 12), hour(12), activity.Reading, "fail", "pass", 2},
		"due, the gap is an hour":        {awake(hour(11)), hour(12), activity.Reading, "fail", "fail", 1},
		"just up":                        {nil, hour(7), activity.WakeUp, "fail", "pass", 2},
		"up for an hour":                 {[]past{{hour(7), hour(8), activity.WakeUp, nil}}, hour(8), activity.Reading, "fail", "fail", 1},
		"the night's sleep is no gap":    {[]past{{hour(0), hour(1), activity.Reading, []int32{0}}}, hour(8), activity.WakeUp, "fail", "pass", 2},
		"awake over midnight: one's day": {[]past{{hour(20), hour(24), activity.Reading, nil}}, hour(24), activity.Reading, "fail", "pass", 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := read(t, s, test.past, test.step, test.kind)
			e := r.Evaluate(silence())
			pref, timing, freq, comm := outcomes(e)
			require.Equal(t, []string{test.timing, test.timing, test.freq, "pass"}, []string{pref, timing, freq, comm}, "%v", e)
			require.Equal(t, test.total, e.GetTotal())
		})
	}
}

// TestNothingIsDueWhileNothingWelcomeCouldBeSaid: silence is right where no topic
// would have passed, and due again as soon as one would.
func TestNothingIsDueWhileNothingWelcomeCouldBeSaid(t *testing.T) {
	s := spec()
	s.Frequency.AtLeast = []*simv1.FrequencyBound{trailing(1, 60)}
	s.Content.Liked = []*simv1.ContentRule{{Topics: []string{"investing", "books"}, When: clock(1200, 1320)}}
	noon := read(t, s, nil, hour(12), activity.Reading)
	require.True(t, noon.Receptive && noon.Wanted && noon.Admissible)
	require.False(t, noon.Due)
	e := noon.Evaluate(silence())
	require.EqualValues(t, 4, e.GetTotal())
	require.Equal(t, "not wanted: no topic is liked at this moment", e.GetVerdicts()[0].GetReason())
	evening := read(t, s, nil, hour(21), activity.Reading)
	require.True(t, evening.Due)

	s.Content.Liked[0].Topics = []string{"investing"}
	s.Communication.Boundaries = []simv1.Boundary{simv1.Boundary_BOUNDARY_NO_MONEY}
	require.False(t, func() bool { r := read(t, s, nil, hour(21), activity.Reading); return r.Due }(), "liked, but beyond a boundary")
}

func TestCompileNamesEachFault(t *testing.T) {
	s := spec()
	s.Timing.Receptive = []*simv1.MomentPattern{during("juggling"), {Activity: &simv1.ActivityPattern{Kinds: []string{"work"}}}}
	s.Frequency.AtLeast = []*simv1.FrequencyBound{{Count: 0}, slots(1)}
	s.Content.Liked = []*simv1.ContentRule{{Topics: []string{"ufos"}}}
	s.Communication.Tones = []string{"shrill"}
	_, err := judge.Compile(s)
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	var fields []string
	for _, v := range faults {
		fields = append(fields, v.Field)
	}
	require.Equal(t, []string{
		"timing.receptive[0].activity.kinds[0]", "timing.receptive[1].activity.relation",
		"frequency.at_least[0].count", "frequency.at_least[0].window", "frequency.at_least[1].slots",
		"content.liked[0].topics[0]", "communication.tones[0]"}, fields)
}

// TestTheBandCountsWhatIsClosed: what is protected, or has nothing liked to say,
// is no chance; and nobody is wanted to say more than there is room for.
func TestTheBandCountsWhatIsClosed(t *testing.T) {
	hourly := []*simv1.FrequencyBound{trailing(1, 60)}
	tests := map[string]struct {
		change    func(*simv1.PreferenceSpec)
		low, high float64 // per day
	}{
		"hourly": {func(s *simv1.PreferenceSpec) { s.Frequency.AtLeast, s.Frequency.AtMost = hourly, hourly }, 16, 16},
		"hourly, mornings closed": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Frequency.AtMost, s.Timing.Protected = hourly, hourly, []*simv1.MomentPattern{clock(420, 720)}
		}, 11, 11},
		"hourly, not at work": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Frequency.AtMost, s.Timing.Protected = hourly, hourly, []*simv1.MomentPattern{during("work")}
		}, 11, 11},
		"three, room for one": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Frequency.AtMost, s.Timing.Receptive = []*simv1.FrequencyBound{day(3)}, []*simv1.FrequencyBound{trailing(1, 120)}, []*simv1.MomentPattern{clock(720, 780)}
		}, 1, 1},
		"a closed slot": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Timing.Protected = []*simv1.FrequencyBound{slots(1, clock(420, 540), clock(1200, 1260))}, []*simv1.MomentPattern{clock(400, 600)}
		}, 1, 2},
		"liked in the evening only": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Frequency.AtMost, s.Content.Liked = hourly, hourly, []*simv1.ContentRule{{Topics: []string{"books"}, When: clock(1200, 1320)}}
		}, 2, 2},
		"nothing open": {func(s *simv1.PreferenceSpec) {
			s.Frequency.AtLeast, s.Timing.Protected = []*simv1.FrequencyBound{day(2)}, []*simv1.MomentPattern{clock(0, 1440)}
		}, 0, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := spec()
			test.change(s)
			low, high := judge.WantedBand(s)
			require.InDelta(t, test.low, 16*low, 1e-9)
			require.InDelta(t, test.high, 16*high, 1e-9)
		})
	}
}

func TestWantedBand(t *testing.T) {
	tests := map[string]struct {
		atLeast, atMost []*simv1.FrequencyBound
		receptive       []*simv1.MomentPattern
		low, high       float64 // per day
	}{
		"nothing":                     {},
		"a day":                       {[]*simv1.FrequencyBound{day(2)}, []*simv1.FrequencyBound{day(4)}, nil, 2, 4},
		"no upper bound":              {[]*simv1.FrequencyBound{day(2)}, nil, nil, 2, 4},
		"trailing":                    {[]*simv1.FrequencyBound{trailing(2, 180)}, []*simv1.FrequencyBound{trailing(2, 120)}, nil, 12, 16},
		"trailing, receptive minutes": {[]*simv1.FrequencyBound{trailing(1, 60)}, nil, []*simv1.MomentPattern{clock(540, 660), clock(600, 720)}, 3, 6},
		"trailing, at least itself":   {[]*simv1.FrequencyBound{trailing(1, 600)}, nil, []*simv1.MomentPattern{after(30, "yoga")}, 1, 2},
		"trailing, scattered moments": {[]*simv1.FrequencyBound{trailing(1, 120)}, []*simv1.FrequencyBound{trailing(1, 60)}, []*simv1.MomentPattern{during("breakfast", "lunch"), clock(1140, 1200)}, 3, 3},
		"slots":                       {[]*simv1.FrequencyBound{slots(1, clock(420, 540), clock(720, 780), during("wind_down"))}, []*simv1.FrequencyBound{day(3)}, nil, 3, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := spec()
			s.Frequency.AtLeast, s.Frequency.AtMost, s.Timing.Receptive = test.atLeast, test.atMost, test.receptive
			low, high := judge.WantedBand(s)
			require.LessOrEqual(t, low, high)
			require.InDelta(t, test.low/16, low, 1e-9)
			require.InDelta(t, test.high/16, high, 1e-9)
		})
	}
}
