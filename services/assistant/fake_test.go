package assistant_test

import (
	"context"
	"maps"
	"net"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/assistant"
)

// retrieval is a retrieval service in a map, as a client; a test may replace calls.
type retrieval struct {
	retrievalv1.RetrievalServiceClient
	upsert func(*retrievalv1.UpsertRequest) error
	search func(*retrievalv1.SearchRequest) ([]*retrievalv1.Hit, error)

	mu       sync.Mutex
	points   map[string]map[string]*retrievalv1.Point // by tenant and key
	searches []*retrievalv1.SearchRequest
	upserts  int
}

func newRetrieval() *retrieval {
	return &retrieval{points: map[string]map[string]*retrievalv1.Point{}}
}

func (r *retrieval) Upsert(_ context.Context, req *retrievalv1.UpsertRequest, _ ...grpc.CallOption) (*retrievalv1.UpsertResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.upsert != nil {
		if err := r.upsert(req); err != nil {
			return nil, err
		}
	}
	if r.points[req.GetTenant()] == nil {
		r.points[req.GetTenant()] = map[string]*retrievalv1.Point{}
	}
	for _, p := range req.GetPoints() {
		r.points[req.GetTenant()][p.GetKey()] = p
		r.upserts++
	}
	return &retrievalv1.UpsertResponse{}, nil
}

func (r *retrieval) Count(_ context.Context, req *retrievalv1.CountRequest, _ ...grpc.CallOption) (*retrievalv1.CountResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &retrievalv1.CountResponse{Count: int64(len(r.points[req.GetTenant()])), Embedder: role.EmbeddedBackend()}, nil
}

func (r *retrieval) Delete(_ context.Context, req *retrievalv1.DeleteRequest, _ ...grpc.CallOption) (*retrievalv1.DeleteResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.points[req.GetTenant()])
	delete(r.points, req.GetTenant())
	return &retrievalv1.DeleteResponse{Deleted: int64(n)}, nil
}

// Search ranks by shared words.
func (r *retrieval) Search(_ context.Context, req *retrievalv1.SearchRequest, _ ...grpc.CallOption) (*retrievalv1.SearchResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.searches = append(r.searches, req)
	if r.search != nil {
		hits, err := r.search(req)
		return &retrievalv1.SearchResponse{Hits: hits, Count: int64(len(r.points[req.GetTenant()]))}, err
	}
	var hits []*retrievalv1.Hit
	for _, p := range r.points[req.GetTenant()] {
		if p.GetPosition() < req.GetBefore() {
			shared := 0
			for _, word := range strings.Fields(p.GetText()) {
				if strings.Contains(req.GetText(), word) {
					shared++
				}
			}
			hits = append(hits, &retrievalv1.Hit{Point: p, Score: float32(shared) / 100})
		}
	}
	sort.Slice(hits, func(i, j int) bool {
		if hits[i].GetScore() != hits[j].GetScore() {
			return hits[i].GetScore() > hits[j].GetScore()
		}
		return hits[i].GetPoint().GetKey() < hits[j].GetPoint().GetKey()
	})
	return &retrievalv1.SearchResponse{Hits: hits[:min(len(hits), int(req.GetLimit()))], Count: int64(len(r.points[req.GetTenant()]))}, nil
}

// dial serves an assistant in memory and returns its client.
func dial(t testing.TB, found retrievalv1.RetrievalServiceClient) assistantv1.AssistantServiceClient {
	return dialWith(t, assistant.Config{}, found, &trainer{})
}

func dialWith(t testing.TB, cfg assistant.Config, found retrievalv1.RetrievalServiceClient, adapters trainerv1.TrainerServiceClient) assistantv1.AssistantServiceClient {
	server, err := assistant.New(cfg, found, adapters)
	require.NoError(t, err)
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			out, err := next(ctx, req)
			return out, errs.ToStatus(err)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return errs.ToStatus(next(srv, stream))
		}),
	)
	server.Register(g)
	go func() { _ = g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///assistant",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		g.Stop()
		require.NoError(t, server.Close())
	})
	return assistantv1.NewAssistantServiceClient(conn)
}

// table has the methods as an environment resolves them.
var table = map[string]*simv1.Method{
	"none":            policyMethod(simv1.MemoryLevel_MEMORY_LEVEL_NONE),
	"ar":              policyMethod(simv1.MemoryLevel_MEMORY_LEVEL_AR),
	"ars":             policyMethod(simv1.MemoryLevel_MEMORY_LEVEL_ARS),
	"proper":          {Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_SAMPLES, Decider: simv1.Decider_DECIDER_POLICY, Told: simv1.Told_TOLD_NOTHING, Trains: true},
	"proper-contrast": {Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_CONTRAST, Decider: simv1.Decider_DECIDER_POLICY, Told: simv1.Told_TOLD_NOTHING, Trains: true},
	"proper-plus":     {Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_COMPLETE, Decider: simv1.Decider_DECIDER_POLICY, Told: simv1.Told_TOLD_NOTHING, Trains: true},
	"silent":          {Memory: simv1.MemoryLevel_MEMORY_LEVEL_NONE, Scheme: simv1.Scheme_SCHEME_SAMPLES, Decider: simv1.Decider_DECIDER_SILENCE, Told: simv1.Told_TOLD_NOTHING},
	"constant":        {Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_SAMPLES, Decider: simv1.Decider_DECIDER_RATE, Told: simv1.Told_TOLD_RATE},
	"scheduled":       {Memory: simv1.MemoryLevel_MEMORY_LEVEL_NONE, Scheme: simv1.Scheme_SCHEME_SAMPLES, Decider: simv1.Decider_DECIDER_SCHEDULE, Told: simv1.Told_TOLD_NOTHING},
	"bandit":          {Memory: simv1.MemoryLevel_MEMORY_LEVEL_ARS, Scheme: simv1.Scheme_SCHEME_SAMPLES, Decider: simv1.Decider_DECIDER_BANDIT, Told: simv1.Told_TOLD_NOTHING},
	"persona-given":   {Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_SAMPLES, Decider: simv1.Decider_DECIDER_SPEC, Told: simv1.Told_TOLD_SPEC},
}

func policyMethod(memory simv1.MemoryLevel) *simv1.Method {
	return &simv1.Method{Memory: memory, Scheme: simv1.Scheme_SCHEME_SAMPLES, Decider: simv1.Decider_DECIDER_POLICY, Told: simv1.Told_TOLD_NOTHING}
}

func methods() []string { return slices.Sorted(maps.Keys(table)) }

// start returns the start of a session of a method, with what it must be told.
func start(method string) *assistantv1.SessionStart {
	out := &assistantv1.SessionStart{
		RunId: "run", Settings: &simv1.Settings{Seed: 7, StepSeconds: 150, Days: 14}, Method: proto.CloneOf(table[method]),
	}
	out.Method.Name = method
	switch out.GetMethod().GetTold() {
	case simv1.Told_TOLD_RATE:
		out.ToldRate = 0.5
	case simv1.Told_TOLD_SPEC:
		out.ToldSpec = wishes()
	}
	return out
}

func wishes() *simv1.PreferenceSpec {
	day := &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}
	return &simv1.PreferenceSpec{
		Frequency: &simv1.FrequencySpec{AtLeast: []*simv1.FrequencyBound{{Count: 3, Window: day}}, AtMost: []*simv1.FrequencyBound{{Count: 3, Window: day}}},
		Timing:    &simv1.TimingSpec{Receptive: []*simv1.MomentPattern{{Activity: &simv1.ActivityPattern{Kinds: []string{"reading"}, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING}}}},
		Content:   &simv1.ContentSpec{Liked: []*simv1.ContentRule{{Topics: []string{"films", "books", "workout", "family"}}}},
		Communication: &simv1.CommunicationSpec{Tones: []string{"formal", "direct"}, MaxWords: 12, Boundaries: []simv1.Boundary{
			simv1.Boundary_BOUNDARY_NO_QUESTIONS, simv1.Boundary_BOUNDARY_NO_PRESSURE, simv1.Boundary_BOUNDARY_NO_HEALTH_ADVICE,
		}},
	}
}

// open opens a session with a history.
func open(t testing.TB, client assistantv1.AssistantServiceClient, start *assistantv1.SessionStart, history ...*simv1.PastStep) (*assistantv1.OpenSessionResponse, error) {
	stream, err := client.OpenSession(t.Context())
	require.NoError(t, err)
	_ = stream.Send(&assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_Start{Start: start}})
	for from := 0; from < len(history); from += 100 {
		part := &assistantv1.History{Steps: history[from:min(from+100, len(history))]}
		_ = stream.Send(&assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_History{History: part}})
	}
	out, err := stream.CloseAndRecv()
	return out, errs.FromStatus(err)
}

// life is what a user is seen to do at a step: asleep until seven and from 23
// (nil), half-hour tasks between.
func life(step int32) *simv1.Observation {
	ofDay := step % 576
	if ofDay < 7*24 || ofDay >= 23*24 {
		return nil
	}
	kinds := []string{"breakfast", "work", "reading", "cooking", "work", "private", "gardening"}
	task := step / 12
	seen := &simv1.Observation{Kind: kinds[int(task)%len(kinds)], Description: "being at it", Room: "living room", StartedStep: task * 12}
	if step%12 == 0 {
		seen.Kind, seen.Walking = "walking", true
	}
	return seen
}

// live runs a session over steps [from, to) and returns what was committed. At
// level ARS a recommendation scores 1, unless it is about books.
func live(t testing.TB, client assistantv1.AssistantServiceClient, start *assistantv1.SessionStart, from, to int32, history []*simv1.PastStep) []*simv1.PastStep {
	last := int32(-1)
	if len(history) > 0 {
		last = history[len(history)-1].GetStep()
	}
	for step := from; step < to; step++ {
		seen := life(step)
		if seen == nil {
			continue
		}
		response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: start.GetRunId(), Step: step, LastStep: last, Observation: seen, Candidates: 2})
		require.NoError(t, err)
		past := &simv1.PastStep{Step: step, Observation: seen, Delivered: response.GetCandidates()[0]}
		if start.GetMethod().GetMemory() == simv1.MemoryLevel_MEMORY_LEVEL_ARS {
			score := int32(3)
			if past.GetDelivered().GetRecommendation() != nil && past.GetDelivered().GetRecommendation().GetTopic() != "books" {
				score = 1
			}
			past.Score = &score
		}
		_, err = client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: start.GetRunId(), LastStep: last, Past: past})
		require.NoError(t, err)
		history, last = append(history, past), step
	}
	return history
}
