package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/report"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// step is a step of 30 minutes.
type step struct {
	asleep, due, said bool
	total             int32
}

// fold reads the steps from midnight on.
func fold(name, text string, steps []step) *report.Hours {
	h := report.NewHours(&environmentv1.Run{
		Id: "person-00-proper", Persona: &simv1.Persona{Id: "person-00", Name: name},
		Config: &environmentv1.RunConfig{Method: &simv1.Method{Name: "proper"}, Seed: 1, StepSeconds: 1800},
	})
	for i, s := range steps {
		out := &environmentv1.Step{
			Step: int32(i), Day: int32(i/48) + 1, SecondOfDay: int32(i%48) * 1800,
			Action: &simv1.Action{Kind: "reading", Description: text, Room: "living_room", Asleep: s.asleep}, Moment: &simv1.Moment{Due: s.due},
		}
		if !s.asleep {
			out.Candidates = []*simv1.Candidate{{}}
			out.Evaluations = []*simv1.Evaluation{{Total: &s.total}}
		}
		if s.said {
			out.Candidates[0].Choice = &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: text, Topic: text}}
		}
		h.Add(&environmentv1.Entry{Body: &environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: out}}})
	}
	return h
}

// hours is a short fold with something of everything.
func hours(t *testing.T, name, text string) []*report.Hours {
	t.Helper()
	return []*report.Hours{fold(name, text, []step{{asleep: true}, {due: true}, {due: true, said: true, total: 4}, {said: true, total: 1}, {due: true}, {}})}
}

func TestHoursTellMetMissedAndWrong(t *testing.T) {
	in := input(experiment(1, 1, "proper"), "x")
	in.Hours = []*report.Hours{fold("Ada", "a text", []step{
		{asleep: true}, {asleep: true}, // 00 h
		{due: true}, {due: true, said: true, total: 4}, // 01 h: met after half an hour
		{due: true}, {}, // 02 h: missed
		{said: true, total: 1}, {}, // 03 h: wrong
		{due: true}, {asleep: true}, // 04 h: missed, sleep ends it
		{due: true, said: true, total: 3}, {due: true}, // 05 h: met, and a second one that the end of the journal leaves open
	})}
	page := write(t, in)
	for _, want := range []string{
		"01–02 h: said 1, 0 wrong; due 1, missed 0",
		"02–03 h: said 0, 0 wrong; due 1, missed 1",
		"03–04 h: said 1, 1 wrong; due 0, missed 0",
		"04–05 h: said 0, 0 wrong; due 1, missed 1",
		"05–06 h: said 1, 0 wrong; due 2, missed 1",
		"said 3, 1 of them wrong; due 5, missed 3",
		"01:00–02:00 due, met",
		"02:00–02:30 due, missed",
		"03:00, 1 of 4: a text",
		"00:00–01:00 a text, living room",
		"propersim runs step person-00-proper 6",
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "00–01 h:", "an hour asleep has nothing to show")
	require.Equal(t, 3, strings.Count(page, `<li><span>0`), "the list of what was said")
}
