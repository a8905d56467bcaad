package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// town stands for all the other services: small, deterministic, and strict
// about sessions. A hook may fail a call before it is answered.
type town struct {
	hook func(call, run string) error // may be nil

	mu       sync.Mutex
	users    map[string]*place // guarded by mu
	aides    map[string]*place // guarded by mu
	pairs    map[string]map[int32]*bufferv1.PreferencePair
	jobs     map[string]*trainerv1.Job
	submits  int
	counts   map[string]int
	failJobs bool
	// unjudged and tied are steps of that kind.
	unjudged, tied func(step int32) bool
	latency        float64
}

// place is a session: what a fold over the history leaves.
type place struct {
	last    int32
	fold    uint64
	adapter string
	seed    uint64
	scores  int
}

func newTown() *town {
	no := func(int32) bool { return false }
	return &town{users: map[string]*place{}, aides: map[string]*place{}, pairs: map[string]map[int32]*bufferv1.PreferencePair{},
		jobs: map[string]*trainerv1.Job{}, counts: map[string]int{}, unjudged: no, tied: no}
}

func (t *town) clients() Clients {
	return Clients{Personas: fakePersonas{t: t}, Users: fakeUsers{t: t}, Assistants: fakeAssistants{t: t}, Buffer: fakeBuffer{t: t}, Trainer: fakeTrainer{t: t}}
}

func (t *town) enter(call, run string) error {
	t.mu.Lock()
	t.counts[call]++
	hook := t.hook
	t.mu.Unlock()
	if hook != nil {
		return hook(call, run)
	}
	return nil
}

func (t *town) setHook(hook func(call, run string) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hook = hook
}

// forget loses all sessions, as a restart does.
func (t *town) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users, t.aides = map[string]*place{}, map[string]*place{}
}

func (t *town) at(places map[string]*place, run string, last int32) (*place, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := places[run]
	if !ok {
		return nil, fmt.Errorf("no session of run %q: %w", run, errs.ErrNotFound)
	}
	if p.last != last {
		return nil, fmt.Errorf("session of run %q stands at %d, not %d: %w", run, p.last, last, errs.ErrPrecondition)
	}
	return p, nil
}

func (p *place) observe(past *simv1.PastStep) {
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(past)
	p.fold = seeded.New(p.fold, string(data)).Uint64()
	p.last = past.GetStep()
	if past.Score != nil {
		p.scores++
	}
}

// upload is the client's end of an OpenSession stream.
type upload[Req, Resp any] struct {
	grpc.ClientStream
	send  func(*Req) error
	close func() (*Resp, error)
}

func (u *upload[Req, Resp]) Send(r *Req) error            { return u.send(r) }
func (u *upload[Req, Resp]) CloseAndRecv() (*Resp, error) { return u.close() }

type fakePersonas struct {
	userv1.PersonaServiceClient
	t *town
}

func (f fakePersonas) GetPersona(_ context.Context, req *userv1.GetPersonaRequest, _ ...grpc.CallOption) (*userv1.GetPersonaResponse, error) {
	if err := f.t.enter("GetPersona", ""); err != nil {
		return nil, err
	}
	id := req.GetId()
	if id == "nobody" {
		return nil, fmt.Errorf("persona %q: %w", id, errs.ErrNotFound)
	}
	if n, err := strconv.Atoi(id); err == nil {
		id = "person-" + strconv.Itoa(n)
	}
	spec := &simv1.PreferenceSpec{Frequency: &simv1.FrequencySpec{AtLeast: []*simv1.FrequencyBound{{Count: 16, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}}},
		Timing: &simv1.TimingSpec{}, Content: &simv1.ContentSpec{}, Communication: &simv1.CommunicationSpec{}}
	return &userv1.GetPersonaResponse{Stored: &userv1.StoredPersona{Persona: &simv1.Persona{Id: id, Name: id, Spec: spec}}}, nil
}

type fakeUsers struct {
	userv1.UserAgentServiceClient
	t *town
}

func (f fakeUsers) OpenSession(context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[userv1.OpenSessionRequest, userv1.OpenSessionResponse], error) {
	if err := f.t.enter("user.OpenSession", ""); err != nil {
		return nil, err
	}
	p, run := &place{last: -1}, ""
	return &upload[userv1.OpenSessionRequest, userv1.OpenSessionResponse]{
		send: func(r *userv1.OpenSessionRequest) error {
			if start := r.GetStart(); start != nil {
				run, p.seed = start.GetRunId(), start.GetSettings().GetSeed()
			}
			for _, past := range r.GetHistory().GetSteps() {
				if past.GetStep() <= p.last || past.GetAction() == nil {
					return errors.New("history out of order or without action")
				}
				p.observe(past)
			}
			return nil
		},
		close: func() (*userv1.OpenSessionResponse, error) {
			f.t.mu.Lock()
			defer f.t.mu.Unlock()
			f.t.users[run] = p
			return &userv1.OpenSessionResponse{LastStep: p.last}, nil
		},
	}, nil
}

const fakeStepsPerDay = 96 // of 900 seconds

func (f fakeUsers) Act(_ context.Context, req *userv1.ActRequest, _ ...grpc.CallOption) (*userv1.ActResponse, error) {
	if err := f.t.enter("Act", req.GetRunId()); err != nil {
		return nil, err
	}
	p, err := f.t.at(f.t.users, req.GetRunId(), req.GetLastStep())
	if err != nil {
		return nil, err
	}
	action := &simv1.Action{Kind: "sleep", Asleep: true, StartedStep: req.GetStep()}
	if hour := req.GetStep() % fakeStepsPerDay / 4; hour >= 7 && hour < 23 {
		action = &simv1.Action{Kind: "reading", Description: fmt.Sprintf("page %d", seeded.New(p.seed^p.fold, "act").Intn(1000, int(req.GetStep()))), Room: "study", StartedStep: req.GetStep()}
	}
	resp := &userv1.ActResponse{Action: action}
	if !action.GetAsleep() {
		resp.Observation = &simv1.Observation{Kind: action.GetKind(), Description: action.GetDescription(), Room: action.GetRoom(), StartedStep: action.GetStartedStep()}
		if f.t.latency > 0 {
			resp.Calls = []*simv1.ModelCall{{Role: "planner", Model: "m", Answer: "a page", LatencyMs: f.t.latency}}
		}
	}
	return resp, nil
}

func (f fakeUsers) Evaluate(_ context.Context, req *userv1.EvaluateRequest, _ ...grpc.CallOption) (*userv1.EvaluateResponse, error) {
	if err := f.t.enter("Evaluate", req.GetRunId()); err != nil {
		return nil, err
	}
	p, err := f.t.at(f.t.users, req.GetRunId(), req.GetLastStep())
	if err != nil {
		return nil, err
	}
	resp := &userv1.EvaluateResponse{Moment: &simv1.Moment{Receptive: true}}
	for i := range req.GetCandidates() {
		e, total := &simv1.Evaluation{}, int32(0)
		for k := range 4 {
			v := &simv1.Verdict{Criterion: simv1.Criterion(k + 1), Outcome: simv1.Outcome_OUTCOME_PASS, Reason: "because of what was said and done", Judge: simv1.Judge_JUDGE_EXACT}
			switch {
			case f.t.unjudged(req.GetStep()) && k == 2:
				v.Outcome = simv1.Outcome_OUTCOME_UNJUDGED
			case !f.t.tied(req.GetStep()) && seeded.New(p.fold, "judge").Intn(2, int(req.GetStep()), i, k) == 0:
				v.Outcome = simv1.Outcome_OUTCOME_FAIL
			default:
				total++
			}
			e.Verdicts = append(e.Verdicts, v)
		}
		if !f.t.unjudged(req.GetStep()) {
			e.Total = proto.Int32(total)
		}
		resp.Evaluations = append(resp.Evaluations, e)
	}
	return resp, nil
}

func (f fakeUsers) Observe(_ context.Context, req *userv1.ObserveRequest, _ ...grpc.CallOption) (*userv1.ObserveResponse, error) {
	if err := f.t.enter("user.Observe", req.GetRunId()); err != nil {
		return nil, err
	}
	return &userv1.ObserveResponse{}, f.t.observe(f.t.users, req.GetRunId(), req.GetLastStep(), req.GetPast())
}

func (t *town) observe(places map[string]*place, run string, last int32, past *simv1.PastStep) error {
	t.mu.Lock()
	if p, ok := places[run]; ok && p.last == past.GetStep() {
		t.mu.Unlock()
		return nil
	}
	t.mu.Unlock()
	p, err := t.at(places, run, last)
	if err == nil {
		p.observe(past)
	}
	return err
}

func (f fakeUsers) CloseSession(_ context.Context, req *userv1.CloseSessionRequest, _ ...grpc.CallOption) (*userv1.CloseSessionResponse, error) {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	delete(f.t.users, req.GetRunId())
	return &userv1.CloseSessionResponse{}, nil
}

type fakeAssistants struct {
	assistantv1.AssistantServiceClient
	t *town
}

func (f fakeAssistants) OpenSession(context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse], error) {
	if err := f.t.enter("assistant.OpenSession", ""); err != nil {
		return nil, err
	}
	p, run := &place{last: -1}, ""
	return &upload[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]{
		send: func(r *assistantv1.OpenSessionRequest) error {
			if start := r.GetStart(); start != nil {
				run, p.seed, p.adapter = start.GetRunId(), start.GetSettings().GetSeed(), start.GetAdapter().GetId()
			}
			for _, past := range r.GetHistory().GetSteps() {
				if past.GetStep() <= p.last || past.GetObservation() == nil || past.GetAction() != nil {
					return errors.New("history out of order, without observation or with action")
				}
				p.observe(past)
			}
			return nil
		},
		close: func() (*assistantv1.OpenSessionResponse, error) {
			f.t.mu.Lock()
			defer f.t.mu.Unlock()
			f.t.aides[run] = p
			return &assistantv1.OpenSessionResponse{LastStep: p.last}, nil
		},
	}, nil
}

func (f fakeAssistants) Recommend(_ context.Context, req *assistantv1.RecommendRequest, _ ...grpc.CallOption) (*assistantv1.RecommendResponse, error) {
	if err := f.t.enter("Recommend", req.GetRunId()); err != nil {
		return nil, err
	}
	p, err := f.t.at(f.t.aides, req.GetRunId(), req.GetLastStep())
	if err != nil {
		return nil, err
	}
	resp := &assistantv1.RecommendResponse{Adapter: p.adapter, Prompt: &simv1.Prompt{Features: &simv1.Features{Version: 1, Index: []int32{1, 5}, Value: []float32{1, 0.5}}}}
	for i := range req.GetCandidates() {
		c := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}, Completion: `{"action":"abstain"}`}
		if n := seeded.New(p.seed^p.fold, "speak", p.adapter).Intn(10, int(req.GetStep()), int(i)); n > 4 {
			text := fmt.Sprintf("suggestion %d of %s", n, p.adapter)
			c = &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: text}}, Completion: text}
		}
		resp.Candidates = append(resp.Candidates, c)
	}
	if f.t.latency > 0 {
		resp.Calls = []*simv1.ModelCall{{Role: "assistant", Model: "m", Answer: "x", LatencyMs: 2 * f.t.latency}}
	}
	return resp, nil
}

func (f fakeAssistants) Observe(_ context.Context, req *assistantv1.ObserveRequest, _ ...grpc.CallOption) (*assistantv1.ObserveResponse, error) {
	if err := f.t.enter("assistant.Observe", req.GetRunId()); err != nil {
		return nil, err
	}
	return &assistantv1.ObserveResponse{}, f.t.observe(f.t.aides, req.GetRunId(), req.GetLastStep(), req.GetPast())
}

func (f fakeAssistants) UseAdapter(_ context.Context, req *assistantv1.UseAdapterRequest, _ ...grpc.CallOption) (*assistantv1.UseAdapterResponse, error) {
	if err := f.t.enter("UseAdapter", req.GetRunId()); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	p, ok := f.t.aides[req.GetRunId()]
	if !ok {
		return nil, fmt.Errorf("no session: %w", errs.ErrNotFound)
	}
	p.adapter = req.GetAdapter().GetId()
	return &assistantv1.UseAdapterResponse{}, nil
}

func (f fakeAssistants) CloseSession(_ context.Context, req *assistantv1.CloseSessionRequest, _ ...grpc.CallOption) (*assistantv1.CloseSessionResponse, error) {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	delete(f.t.aides, req.GetRunId())
	return &assistantv1.CloseSessionResponse{}, nil
}

type fakeBuffer struct {
	bufferv1.PreferenceBufferServiceClient
	t *town
}

func (f fakeBuffer) Append(_ context.Context, req *bufferv1.AppendRequest, _ ...grpc.CallOption) (*bufferv1.AppendResponse, error) {
	if err := f.t.enter("Append", req.GetPairs()[0].GetRunId()); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	for _, pair := range req.GetPairs() {
		of := f.t.pairs[pair.GetRunId()]
		if of == nil {
			of = map[int32]*bufferv1.PreferencePair{}
			f.t.pairs[pair.GetRunId()] = of
		}
		if before := of[pair.GetStep()]; before != nil && !proto.Equal(before, pair) {
			return nil, fmt.Errorf("another pair of step %d: %w", pair.GetStep(), errs.ErrExists)
		}
		of[pair.GetStep()] = pair
	}
	return &bufferv1.AppendResponse{}, nil
}

func (f fakeBuffer) Count(_ context.Context, req *bufferv1.CountRequest, _ ...grpc.CallOption) (*bufferv1.CountResponse, error) {
	if err := f.t.enter("Count", req.GetRunId()); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	return &bufferv1.CountResponse{Count: int64(len(f.t.pairs[req.GetRunId()]))}, nil
}

type fakeTrainer struct {
	trainerv1.TrainerServiceClient
	t *town
}

func (f fakeTrainer) SubmitJob(_ context.Context, req *trainerv1.SubmitJobRequest, _ ...grpc.CallOption) (*trainerv1.SubmitJobResponse, error) {
	if err := f.t.enter("SubmitJob", req.GetRunId()); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	id := fmt.Sprintf("job-%016x", seeded.New(0, string(data)).Uint64())
	if job, ok := f.t.jobs[id]; ok {
		return &trainerv1.SubmitJobResponse{Job: job}, nil
	}
	job := &trainerv1.Job{Id: id, State: trainerv1.JobState_JOB_STATE_QUEUED}
	f.t.submits++
	done := &trainerv1.Job{Id: id, State: trainerv1.JobState_JOB_STATE_ACTIVE, Adapter: "adapter-" + id, Metrics: &trainerv1.Metrics{Loss: 0.5, Pairs: int32(len(f.t.pairs[req.GetRunId()]))}}
	if f.t.failJobs {
		done = &trainerv1.Job{Id: id, State: trainerv1.JobState_JOB_STATE_FAILED, Reason: "no luck"}
	}
	f.t.jobs[id] = done
	return &trainerv1.SubmitJobResponse{Job: job}, nil
}

type download[Resp any] struct {
	grpc.ClientStream
	recv func() (*Resp, error)
}

func (d *download[Resp]) Recv() (*Resp, error) { return d.recv() }

func (f fakeTrainer) WatchJob(ctx context.Context, req *trainerv1.WatchJobRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[trainerv1.WatchJobResponse], error) {
	sent := 0
	return &download[trainerv1.WatchJobResponse]{recv: func() (*trainerv1.WatchJobResponse, error) {
		if err := f.t.enter("WatchJob", ""); err != nil {
			return nil, err
		}
		f.t.mu.Lock()
		defer f.t.mu.Unlock()
		if sent++; sent == 1 {
			return &trainerv1.WatchJobResponse{Job: &trainerv1.Job{Id: req.GetId(), State: trainerv1.JobState_JOB_STATE_LEASED}}, nil
		}
		if sent == 2 {
			return &trainerv1.WatchJobResponse{Job: f.t.jobs[req.GetId()]}, nil
		}
		return nil, io.EOF
	}}, nil
}

func (f fakeTrainer) GetAdapter(_ context.Context, req *trainerv1.GetAdapterRequest, _ ...grpc.CallOption) (*trainerv1.GetAdapterResponse, error) {
	if err := f.t.enter("GetAdapter", ""); err != nil {
		return nil, err
	}
	return &trainerv1.GetAdapterResponse{Manifest: &trainerv1.Manifest{Id: req.GetId()}, Weights: []byte(req.GetId())}, nil
}
