package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// probe calls the server, with a timeout for each call, and keeps the answers.
type probe struct {
	client    assistantv1.AssistantServiceClient
	opts      Options
	prefix    string
	lived     []livedStep // the steps of the check run.life
	trainable Trainable

	mu        sync.Mutex
	answers   []*assistantv1.RecommendResponse // guarded by mu
	latencies []time.Duration                  // of Recommend; guarded by mu
	opened    []string                         // runs, in the order of opening; guarded by mu
}

// livedStep is one waking step of run.life.
type livedStep struct {
	moment moment
	answer *assistantv1.RecommendResponse
	past   *simv1.PastStep
}

// run returns a run id that only this probe uses.
func (p *probe) run(name string) string { return p.prefix + "-" + name }

// code returns the gRPC code of an error, whether or not the client has converted
// it to pkg/errs.
func code(err error) codes.Code { return status.Code(errs.ToStatus(err)) }

// outcome describes the end of a call: OK, or the code and the message.
func outcome(err error) string {
	if err == nil {
		return codes.OK.String()
	}
	return fmt.Sprintf("%s (%s)", code(err), status.Convert(errs.ToStatus(err)).Message())
}

func (p *probe) start(run string) *assistantv1.SessionStart {
	return &assistantv1.SessionStart{
		RunId:    run,
		Settings: &simv1.Settings{Seed: p.opts.Seed, StepSeconds: p.opts.StepSeconds, Days: 14},
		Method:   proto.CloneOf(p.opts.Method),
		ToldRate: p.opts.ToldRate,
		ToldSpec: p.opts.ToldSpec,
	}
}

// open opens or replaces a session with a history, one message for each chunk.
func (p *probe) open(ctx context.Context, run string, chunks ...[]*simv1.PastStep) (int32, error) {
	return p.openWith(ctx, p.start(run), chunks...)
}

func (p *probe) openWith(ctx context.Context, start *assistantv1.SessionStart, chunks ...[]*simv1.PastStep) (int32, error) {
	requests := []*assistantv1.OpenSessionRequest{startRequest(start)}
	for _, chunk := range chunks {
		requests = append(requests, historyRequest(chunk))
	}
	resp, err := p.send(ctx, requests...)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	p.opened = append(p.opened, start.GetRunId())
	p.mu.Unlock()
	return resp.GetLastStep(), nil
}

// send sends requests to OpenSession as they are.
func (p *probe) send(ctx context.Context, requests ...*assistantv1.OpenSessionRequest) (*assistantv1.OpenSessionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	stream, err := p.client.OpenSession(ctx)
	if err != nil {
		return nil, err
	}
	for _, req := range requests {
		if err := stream.Send(req); err != nil {
			if errors.Is(err, io.EOF) { // the server has ended the stream: read why
				break
			}
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}

func startRequest(start *assistantv1.SessionStart) *assistantv1.OpenSessionRequest {
	return &assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_Start{Start: start}}
}

func historyRequest(steps []*simv1.PastStep) *assistantv1.OpenSessionRequest {
	return &assistantv1.OpenSessionRequest{Part: &assistantv1.OpenSessionRequest_History{History: &assistantv1.History{Steps: steps}}}
}

// request is a well-formed Recommend of two candidates.
func request(run string, m moment, last int32) *assistantv1.RecommendRequest {
	return &assistantv1.RecommendRequest{RunId: run, Step: m.step, LastStep: last, Observation: m.seen, Candidates: 2}
}

func (p *probe) recommend(ctx context.Context, run string, m moment, last int32) (*assistantv1.RecommendResponse, error) {
	return p.sendRecommend(ctx, request(run, m, last))
}

func (p *probe) sendRecommend(ctx context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	began := time.Now()
	resp, err := p.client.Recommend(ctx, req)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latencies = append(p.latencies, time.Since(began))
	p.answers = append(p.answers, resp)
	return resp, nil
}

func (p *probe) observe(ctx context.Context, run string, last int32, past *simv1.PastStep) error {
	return p.sendObserve(ctx, &assistantv1.ObserveRequest{RunId: run, LastStep: last, Past: past})
}

func (p *probe) sendObserve(ctx context.Context, req *assistantv1.ObserveRequest) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	_, err := p.client.Observe(ctx, req)
	return err
}

func (p *probe) use(ctx context.Context, run string, adapter *assistantv1.Adapter) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	_, err := p.client.UseAdapter(ctx, &assistantv1.UseAdapterRequest{RunId: run, Adapter: adapter})
	return err
}

func (p *probe) close(ctx context.Context, run string) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	_, err := p.client.CloseSession(ctx, &assistantv1.CloseSessionRequest{RunId: run})
	return err
}

// closeAll closes every session. Errors do not matter here: session.close has
// checked CloseSession.
func (p *probe) closeAll(ctx context.Context) {
	closed := map[string]bool{}
	for _, run := range p.opened {
		if closed[run] {
			continue
		}
		closed[run] = true
		if code(p.close(ctx, run)) == codes.DeadlineExceeded {
			return
		}
	}
}
