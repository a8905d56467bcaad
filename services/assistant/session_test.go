package assistant_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/assistant"
)

const day = 576

func equalSteps(t *testing.T, want, got []*simv1.PastStep) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, proto.Equal(want[i], got[i]), "step %d: %v, then %v", want[i].GetStep(), want[i], got[i])
	}
}

// TestASessionIsAFoldOverItsHistory opens sessions again at several points, with and
// without their index: they continue as one that was never lost.
func TestASessionIsAFoldOverItsHistory(t *testing.T) {
	for _, method := range methods() {
		t.Run(method, func(t *testing.T) {
			client := dial(t, newRetrieval())
			_, err := open(t, client, start(method))
			require.NoError(t, err)
			whole := live(t, client, start(method), 0, 2*day, nil)

			for _, cut := range []int32{7*24 + 1, 9 * 24, 15*24 + 5, day + 10*24 + 7} {
				index := newRetrieval()
				first := dial(t, index)
				_, err := open(t, first, start(method))
				require.NoError(t, err)
				part := live(t, first, start(method), 0, cut, nil)
				if cut%2 == 0 {
					index.points = map[string]map[string]*retrievalv1.Point{} // the index is lost too
				}
				second := dial(t, index)
				opened, err := open(t, second, start(method), part...)
				require.NoError(t, err)
				require.Equal(t, part[len(part)-1].GetStep(), opened.GetLastStep())
				equalSteps(t, whole, live(t, second, start(method), cut, 2*day, part))
			}
		})
	}
}

func TestAStaleIndexIsEmptiedAtTheStart(t *testing.T) {
	index := newRetrieval()
	index.points["run"] = map[string]*retrievalv1.Point{"168": {Key: "168", Text: "x"}}
	_, err := open(t, dial(t, index), start("ar"))
	require.NoError(t, err)
	require.Empty(t, index.points["run"])
}

func TestRecommendIsRepeatable(t *testing.T) {
	client := dial(t, newRetrieval())
	_, err := open(t, client, start("proper"))
	require.NoError(t, err)
	past := live(t, client, start("proper"), 0, 300, nil)
	req := &assistantv1.RecommendRequest{RunId: "run", Step: 300, LastStep: past[len(past)-1].GetStep(), Observation: life(301), Candidates: 4}
	req.Observation.StartedStep = 300
	one, err := client.Recommend(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, one.GetCandidates(), 4)
	two, err := client.Recommend(t.Context(), req)
	require.NoError(t, err)
	require.True(t, proto.Equal(one, two))
}

func TestACandidateIsWhatItsCompletionSays(t *testing.T) {
	client := dial(t, newRetrieval())
	_, err := open(t, client, start("proper-contrast"))
	require.NoError(t, err)
	silent := 0
	history := live(t, client, start("proper-contrast"), 0, day, nil)
	for _, past := range history {
		var said struct{ Action, Topic, Tone, Text string }
		require.NoError(t, json.Unmarshal([]byte(past.GetDelivered().GetCompletion()), &said))
		if past.GetDelivered().GetAbstention() != nil {
			require.Equal(t, "abstain", said.Action)
			silent++
			continue
		}
		rec := past.GetDelivered().GetRecommendation()
		require.Equal(t, "recommend", said.Action)
		require.Equal(t, []string{rec.GetTopic(), rec.GetTone(), rec.GetText()}, []string{said.Topic, said.Tone, said.Text})
	}
	require.InDelta(t, 0.04, float64(silent)/float64(len(history)), 0.03)
}

func TestSchemes(t *testing.T) {
	client := dial(t, newRetrieval())
	origins := func(response *assistantv1.RecommendResponse) (out []simv1.Origin) {
		for _, c := range response.GetCandidates() {
			out = append(out, c.GetOrigin())
		}
		return out
	}
	sample, opposite, second := simv1.Origin_ORIGIN_SAMPLE, simv1.Origin_ORIGIN_OPPOSITE, simv1.Origin_ORIGIN_SECOND
	_, err := open(t, client, start("proper-contrast"))
	require.NoError(t, err)
	silent, spoken := 0, 0
	for step := range int32(200) {
		response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200 + step, LastStep: -1, Observation: &simv1.Observation{Kind: "reading"}, Candidates: 2})
		require.NoError(t, err)
		own := response.GetCandidates()
		if own[0].GetAbstention() != nil {
			silent++
			require.Equal(t, []simv1.Origin{sample, opposite}, origins(response))
			require.NotNil(t, own[1].GetRecommendation())
			continue
		}
		spoken++
		require.Equal(t, []simv1.Origin{sample, opposite, second}, origins(response))
		require.NotNil(t, own[1].GetAbstention())
		require.NotNil(t, own[2].GetRecommendation())
	}
	require.Positive(t, silent)
	require.Positive(t, spoken)

	_, err = open(t, client, start("proper-plus"))
	require.NoError(t, err)
	topics := map[string]bool{}
	for step := range int32(400) {
		response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200 + step, LastStep: -1, Observation: &simv1.Observation{Kind: "reading"}, Candidates: 2})
		require.NoError(t, err)
		require.Equal(t, []simv1.Origin{sample, opposite, second}, origins(response))
		said := map[string]bool{}
		for _, c := range response.GetCandidates() {
			if c.GetRecommendation() != nil {
				said[c.GetRecommendation().GetTopic()] = true
			}
		}
		require.Len(t, said, 2, "two different topics")
		topics[response.GetCandidates()[2].GetRecommendation().GetTopic()] = true
	}
	require.Greater(t, len(topics), len(content.Topics())*9/10, "it tries every topic")

	_, err = open(t, client, start("proper"))
	require.NoError(t, err)
	for n := range int32(16) {
		response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200, LastStep: -1, Observation: &simv1.Observation{Kind: "reading"}, Candidates: n + 1})
		require.NoError(t, err)
		require.Len(t, response.GetCandidates(), int(n+1))
		for _, origin := range origins(response) {
			require.Equal(t, sample, origin)
		}
	}
}

func TestASessionIsAtOneStep(t *testing.T) {
	client := dial(t, newRetrieval())
	recommend := func(step, last int32) error {
		_, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: step, LastStep: last, Observation: &simv1.Observation{Kind: "work"}, Candidates: 1})
		return errs.FromStatus(err)
	}
	observe := func(step, last int32) error {
		delivered := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
		_, err := client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: last, Past: &simv1.PastStep{Step: step, Observation: &simv1.Observation{Kind: "work"}, Delivered: delivered}})
		return errs.FromStatus(err)
	}
	require.ErrorIs(t, recommend(10, -1), errs.ErrSessionNotFound)
	require.ErrorIs(t, observe(10, -1), errs.ErrSessionNotFound)
	_, err := open(t, client, start("ar"))
	require.NoError(t, err)
	require.NoError(t, recommend(10, -1))
	require.ErrorIs(t, recommend(10, 9), errs.ErrSessionBehind)
	require.NoError(t, observe(10, -1))
	require.NoError(t, observe(10, -1), "a repeat is a no-op")
	require.ErrorIs(t, observe(12, 11), errs.ErrSessionBehind)
	require.ErrorIs(t, recommend(11, -1), errs.ErrSessionBehind)
	require.ErrorIs(t, recommend(10, 10), errs.ErrInvalid)
	require.NoError(t, recommend(11, 10))
	for range 2 {
		_, err = client.CloseSession(t.Context(), &assistantv1.CloseSessionRequest{RunId: "run"})
		require.NoError(t, err)
	}
	require.ErrorIs(t, recommend(11, 10), errs.ErrSessionNotFound)
}

func weights(t *testing.T) []byte {
	silence := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
	said := &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "x", Topic: "films", Tone: "calm"}}}
	var pairs []*bufferv1.PreferencePair
	for minute := range 1440 {
		features := policy.Extract(&policy.Moment{MinuteOfDay: float64(minute), Kind: "reading", Actions: true, Given: true, SinceGiven: float64(minute%20) - 1})
		pairs = append(pairs, &bufferv1.PreferencePair{Prompt: &simv1.Prompt{Features: features}, Chosen: silence, Rejected: said})
	}
	child, _, err := policy.Train(policy.Base(), pairs, &trainerv1.Hyperparameters{Beta: 0.1, Epochs: 2, LearningRate: 0.1, BatchSize: 4, Reference: trainerv1.Reference_REFERENCE_BASE}, 1)
	require.NoError(t, err)
	return child.Weights()
}

func TestAnAdapterTakesForce(t *testing.T) {
	has := &trainer{}
	id := has.publish(t, policy.Name, weights(t))
	client := dialWith(t, assistant.Config{}, newRetrieval(), has)
	use := func(adapter *assistantv1.Adapter) error {
		_, err := client.UseAdapter(t.Context(), &assistantv1.UseAdapterRequest{RunId: "run", Adapter: adapter})
		return errs.FromStatus(err)
	}
	said := func() (n int, adapter string) {
		for step := range int32(100) {
			response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 200 + step, LastStep: -1, Observation: &simv1.Observation{Kind: "reading", StartedStep: 190}, Candidates: 1})
			require.NoError(t, err)
			if response.GetCandidates()[0].GetRecommendation() != nil {
				n++
			}
			adapter = response.GetAdapter()
		}
		return n, adapter
	}
	require.ErrorIs(t, use(&assistantv1.Adapter{Id: id}), errs.ErrSessionNotFound)
	_, err := open(t, client, start("proper"))
	require.NoError(t, err)
	n, inForce := said()
	require.Greater(t, n, 80)
	require.Empty(t, inForce)
	for name, bad := range map[string]*assistantv1.Adapter{"no id": {}, "of a model": {Id: id, Model: "m"}} {
		require.ErrorIs(t, use(bad), errs.ErrInvalid, name)
	}
	unknown := use(&assistantv1.Adapter{Id: "unknown"})
	require.ErrorIs(t, unknown, errs.ErrNotFound)
	require.NotErrorIs(t, unknown, errs.ErrSessionNotFound, "the session is still there")
	for range 2 {
		require.NoError(t, use(&assistantv1.Adapter{Id: id}))
		n, inForce = said()
		require.Less(t, n, 20)
		require.Equal(t, id, inForce)
	}
	opening := start("proper")
	opening.Adapter = &assistantv1.Adapter{Id: id}
	_, err = open(t, client, opening)
	require.NoError(t, err)
	again, _ := said()
	require.Equal(t, n, again)

	_, err = open(t, client, start("silent"))
	require.NoError(t, err)
	require.ErrorIs(t, use(&assistantv1.Adapter{Id: id}), errs.ErrInvalid)
}

func TestAFailedIndexIsAnError(t *testing.T) {
	index := newRetrieval()
	client := dial(t, index)
	_, err := open(t, client, start("ar"))
	require.NoError(t, err)
	history := live(t, client, start("ar"), 0, 240, nil)
	last := history[len(history)-1].GetStep()
	down := fmt.Errorf("embedder: %w", errs.ErrUnavailable)

	index.search = func(*retrievalv1.SearchRequest) ([]*retrievalv1.Hit, error) { return nil, down }
	_, err = client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 245, LastStep: last, Observation: life(245), Candidates: 1})
	require.ErrorIs(t, errs.FromStatus(err), errs.ErrUnavailable)

	index.upsert = func(*retrievalv1.UpsertRequest) error { return down }
	past := &simv1.PastStep{Step: 245, Observation: life(245), Delivered: history[0].GetDelivered()}
	observe := func() error {
		_, err := client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: last, Past: past})
		return errs.FromStatus(err)
	}
	require.ErrorIs(t, observe(), errs.ErrUnavailable)
	require.ErrorIs(t, observe(), errs.ErrUnavailable, "the step does not count as observed")
	index.upsert = nil
	require.NoError(t, observe())
	require.False(t, errors.Is(observe(), errs.ErrSessionBehind))
}

// TestAnIndexThatLostMomentsIsFilledAgain restarts an index that keeps nothing on
// disk: the session reports it, and opened again it answers as it would have.
func TestAnIndexThatLostMomentsIsFilledAgain(t *testing.T) {
	index := newRetrieval()
	client := dial(t, index)
	_, err := open(t, client, start("proper"))
	require.NoError(t, err)
	history := live(t, client, start("proper"), 0, 240, nil)
	last := history[len(history)-1].GetStep()
	ask := func() (*assistantv1.RecommendResponse, error) {
		resp, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 260, LastStep: last, Observation: life(260), Candidates: 2})
		return resp, errs.FromStatus(err)
	}
	kept := index.points["run"]
	require.NotEmpty(t, kept)
	delete(index.points, "run")
	_, err = ask()
	require.ErrorIs(t, err, errs.ErrSessionBehind)
	_, err = open(t, client, start("proper"), history...)
	require.NoError(t, err)
	require.Len(t, index.points["run"], len(kept))
	after, err := ask()
	require.NoError(t, err)

	untouched := dial(t, newRetrieval())
	_, err = open(t, untouched, start("proper"), history...)
	require.NoError(t, err)
	want, err := untouched.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: 260, LastStep: last, Observation: life(260), Candidates: 2})
	require.NoError(t, err)
	require.True(t, proto.Equal(want, after))
}
