package assistant_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant"
	"github.com/propersim/propersim/services/assistant/driver"
)

// moody is a summarizer without a seed: it never says the same twice, as a model
// at a high temperature.
type moody struct {
	mu     sync.Mutex
	texts  []string // all that were ever given; guarded by mu
	asked  atomic.Int32
	failed func(b *driver.Block) error
}

func (m *moody) Summarize(_ context.Context, b *driver.Block) (string, role.Effects, error) {
	m.asked.Add(1)
	if m.failed != nil {
		if err := m.failed(b); err != nil {
			return "", role.Effects{}, err
		}
	}
	text := "mood " + rand.Text()
	m.mu.Lock()
	m.texts = append(m.texts, text)
	m.mu.Unlock()
	id := "summary/" + b.Name
	return text, role.Effects{Calls: []*simv1.ModelCall{{Id: id, Role: simv1.Role_ROLE_SUMMARIZER}}, Timings: []*simv1.CallTiming{{CallId: id}}}, nil
}

func (*moody) Repeatable() bool        { return false }
func (*moody) Backend() *simv1.Backend { return &simv1.Backend{Driver: "moody", Model: "m"} }

// liveWith is live, and commits the notes of each answer with its step as an
// environment does. It returns the prompts by step too.
func liveWith(t testing.TB, client assistantv1.AssistantServiceClient, from, to int32, history []*simv1.PastStep) ([]*simv1.PastStep, map[int32]string) {
	last, shown := int32(-1), map[int32]string{}
	if len(history) > 0 {
		last = history[len(history)-1].GetStep()
	}
	for step := from; step < to; step++ {
		seen := life(step)
		if seen == nil {
			continue
		}
		response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: step, LastStep: last, Observation: seen, Candidates: 2})
		require.NoError(t, err)
		shown[step] = user(response.GetPrompt())
		past := &simv1.PastStep{Step: step, Observation: seen, Delivered: response.GetCandidates()[0], Notes: response.GetNotes()}
		_, err = client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: last, Past: past})
		require.NoError(t, err)
		history, last = append(history, past), step
	}
	return history, shown
}

// TestASessionOpenedAgainGetsItsNotesBack loses a session whose summaries cannot
// be derived again: what it is opened with decides what it says.
func TestASessionOpenedAgainGetsItsNotesBack(t *testing.T) {
	const noon, evening = 12 * 24, 20 * 24
	first := &moody{}
	client := dialWith(t, assistant.Config{Summarizer: first}, newRetrieval(), &trainer{})
	_, err := open(t, client, start("ar"))
	require.NoError(t, err)
	morning, _ := liveWith(t, client, 0, noon, nil)
	require.NotZero(t, first.asked.Load())

	next := &assistantv1.RecommendRequest{RunId: "run", Step: noon, LastStep: noon - 1, Observation: life(noon), Candidates: 1}
	want, err := client.Recommend(t.Context(), next)
	require.NoError(t, err)
	atNoon := &simv1.PastStep{Step: noon, Observation: life(noon), Delivered: want.GetCandidates()[0], Notes: want.GetNotes()}

	second := &moody{}
	other := dialWith(t, assistant.Config{Summarizer: second}, newRetrieval(), &trainer{})
	opened, err := open(t, other, start("ar"), append(morning[:len(morning):len(morning)], atNoon)...)
	require.NoError(t, err)
	require.Equal(t, int32(noon), opened.GetLastStep())
	require.Zero(t, second.asked.Load(), "opening asks for no summary again")
	after := &assistantv1.RecommendRequest{RunId: "run", Step: noon + 1, LastStep: noon, Observation: life(noon + 1), Candidates: 1}
	got, err := other.Recommend(t.Context(), after)
	require.NoError(t, err)
	require.Zero(t, second.asked.Load(), "every summary of the morning came back")
	require.Empty(t, got.GetNotes())
	_, err = client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: noon - 1, Past: atNoon})
	require.NoError(t, err)
	want, err = client.Recommend(t.Context(), after)
	require.NoError(t, err)
	require.True(t, proto.Equal(want, got), "as if the session had never been lost")

	_, shown := liveWith(t, other, noon+1, evening, append(morning, atNoon))
	require.Contains(t, shown[evening-1], "mood ")
	require.NotZero(t, second.asked.Load(), "the afternoon is summarized anew")
}

// TestNotesOfASleepingStepComeBack hands a note back with a step at which nothing
// was seen.
func TestNotesOfASleepingStepComeBack(t *testing.T) {
	client := dialWith(t, assistant.Config{Summarizer: &moody{}}, newRetrieval(), &trainer{})
	_, err := open(t, client, start("ar"))
	require.NoError(t, err)
	history, _ := liveWith(t, client, 0, 9*24, nil)
	last := history[len(history)-1].GetStep()
	ask := &assistantv1.RecommendRequest{RunId: "run", Step: last + 2, LastStep: last, Observation: life(last + 2), Candidates: 1}
	want, err := client.Recommend(t.Context(), ask)
	require.NoError(t, err)
	require.NotEmpty(t, want.GetNotes())

	opened, err := open(t, client, start("ar"), append(history, &simv1.PastStep{Step: last + 1, Notes: want.GetNotes()})...)
	require.NoError(t, err)
	require.Equal(t, last, opened.GetLastStep(), "the last waking step")
	got, err := client.Recommend(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, user(want.GetPrompt()), user(got.GetPrompt()))

	for what, bad := range map[string]*simv1.Note{
		"a key":     {Role: simv1.Role_ROLE_SUMMARIZER, Key: "summary/1/25-99", Content: []byte(`{}`)},
		"a content": {Role: simv1.Role_ROLE_SUMMARIZER, Key: "summary/1/08-09", Content: []byte(`{`)},
	} {
		_, err = open(t, client, start("ar"), append(history, &simv1.PastStep{Step: last + 1, Notes: []*simv1.Note{bad}})...)
		require.ErrorIs(t, err, errs.ErrInvalid, what)
	}
	foreign := &simv1.Note{Role: simv1.Role_ROLE_ASSISTANT, Key: "mood", Content: []byte("!")}
	_, err = open(t, client, start("ar"), append(history, &simv1.PastStep{Step: last + 1, Notes: []*simv1.Note{foreign}})...)
	require.NoError(t, err, "a note of another driver is ignored")
}

// gated is a policy that works only when it is let through.
type gated struct {
	driver.Policy
	entered, pass chan struct{}
	err           error
}

func (g *gated) Answer(ctx context.Context, m *driver.Moment, n int, scheme simv1.Scheme) ([]*simv1.Candidate, *simv1.Prompt, role.Effects, error) {
	if g.entered != nil {
		g.entered <- struct{}{}
		select {
		case <-g.pass:
		case <-ctx.Done():
			return nil, nil, role.Effects{}, errs.FromContext(ctx)
		}
	}
	if g.err != nil {
		return nil, nil, role.Effects{}, g.err
	}
	silence := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}, Origin: simv1.Origin_ORIGIN_SAMPLE}
	call := &simv1.ModelCall{Id: "assistant/0", Role: simv1.Role_ROLE_ASSISTANT}
	return []*simv1.Candidate{silence}, &simv1.Prompt{Messages: []*simv1.Message{{Role: "system"}, {Role: "user", Content: m.Text}}}, role.Effects{Calls: []*simv1.ModelCall{call}}, nil
}

func (g *gated) With(context.Context, *assistantv1.Adapter) (driver.Policy, error) {
	return &adapted{g}, nil
}
func (*gated) Adapter() string         { return "" }
func (*gated) Backend() *simv1.Backend { return &simv1.Backend{Driver: "gated", Model: "m"} }

type adapted struct{ *gated }

func (*adapted) Adapter() string { return "night-1" }

// TestASessionIsFreeWhileItsPolicyWorks keeps a policy busy. The session takes other
// calls meanwhile, and an answer for a step that is past is not returned.
func TestASessionIsFreeWhileItsPolicyWorks(t *testing.T) {
	policy := &gated{entered: make(chan struct{}), pass: make(chan struct{})}
	client := dialWith(t, assistant.Config{Policy: policy}, newRetrieval(), &trainer{})
	_, err := open(t, client, start("ar"))
	require.NoError(t, err)
	recommend := func() chan error {
		done := make(chan error, 1)
		go func() {
			_, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200, LastStep: -1, Observation: life(200), Candidates: 1})
			done <- errs.FromStatus(err)
		}()
		<-policy.entered
		return done
	}
	first, second := recommend(), recommend()
	_, err = client.UseAdapter(t.Context(), &assistantv1.UseAdapterRequest{RunId: "run", Adapter: &assistantv1.Adapter{Id: "night-1"}})
	require.NoError(t, err)
	policy.pass <- struct{}{}
	policy.pass <- struct{}{}
	require.NoError(t, <-first)
	require.NoError(t, <-second, "two calls for the same step both get an answer")

	late := recommend()
	silence := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
	_, err = client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: -1, Past: &simv1.PastStep{Step: 199, Observation: life(199), Delivered: silence}})
	require.NoError(t, err)
	policy.pass <- struct{}{}
	require.ErrorIs(t, <-late, errs.ErrSessionBehind)
}

// TestWorkOfAFailedAnswerIsReturnedWithTheNext lets the policy fail after the
// summaries were made: they were paid for, and must reach the journal.
func TestWorkOfAFailedAnswerIsReturnedWithTheNext(t *testing.T) {
	policy, summarizer, index := &gated{}, &moody{}, newRetrieval()
	client := dialWith(t, assistant.Config{Policy: policy, Summarizer: summarizer}, &paid{index}, &trainer{})
	_, err := open(t, client, start("ar"))
	require.NoError(t, err)
	history, _ := liveWith(t, client, 0, 9*24, nil)
	last := history[len(history)-1].GetStep()
	ask := &assistantv1.RecommendRequest{RunId: "run", Step: last + 1, LastStep: last, Observation: life(last + 2), Candidates: 1}

	asked := summarizer.asked.Load()
	policy.err = fmt.Errorf("endpoint: %w", errs.ErrUnavailable)
	_, err = client.Recommend(t.Context(), ask)
	require.ErrorIs(t, errs.FromStatus(err), errs.ErrUnavailable)
	made := summarizer.asked.Load() - asked
	require.Positive(t, made)

	policy.err = nil
	for range 2 { // the first answer may be lost on its way
		response, err := client.Recommend(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, made, summarizer.asked.Load()-asked, "nothing is paid twice")
		require.Len(t, response.GetNotes(), int(made))
		ids := map[string]bool{}
		for _, c := range response.GetCalls() {
			require.False(t, ids[c.GetId()], "two calls have the id %s", c.GetId())
			ids[c.GetId()] = true
		}
		require.Len(t, ids, int(made)+2, "the summaries, the search, and the policy")
		require.Len(t, response.GetTimings(), int(made)+1)
	}

	// A summarizer that fails at one of two blocks is asked for that one alone.
	past := &simv1.PastStep{Step: last + 1, Observation: life(last + 2), Delivered: history[0].GetDelivered()}
	observed, err := client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: last, Past: past})
	require.NoError(t, err)
	require.NotEmpty(t, observed.GetCalls(), "the episode that ended was embedded")
	ask = &assistantv1.RecommendRequest{RunId: "run", Step: 13 * 24, LastStep: last + 1, Observation: life(13*24 + 1), Candidates: 1}
	ask.Observation.StartedStep = 13 * 24
	var names []string
	summarizer.failed = func(b *driver.Block) error {
		summarizer.mu.Lock()
		defer summarizer.mu.Unlock()
		names = append(names, b.Name)
		if len(names) == 1 {
			return fmt.Errorf("endpoint: %w", errs.ErrExhausted)
		}
		return nil
	}
	_, err = client.Recommend(t.Context(), ask)
	require.ErrorIs(t, errs.FromStatus(err), errs.ErrExhausted)
	_, err = client.Recommend(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, names[0], names[len(names)-1])
}

// paid is a retrieval service whose embedder makes a call for each request.
type paid struct{ *retrieval }

func (p *paid) Upsert(ctx context.Context, req *retrievalv1.UpsertRequest, _ ...grpc.CallOption) (*retrievalv1.UpsertResponse, error) {
	out, err := p.retrieval.Upsert(ctx, req)
	if err == nil {
		out.Calls = []*simv1.ModelCall{{Id: "embed/0", Role: simv1.Role_ROLE_EMBEDDER}}
	}
	return out, err
}

func (p *paid) Search(ctx context.Context, req *retrievalv1.SearchRequest, _ ...grpc.CallOption) (*retrievalv1.SearchResponse, error) {
	out, err := p.retrieval.Search(ctx, req)
	if err == nil {
		out.Calls = []*simv1.ModelCall{{Id: "embed/0", Role: simv1.Role_ROLE_EMBEDDER}}
		out.Timings = []*simv1.CallTiming{{CallId: "embed/0"}}
	}
	return out, err
}

// TestConcurrentCallsOfOneRunAreSafe lets several callers work on one session: each
// answer is of the step that was asked for, and the run continues as with one caller.
func TestConcurrentCallsOfOneRunAreSafe(t *testing.T) {
	one := dial(t, newRetrieval())
	_, err := open(t, one, start("ar"))
	require.NoError(t, err)
	want := live(t, one, start("ar"), 0, 14*24, nil)

	client := dial(t, newRetrieval())
	_, err = open(t, client, start("ar"))
	require.NoError(t, err)
	last := int32(-1)
	for _, past := range want {
		var group errgroup.Group
		for range 3 {
			group.Go(func() error {
				response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: past.GetStep(), LastStep: last, Observation: past.GetObservation(), Candidates: 2})
				if err != nil {
					return err
				}
				if !proto.Equal(response.GetCandidates()[0], past.GetDelivered()) {
					return fmt.Errorf("step %d: found %v, want %v", past.GetStep(), response.GetCandidates()[0], past.GetDelivered())
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		for range 2 {
			group.Go(func() error {
				_, err := client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: last, Past: past})
				return err
			})
		}
		require.NoError(t, group.Wait())
		last = past.GetStep()
	}
}
