package conformance_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"buf.build/go/protovalidate"
	validate "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/protovalidate"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

type opening = grpc.ClientStreamingServer[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]

// double is an assistant whose rpcs are fields, so that a test can replace one of a
// faithful server.
type double struct {
	assistantv1.UnimplementedAssistantServiceServer
	open      func(opening) error
	recommend func(context.Context, *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error)
	observe   func(context.Context, *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error)
	use       func(context.Context, *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error)
	forget    func(context.Context, *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error)
}

func (d *double) OpenSession(s opening) error { return d.open(s) }
func (d *double) Recommend(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	return d.recommend(ctx, r)
}

func (d *double) Observe(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
	return d.observe(ctx, r)
}

func (d *double) UseAdapter(ctx context.Context, r *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
	return d.use(ctx, r)
}

func (d *double) CloseSession(ctx context.Context, r *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
	return d.forget(ctx, r)
}

// faithful satisfies the whole contract: its answers follow from all that its
// session was given, notes included, and from nothing else.
type faithful struct {
	mu       sync.Mutex
	sessions map[string]*memory // guarded by mu
}

type memory struct {
	last, seen, said, noted int32
	scheme                  simv1.Scheme
	adapter                 string
}

func newDouble() (*double, *faithful) {
	f := &faithful{sessions: map[string]*memory{}}
	return &double{open: f.open, recommend: f.recommend, observe: f.observe, use: f.use, forget: f.forget}, f
}

func (m *memory) take(past *simv1.PastStep) {
	m.noted += int32(len(past.GetNotes()))
	if past.GetObservation() == nil { // the user sleeps
		return
	}
	m.last = past.GetStep()
	m.seen++
	if past.GetDelivered().GetRecommendation() != nil {
		m.said++
	}
}

func (f *faithful) open(stream opening) error {
	first, err := stream.Recv()
	if err == io.EOF || err == nil && first.GetStart() == nil {
		return status.Error(codes.InvalidArgument, "want start first")
	}
	if err != nil {
		return err
	}
	start := first.GetStart()
	m := &memory{last: -1, scheme: start.GetMethod().GetScheme(), adapter: start.GetAdapter().GetId()}
	reached := int32(-1)
	for {
		next, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if next.GetHistory() == nil {
			return status.Error(codes.InvalidArgument, "want history after start")
		}
		for _, past := range next.GetHistory().GetSteps() {
			if past.GetStep() <= reached {
				return status.Error(codes.InvalidArgument, "history must ascend")
			}
			reached = past.GetStep()
			m.take(past)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions[start.GetRunId()] = m
	return stream.SendAndClose(&assistantv1.OpenSessionResponse{LastStep: m.last})
}

// reasoned is an error with an ErrorInfo.
func reasoned(code codes.Code, reason, format string, args ...any) error {
	withReason, err := status.Newf(code, format, args...).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "propersim"})
	if err != nil {
		return err
	}
	return withReason.Err()
}

// at is called with mu held.
func (f *faithful) at(run string, last int32) (*memory, error) {
	m, ok := f.sessions[run]
	switch {
	case !ok:
		return nil, reasoned(codes.NotFound, "SESSION_NOT_FOUND", "no session of %q", run)
	case m.last != last:
		return nil, reasoned(codes.FailedPrecondition, "SESSION_BEHIND", "the session is at %d", m.last)
	}
	return m, nil
}

func (f *faithful) recommend(_ context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, err := f.at(r.GetRunId(), r.GetLastStep())
	if err != nil {
		return nil, err
	}
	speaks := (m.seen+2*m.said+m.noted+r.GetStep())%3 == 0
	out := &assistantv1.RecommendResponse{
		Adapter: m.adapter,
		Calls:   []*simv1.ModelCall{{Id: "assistant/0", Role: simv1.Role_ROLE_ASSISTANT}, {Id: "assistant/1", Role: simv1.Role_ROLE_ASSISTANT}},
		Timings: []*simv1.CallTiming{{CallId: "assistant/1"}},
	}
	if m.seen%10 == 5 {
		out.Notes = []*simv1.Note{{Role: simv1.Role_ROLE_ASSISTANT, Key: fmt.Sprintf("mood/%d", m.seen), Content: []byte("good")}}
	}
	if m.scheme == simv1.Scheme_SCHEME_CONTRAST {
		out.Candidates = append(out.Candidates, answer(m, speaks, simv1.Origin_ORIGIN_SAMPLE), answer(m, !speaks, simv1.Origin_ORIGIN_OPPOSITE))
		if speaks {
			out.Candidates = append(out.Candidates, answer(m, true, simv1.Origin_ORIGIN_SECOND))
		}
		return out, nil
	}
	for range r.GetCandidates() {
		out.Candidates = append(out.Candidates, answer(m, speaks, simv1.Origin_ORIGIN_SAMPLE))
	}
	return out, nil
}

func answer(m *memory, speaks bool, origin simv1.Origin) *simv1.Candidate {
	if !speaks {
		return &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}, Origin: origin, Completion: `{"action":"abstain"}`}
	}
	text := fmt.Sprintf("After %d moments and %d words of mine: a book?", m.seen, m.said)
	return &simv1.Candidate{
		Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: text, Topic: "books", Tone: "calm"}},
		Origin: origin, Completion: fmt.Sprintf(`{"action":"recommend","topic":"books","tone":"calm","text":%q}`, text),
	}
}

func (f *faithful) observe(_ context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m, ok := f.sessions[r.GetRunId()]; ok && r.GetPast().GetStep() <= m.last {
		return &assistantv1.ObserveResponse{}, nil
	}
	m, err := f.at(r.GetRunId(), r.GetLastStep())
	if err != nil {
		return nil, err
	}
	m.take(r.GetPast())
	return &assistantv1.ObserveResponse{}, nil
}

func (f *faithful) use(_ context.Context, r *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.sessions[r.GetRunId()]
	if !ok {
		return nil, reasoned(codes.NotFound, "SESSION_NOT_FOUND", "no session of %q", r.GetRunId())
	}
	m.adapter = r.GetAdapter().GetId()
	return &assistantv1.UseAdapterResponse{}, nil
}

func (f *faithful) forget(_ context.Context, r *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, r.GetRunId())
	return &assistantv1.CloseSessionResponse{}, nil
}

// connect serves an assistant over a connection in memory, with the field rules of
// the contract or without.
func connect(t *testing.T, server assistantv1.AssistantServiceServer, rules bool) assistantv1.AssistantServiceClient {
	t.Helper()
	var opts []grpc.ServerOption
	if rules {
		opts = []grpc.ServerOption{
			grpc.UnaryInterceptor(validate.UnaryServerInterceptor(protovalidate.GlobalValidator)),
			grpc.StreamInterceptor(validate.StreamServerInterceptor(protovalidate.GlobalValidator)),
		}
	}
	grpcServer := grpc.NewServer(opts...)
	assistantv1.RegisterAssistantServiceServer(grpcServer, server)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = grpcServer.Serve(listener) }()
	t.Cleanup(grpcServer.Stop)
	conn, err := grpc.NewClient("passthrough:assistant", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return assistantv1.NewAssistantServiceClient(conn)
}

// checkNamed reports whether a run id belongs to the check of that name.
func checkNamed(run, name string) bool { return strings.HasSuffix(run, "-"+name) }

// tapped is an opening whose messages and answer a test can change.
type tapped struct {
	opening
	recv func(*assistantv1.OpenSessionRequest, error) (*assistantv1.OpenSessionRequest, error)
	send func(*assistantv1.OpenSessionResponse)
}

func (s *tapped) Recv() (*assistantv1.OpenSessionRequest, error) {
	req, err := s.opening.Recv()
	if s.recv != nil {
		return s.recv(req, err)
	}
	return req, err
}

func (s *tapped) SendAndClose(resp *assistantv1.OpenSessionResponse) error {
	if s.send != nil {
		s.send(resp)
	}
	return s.opening.SendAndClose(resp)
}
