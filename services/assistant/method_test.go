package assistant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant"
)

func TestAStartThatAMethodMayNotHaveIsRefused(t *testing.T) {
	client := dial(t, newRetrieval())
	tests := map[string]struct {
		method string
		spoil  func(*assistantv1.SessionStart)
		field  string
	}{
		"an unknown method":         {"ar", func(s *assistantv1.SessionStart) { s.Method = "telepathy" }, "start.method"},
		"none with a memory":        {"none", func(s *assistantv1.SessionStart) { s.Memory = assistantv1.MemoryLevel_MEMORY_LEVEL_AR }, "start.memory"},
		"ar with scores":            {"ar", func(s *assistantv1.SessionStart) { s.Memory = assistantv1.MemoryLevel_MEMORY_LEVEL_ARS }, "start.memory"},
		"no level":                  {"silent", func(s *assistantv1.SessionStart) { s.Memory = 0 }, "start.memory"},
		"no scheme":                 {"ar", func(s *assistantv1.SessionStart) { s.Scheme = 0 }, "start.scheme"},
		"proper with contrast":      {"proper", func(s *assistantv1.SessionStart) { s.Scheme = assistantv1.Scheme_SCHEME_CONTRAST }, "start.scheme"},
		"contrast with samples":     {"proper-contrast", func(s *assistantv1.SessionStart) { s.Scheme = assistantv1.Scheme_SCHEME_SAMPLES }, "start.scheme"},
		"wishes for proper":         {"proper", func(s *assistantv1.SessionStart) { s.Given = wishes() }, "start.given"},
		"persona-given without":     {"persona-given", func(s *assistantv1.SessionStart) { s.Given = nil }, "start.given"},
		"persona-given with a slip": {"persona-given", func(s *assistantv1.SessionStart) { s.Given.Content.Liked[0].Topics[0] = "ufos" }, "content.liked"},
		"a rate for ar":             {"ar", func(s *assistantv1.SessionStart) { s.ConstantPerHour = 1 }, "start.constant_per_hour"},
		"constant without a rate":   {"constant", func(s *assistantv1.SessionStart) { s.ConstantPerHour = 0 }, "start.constant_per_hour"},
		"a step that divides none":  {"ar", func(s *assistantv1.SessionStart) { s.Settings.StepSeconds = 151 }, "start.settings.step_seconds"},
		"no settings":               {"ar", func(s *assistantv1.SessionStart) { s.Settings = nil }, "start.settings.step_seconds"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(test.method)
			test.spoil(s)
			_, err := open(t, client, s)
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.field)
			if test.field == "start.method" {
				require.ErrorContains(t, err, strings.Join(assistant.Methods(), ", "))
			}
		})
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
		"none": {350, 384}, "ar": {350, 384}, "proper": {350, 384}, "ars": {200, 340}, "silent": {0, 0}, "constant": {8, 8}, "persona-given": {3, 3},
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

// TestPersonaGivenDoesWhatItWasTold holds the upper bound to the wishes it was
// told.
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
