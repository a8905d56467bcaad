package environment

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// The random drivers decide by chance, without a seed, and return each decision
// once: whoever loses the note loses the decision.

// summaryEvery is how often the random assistant sums up its past, in steps.
const summaryEvery = 8

// learn takes decisions of before in.
func (p *place) learn(notes []*simv1.Note) {
	for _, note := range notes {
		p.decided[note.GetKey()] = string(note.GetContent())
	}
}

// plan makes the user follow the plan of the day, and returns a new plan.
func (p *place) plan(step int32, action *simv1.Action) []*simv1.Note {
	if action.GetAsleep() {
		return nil // a day is planned at its first waking step
	}
	key := fmt.Sprintf("day/%d", step/fakeStepsPerDay+1)
	plan, known := p.decided[key]
	if !known {
		plan = uuid.NewString()
		p.decided[key] = plan
	}
	action.Description += " by plan " + plan
	if known {
		return nil
	}
	return []*simv1.Note{{Role: simv1.Role_ROLE_PLANNER, Key: key, Content: []byte(plan)}}
}

// summarize makes the summaries that are due and returns the new ones, each by a
// call.
func (p *place) summarize() (notes []*simv1.Note, calls []*simv1.ModelCall) {
	for _, step := range p.due {
		key := fmt.Sprintf("summary/%d", step)
		if _, known := p.decided[key]; known {
			continue
		}
		p.decided[key] = uuid.NewString()
		notes = append(notes, &simv1.Note{Role: simv1.Role_ROLE_SUMMARIZER, Key: key, Content: []byte(p.decided[key])})
		calls = append(calls, &simv1.ModelCall{Id: key, Role: simv1.Role_ROLE_SUMMARIZER, Model: "m", PromptTokens: 10})
	}
	p.due = nil
	return notes, calls
}

// summaries returns what the random assistant knows of its past; empty for the
// other one.
func (p *place) summaries() string {
	var all []string
	for _, summary := range p.decided {
		all = append(all, summary)
	}
	slices.Sort(all)
	return " " + strings.Join(all, " ")
}

// requireDecisionsKept checks that every step follows the plan of its day, and
// that the assistant knew the summaries that are committed, and no others.
func requireDecisionsKept(t *testing.T, entries []*environmentv1.Entry) {
	t.Helper()
	plans, summaries, spoken, ids := map[string]string{}, []string{}, 0, 0
	for _, entry := range entries {
		step := entry.GetBody().GetStep()
		for _, note := range step.GetUserNotes() {
			require.NotContains(t, plans, note.GetKey(), "one plan for one day")
			plans[note.GetKey()] = string(note.GetContent())
		}
		for _, note := range step.GetAssistantNotes() {
			summaries = append(summaries, string(note.GetContent()))
		}
		ids += len(step.GetCalls())
		if step == nil || step.GetAction().GetAsleep() {
			continue
		}
		plan := plans[fmt.Sprintf("day/%d", step.GetDay())]
		require.NotEmpty(t, plan)
		require.True(t, strings.HasSuffix(step.GetAction().GetDescription(), "by plan "+plan), "step %d left the plan of its day", step.GetStep())
		slices.Sort(summaries)
		for _, candidate := range step.GetCandidates() {
			if text := candidate.GetRecommendation().GetText(); text != "" {
				spoken++
				require.True(t, strings.HasSuffix(text, " "+strings.Join(summaries, " ")), "step %d: the assistant knew other summaries than are committed", step.GetStep())
			}
		}
	}
	require.Len(t, plans, 3)
	require.Positive(t, spoken)
	// The last step of the run may have one that no step follows.
	require.GreaterOrEqual(t, len(summaries), 3*64/summaryEvery-1)
	require.Len(t, summaries, ids, "each summary with its call")
}

// atNoon returns a hook that runs stop once, before a call at noon of day 2.
func atNoon(call string, stop func()) func(string, string) error {
	var done atomic.Bool
	var seen atomic.Int32
	return func(c, _ string) error {
		if c == call && seen.Add(1) == 64+20 && done.CompareAndSwap(false, true) {
			stop()
		}
		return nil
	}
}

func TestARunStoppedAtNoonGoesOnWithTheDecisionsOfTheMorning(t *testing.T) {
	for _, call := range []string{"Recommend", "Evaluate", "assistant.Observe", "user.Observe"} {
		t.Run(call, func(t *testing.T) {
			dsn := filepath.Join(t.TempDir(), "journal.db")
			fakes := newFakes()
			fakes.random = true
			stopped := make(chan struct{})
			fakes.setHook(atNoon(call, func() { close(stopped) }))
			s := begin(t, Config{DSN: dsn}, fakes.clients())
			id := s.make(configOf("ann", "ar")).GetId()
			<-stopped
			s.end()
			fakes.forget()
			s = begin(t, Config{DSN: dsn}, fakes.clients())
			s.until(id, finished)
			requireDecisionsKept(t, s.entries(id))
		})
	}
}

func TestAnswersThatAreLostLoseNoDecision(t *testing.T) {
	fakes := newFakes()
	fakes.random = true
	var calls atomic.Int64
	fakes.lose = func(call string) error {
		if seeded.New(1, "lose").Intn(3, int(calls.Add(1))) == 0 {
			return fmt.Errorf("the connection broke: %w", errs.ErrUnavailable)
		}
		return nil
	}
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, finished, failing)
	require.Equal(t, finished, run.GetState(), run.GetReason())
	requireDecisionsKept(t, s.entries(id))
}

func TestSessionsLostAtAnyMomentLoseNoDecision(t *testing.T) {
	fakes := newFakes()
	fakes.random = true
	var calls atomic.Int64
	fakes.setHook(func(string, string) error {
		if seeded.New(2, "forget").Intn(12, int(calls.Add(1))) == 0 {
			fakes.forget()
		}
		return nil
	})
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	run := s.until(id, finished, failing)
	require.Equal(t, finished, run.GetState(), run.GetReason())
	requireDecisionsKept(t, s.entries(id))
}

func TestDecisionsOfAForkAreThoseOfItsBeginning(t *testing.T) {
	fakes := newFakes()
	fakes.random = true
	s := begin(t, Config{}, fakes.clients())
	id := s.make(configOf("ann", "ar")).GetId()
	s.until(id, finished)
	resp, err := s.ForkRun(context.Background(), &environmentv1.ForkRunRequest{Id: id, AtStep: 140})
	require.NoError(t, err)
	require.NotEqual(t, s.find(id).Handle(), resp.GetRun().GetHandle())
	s.until(resp.GetRun().GetId(), finished)
	requireDecisionsKept(t, s.entries(resp.GetRun().GetId()))
}
