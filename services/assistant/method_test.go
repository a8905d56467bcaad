package assistant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestAStartThatAMethodMayNotHaveIsRefused(t *testing.T) {
	client := dial(t, newRetrieval())
	tests := map[string]struct {
		method string
		spoil  func(*assistantv1.SessionStart)
		field  string
	}{
		"no method":                 {"ar", func(s *assistantv1.SessionStart) { s.Method = nil }, "start.method.name"},
		"rules of somebody else":    {"ar", func(s *assistantv1.SessionStart) { s.Method.Decider = simv1.Decider_DECIDER_CUSTOM }, "start.method.decider"},
		"no level":                  {"silent", func(s *assistantv1.SessionStart) { s.Method.Memory = 0 }, "start.method.memory"},
		"no scheme":                 {"ar", func(s *assistantv1.SessionStart) { s.Method.Scheme = 0 }, "start.method.scheme"},
		"told too much":             {"ar", func(s *assistantv1.SessionStart) { s.Method.Told, s.ToldSpec = simv1.Told_TOLD_SPEC, wishes() }, "start.method.told"},
		"told nothing":              {"constant", func(s *assistantv1.SessionStart) { s.Method.Told, s.ToldRate = simv1.Told_TOLD_NOTHING, 0 }, "start.method.told"},
		"silence that trains":       {"silent", func(s *assistantv1.SessionStart) { s.Method.Trains = true }, "start.method.trains"},
		"wishes for proper":         {"proper", func(s *assistantv1.SessionStart) { s.ToldSpec = wishes() }, "start.told_spec"},
		"persona-given without":     {"persona-given", func(s *assistantv1.SessionStart) { s.ToldSpec = nil }, "start.told_spec"},
		"persona-given with a slip": {"persona-given", func(s *assistantv1.SessionStart) { s.ToldSpec.Content.Liked[0].Topics[0] = "ufos" }, "content.liked"},
		"a rate for ar":             {"ar", func(s *assistantv1.SessionStart) { s.ToldRate = 1 }, "start.told_rate"},
		"constant without a rate":   {"constant", func(s *assistantv1.SessionStart) { s.ToldRate = 0 }, "start.told_rate"},
		"an adapter for silence":    {"silent", func(s *assistantv1.SessionStart) { s.Adapter = &assistantv1.Adapter{Id: "a"} }, "start.adapter"},
		"a step that divides none":  {"ar", func(s *assistantv1.SessionStart) { s.Settings.StepSeconds = 151 }, "start.settings.step_seconds"},
		"no settings":               {"ar", func(s *assistantv1.SessionStart) { s.Settings = nil }, "start.settings.step_seconds"},
		"a bandit without scores":   {"bandit", func(s *assistantv1.SessionStart) { s.Method.Memory = simv1.MemoryLevel_MEMORY_LEVEL_AR }, "start.method.memory"},
		"another policy":            {"ar", func(s *assistantv1.SessionStart) { s.Policy = &simv1.Backend{Driver: "model", Model: "m"} }, "start.policy.driver"},
		"another summarizer":        {"ar", func(s *assistantv1.SessionStart) { s.Summarizer = &simv1.Backend{Driver: "model", Model: "m"} }, "start.summarizer.driver"},
		"another embedder":          {"ar", func(s *assistantv1.SessionStart) { s.Embedder = &simv1.Backend{Driver: "model", Model: "m"} }, "start.embedder.driver"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(test.method)
			test.spoil(s)
			_, err := open(t, client, s)
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.field)
		})
	}
	named := start("ar")
	named.Policy, named.Summarizer, named.Embedder = role.EmbeddedBackend(), role.EmbeddedBackend(), role.EmbeddedBackend()
	_, err := open(t, client, named)
	require.NoError(t, err, "a session may name what the server has")
}

// TestNamesOfMethodsDecideNothing gives a method a name of its own: only its
// draws differ.
func TestNamesOfMethodsDecideNothing(t *testing.T) {
	client := dial(t, newRetrieval())
	for _, method := range methods() {
		named := start(method)
		named.Method.Name = "telepathy"
		_, err := open(t, client, named)
		require.NoError(t, err, method)
		want, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200, LastStep: -1, Observation: life(200), Candidates: 2})
		require.NoError(t, err)
		require.NotEmpty(t, want.GetCandidates())
	}
}

func perDay(history []*simv1.PastStep) (n int) {
	for _, past := range history {
		if past.GetDelivered().GetRecommendation() != nil {
			n++
		}
	}
	return n
}

func TestMethodsSpeakAsOftenAsTheyShould(t *testing.T) {
	const waking = 16 * 24
	for method, want := range map[string][2]int{
		"none": {350, 384}, "ar": {350, 384}, "proper": {350, 384}, "ars": {200, 340}, "silent": {0, 0}, "constant": {8, 8}, "scheduled": {4, 4}, "persona-given": {3, 3},
	} {
		client := dial(t, newRetrieval())
		_, err := open(t, client, start(method))
		require.NoError(t, err)
		history := live(t, client, start(method), 0, day, nil)
		require.Len(t, history, waking)
		n := perDay(history)
		require.True(t, n >= want[0] && n <= want[1], "%s: %d", method, n)
	}
}

func TestConstantIsEvenlySpaced(t *testing.T) {
	client := dial(t, newRetrieval())
	_, err := open(t, client, start("constant"))
	require.NoError(t, err)
	last := -1
	for i, past := range live(t, client, start("constant"), 0, 3*day, nil) {
		if past.GetDelivered().GetRecommendation() == nil {
			continue
		}
		if last >= 0 {
			require.Equal(t, 48, i-last, "two waking hours")
		}
		last = i
	}
}

func TestScheduledSpeaksAtItsTimesAndSkipsThoseSleptThrough(t *testing.T) {
	client := dial(t, newRetrieval())
	_, err := open(t, client, start("scheduled"))
	require.NoError(t, err)
	spoken := func(history []*simv1.PastStep) (minutes []int32) {
		for _, past := range history {
			if past.GetDelivered().GetRecommendation() != nil {
				minutes = append(minutes, past.GetStep()*5/2)
			}
		}
		return minutes
	}
	history := live(t, client, start("scheduled"), 0, day, nil)
	require.Equal(t, []int32{9 * 60, 12*60 + 30, 17*60 + 30, 20*60 + 30}, spoken(history))
	// The second day begins at half past ten, too late for the first slot.
	rest := live(t, client, start("scheduled"), day+21*12, 2*day, history)[len(history):]
	require.Equal(t, []int32{36*60 + 30, 41*60 + 30, 44*60 + 30}, spoken(rest))
}

// TestBanditLearnsFromScores lives with somebody who scores silence 3, books 4 and
// any other recommendation 1.
func TestBanditLearnsFromScores(t *testing.T) {
	client := dial(t, newRetrieval())
	_, err := open(t, client, start("bandit"))
	require.NoError(t, err)
	last, said, books := int32(-1), 0, 0
	for step := range int32(4 * day) {
		seen := life(step)
		if seen == nil {
			continue
		}
		answer, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: step, LastStep: last, Observation: seen, Candidates: 2})
		require.NoError(t, err)
		past := &simv1.PastStep{Step: step, Observation: seen, Delivered: answer.GetCandidates()[0], Score: new(int32(3))}
		if words := past.GetDelivered().GetRecommendation(); words != nil {
			past.Score = new(int32(1))
			if words.GetTopic() == "books" {
				past.Score = new(int32(4))
			}
			if step >= 3*day {
				said++
				if words.GetTopic() == "books" {
					books++
				}
			}
		}
		_, err = client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: last, Past: past})
		require.NoError(t, err)
		last = step
	}
	require.Greater(t, said, 300, "it speaks about books at nearly every step of the fourth day")
	require.Greater(t, float64(books)/float64(said), 0.95)
}

// TestPersonaGivenDoesWhatItWasTold compares the upper bound with the preferences
// that it was told.
func TestPersonaGivenDoesWhatItWasTold(t *testing.T) {
	client := dial(t, newRetrieval())
	_, err := open(t, client, start("persona-given"))
	require.NoError(t, err)
	topics := map[string]int{}
	for _, past := range live(t, client, start("persona-given"), 0, 4*day, nil) {
		said := past.GetDelivered().GetRecommendation()
		if said == nil {
			continue
		}
		require.Equal(t, "reading", past.GetObservation().GetKind())
		require.Contains(t, []string{"formal", "direct"}, said.GetTone())
		require.LessOrEqual(t, len(strings.Fields(said.GetText())), 12)
		require.NotContains(t, said.GetText(), "?")
		topics[said.GetTopic()]++
	}
	require.Equal(t, map[string]int{"films": 4, "books": 4, "family": 4}, topics)
}

func BenchmarkRecommend(b *testing.B) {
	for _, method := range []string{"none", "ar", "ars", "proper", "proper-contrast", "persona-given"} {
		b.Run(method, func(b *testing.B) { benchmark(b, method) })
	}
}
