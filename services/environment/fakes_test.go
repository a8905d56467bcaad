package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// fakeServices are all the other services: small, deterministic unless a driver
// says otherwise, and strict about sessions. A hook may fail a call before it is
// answered.
type fakeServices struct {
	hook func(call, run string) error // may be nil

	mu       sync.Mutex
	users    map[string]*place // guarded by mu
	aides    map[string]*place // guarded by mu
	pairs    map[string]map[int32]*bufferv1.PreferencePair
	jobs     map[string]*trainerv1.Job
	jobsOf   map[string][]string // by run
	submits  int
	counts   map[string]int
	failJobs bool
	// failWith is how jobs end; nil for as failJobs says.
	failWith *trainerv1.Job
	// unfinished jobs stay queued.
	unfinished bool
	// unjudged and tied are steps of that kind.
	unjudged, tied func(step int32) bool
	latency        time.Duration
	// failing are steps at which the assistant's second answer cannot be read.
	failing func(step int32) bool
	// random drivers make decisions that cannot be derived again: see random_test.go.
	random bool
	// lose may lose the answer of a session's call on its way; it may be nil.
	lose func(call string) error
}

// answered returns an answer unless it is lost on its way.
func answered[R any](t *fakeServices, call string, resp *R, err error) (*R, error) {
	if err == nil && t.lose != nil {
		if err := t.lose(call); err != nil {
			return nil, err
		}
	}
	return resp, err
}

// place is a session: what a fold over the history leaves.
type place struct {
	last    int32
	fold    uint64
	adapter string
	seed    uint64
	scores  int
	decided map[string]string // by the random drivers, by the keys of notes
	due     []int32           // steps that need a summary of the random assistant
}

func newFakes() *fakeServices {
	no := func(int32) bool { return false }
	return &fakeServices{users: map[string]*place{}, aides: map[string]*place{}, pairs: map[string]map[int32]*bufferv1.PreferencePair{},
		jobs: map[string]*trainerv1.Job{}, jobsOf: map[string][]string{}, counts: map[string]int{}, unjudged: no, tied: no, failing: no}
}

func (t *fakeServices) clients() Clients {
	return Clients{Personas: fakePersonas{t: t}, Users: fakeUsers{t: t}, Assistants: fakeAssistants{t: t}, Buffer: fakeBuffer{t: t}, Trainer: fakeTrainer{t: t}}
}

func (t *fakeServices) enter(call, run string) error {
	t.mu.Lock()
	t.counts[call]++
	hook := t.hook
	t.mu.Unlock()
	if hook != nil {
		return hook(call, run)
	}
	return nil
}

func (t *fakeServices) setHook(hook func(call, run string) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hook = hook
}

// forget loses all sessions, as a restart does.
func (t *fakeServices) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users, t.aides = map[string]*place{}, map[string]*place{}
}

func (t *fakeServices) at(places map[string]*place, run string, last int32) (*place, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := places[run]
	if !ok {
		return nil, fmt.Errorf("no session of run %q: %w", run, errs.ErrSessionNotFound)
	}
	if p.last != last {
		return nil, fmt.Errorf("the session of run %q is at step %d, not %d: %w", run, p.last, last, errs.ErrSessionBehind)
	}
	return p, nil
}

func (p *place) observe(past *simv1.PastStep) {
	p.learn(past.GetNotes())
	if past.GetDelivered() == nil {
		return // asleep, with notes
	}
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(past)
	p.fold = seeded.New(p.fold, string(data)).Uint64()
	p.last = past.GetStep()
	if past.GetObservation() != nil && past.GetStep()%summaryEvery == 0 {
		p.due = append(p.due, past.GetStep())
	}
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
	t *fakeServices
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
	t *fakeServices
}

func (f fakeUsers) OpenSession(context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[userv1.OpenSessionRequest, userv1.OpenSessionResponse], error) {
	if err := f.t.enter("user.OpenSession", ""); err != nil {
		return nil, err
	}
	p, run := &place{last: -1, decided: map[string]string{}}, ""
	return &upload[userv1.OpenSessionRequest, userv1.OpenSessionResponse]{
		send: func(r *userv1.OpenSessionRequest) error {
			if start := r.GetStart(); start != nil {
				run, p.seed = start.GetRunId(), start.GetSettings().GetSeed()
				if start.GetPlanner() == nil || start.GetJudge() == nil {
					return errors.New("a role has no backend")
				}
			}
			for _, past := range r.GetHistory().GetSteps() {
				if past.GetStep() <= p.last || past.GetAction() == nil || past.GetObservation() != nil {
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
	if f.t.random {
		resp.Notes = p.plan(req.GetStep(), action)
	}
	if !action.GetAsleep() {
		resp.Observation = &simv1.Observation{Kind: action.GetKind(), Description: action.GetDescription(), Room: action.GetRoom(), StartedStep: action.GetStartedStep()}
		if f.t.latency > 0 {
			resp.Calls = []*simv1.ModelCall{{Id: "planner/0", Role: simv1.Role_ROLE_PLANNER, Model: "m", Answer: "a page", PromptTokens: 7}}
			resp.Timings = []*simv1.CallTiming{{CallId: "planner/0", Latency: durationpb.New(f.t.latency)}}
		}
	}
	return answered(f.t, "Act", resp, nil)
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
	for i, candidate := range req.GetCandidates() {
		e, total := &simv1.Evaluation{}, int32(0)
		for k := range 4 {
			v := &simv1.Verdict{Criterion: simv1.Criterion(k + 1), Outcome: simv1.Outcome_OUTCOME_PASS, Reason: "because of what was said and done", Judge: simv1.JudgeKind_JUDGE_KIND_EXACT}
			switch {
			case candidate.GetFailure() != nil, f.t.unjudged(req.GetStep()) && k == 2:
				v.Outcome = simv1.Outcome_OUTCOME_UNJUDGED
			case !f.t.tied(req.GetStep()) && seeded.New(p.fold, "judge").Intn(2, int(req.GetStep()), i, k) == 0:
				v.Outcome = simv1.Outcome_OUTCOME_FAIL
			default:
				total++
			}
			e.Verdicts = append(e.Verdicts, v)
		}
		if !f.t.unjudged(req.GetStep()) && candidate.GetFailure() == nil {
			e.Total = proto.Int32(total)
		}
		resp.Evaluations = append(resp.Evaluations, e)
	}
	return answered(f.t, "Evaluate", resp, nil)
}

func (f fakeUsers) Observe(_ context.Context, req *userv1.ObserveRequest, _ ...grpc.CallOption) (*userv1.ObserveResponse, error) {
	if err := f.t.enter("user.Observe", req.GetRunId()); err != nil {
		return nil, err
	}
	_, err := f.t.observe(f.t.users, req.GetRunId(), req.GetLastStep(), req.GetPast())
	return answered(f.t, "user.Observe", &userv1.ObserveResponse{}, err)
}

// observe returns the session that learned something; nil for a step that it
// already knows.
func (t *fakeServices) observe(places map[string]*place, run string, last int32, past *simv1.PastStep) (*place, error) {
	t.mu.Lock()
	if p, ok := places[run]; ok && p.last == past.GetStep() {
		t.mu.Unlock()
		return nil, nil
	}
	t.mu.Unlock()
	p, err := t.at(places, run, last)
	if err == nil {
		p.observe(past)
	}
	return p, err
}

func (f fakeUsers) CloseSession(_ context.Context, req *userv1.CloseSessionRequest, _ ...grpc.CallOption) (*userv1.CloseSessionResponse, error) {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	delete(f.t.users, req.GetRunId())
	return &userv1.CloseSessionResponse{}, nil
}

type fakeAssistants struct {
	assistantv1.AssistantServiceClient
	t *fakeServices
}

func (f fakeAssistants) OpenSession(context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse], error) {
	if err := f.t.enter("assistant.OpenSession", ""); err != nil {
		return nil, err
	}
	p, run := &place{last: -1, decided: map[string]string{}}, ""
	return &upload[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]{
		send: func(r *assistantv1.OpenSessionRequest) error {
			if start := r.GetStart(); start != nil {
				run, p.seed, p.adapter = start.GetRunId(), start.GetSettings().GetSeed(), start.GetAdapter().GetId()
			}
			for _, past := range r.GetHistory().GetSteps() {
				if past.GetStep() <= p.last || (past.GetDelivered() != nil && past.GetObservation() == nil) || past.GetAction() != nil {
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
			resp := &assistantv1.OpenSessionResponse{LastStep: p.last}
			if f.t.random {
				resp.Notes, resp.Calls = p.summarize()
			}
			return resp, nil
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
			text := fmt.Sprintf("suggestion %d of %s", n, p.adapter) + p.summaries()
			c = &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: text}}, Completion: text}
		}
		if i == 1 && f.t.failing(req.GetStep()) {
			c = &simv1.Candidate{Choice: &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "malformed"}}, Completion: "{"}
		}
		resp.Candidates = append(resp.Candidates, c)
	}
	if f.t.latency > 0 {
		resp.Calls = []*simv1.ModelCall{{Id: "assistant/0", Role: simv1.Role_ROLE_ASSISTANT, Model: "m", Answer: "x", CompletionTokens: 3}}
		resp.Timings = []*simv1.CallTiming{{CallId: "assistant/0", Latency: durationpb.New(2 * f.t.latency)}}
	}
	return answered(f.t, "Recommend", resp, nil)
}

func (f fakeAssistants) Observe(_ context.Context, req *assistantv1.ObserveRequest, _ ...grpc.CallOption) (*assistantv1.ObserveResponse, error) {
	if err := f.t.enter("assistant.Observe", req.GetRunId()); err != nil {
		return nil, err
	}
	p, err := f.t.observe(f.t.aides, req.GetRunId(), req.GetLastStep(), req.GetPast())
	resp := &assistantv1.ObserveResponse{}
	if f.t.random && p != nil {
		resp.Notes, resp.Calls = p.summarize()
	}
	return answered(f.t, "assistant.Observe", resp, err)
}

func (f fakeAssistants) UseAdapter(_ context.Context, req *assistantv1.UseAdapterRequest, _ ...grpc.CallOption) (*assistantv1.UseAdapterResponse, error) {
	if err := f.t.enter("UseAdapter", req.GetRunId()); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	p, ok := f.t.aides[req.GetRunId()]
	if !ok {
		return nil, fmt.Errorf("no session: %w", errs.ErrSessionNotFound)
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
	t *fakeServices
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
	t *fakeServices
}

func (f fakeTrainer) SubmitJob(_ context.Context, req *trainerv1.SubmitJobRequest, _ ...grpc.CallOption) (*trainerv1.SubmitJobResponse, error) {
	if err := f.t.enter("SubmitJob", req.GetRunId()); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	identity := proto.CloneOf(req)
	identity.RunHandle = "" // no part of a job's identity
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(identity)
	id := fmt.Sprintf("job-%016x", seeded.New(0, string(data)).Uint64())
	if job, ok := f.t.jobs[id]; ok {
		return &trainerv1.SubmitJobResponse{Job: job}, nil
	}
	job := &trainerv1.Job{Id: id, State: trainerv1.JobState_JOB_STATE_QUEUED}
	f.t.submits++
	done := &trainerv1.Job{Id: id, State: trainerv1.JobState_JOB_STATE_ACTIVE, Adapter: "adapter-" + id, Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Pairs: int32(len(f.t.pairs[req.GetRunId()]))}}
	if f.t.failJobs {
		done = &trainerv1.Job{Id: id, State: trainerv1.JobState_JOB_STATE_FAILED, Reason: "no luck"}
	}
	if f.t.failWith != nil {
		done = proto.CloneOf(f.t.failWith)
		done.Id = id
	}
	if f.t.unfinished {
		done = job
	}
	f.t.jobs[id] = done
	f.t.jobsOf[req.GetRunId()] = append(f.t.jobsOf[req.GetRunId()], id)
	return &trainerv1.SubmitJobResponse{Job: job}, nil
}

func (f fakeTrainer) KeepAdapter(context.Context, *trainerv1.KeepAdapterRequest, ...grpc.CallOption) (*trainerv1.KeepAdapterResponse, error) {
	return &trainerv1.KeepAdapterResponse{}, nil
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

func (f fakeTrainer) ListJobs(_ context.Context, req *trainerv1.ListJobsRequest, _ ...grpc.CallOption) (*trainerv1.ListJobsResponse, error) {
	if err := f.t.enter("ListJobs", req.GetRunId()); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	resp := &trainerv1.ListJobsResponse{}
	for _, id := range f.t.jobsOf[req.GetRunId()] {
		resp.Jobs = append(resp.Jobs, f.t.jobs[id])
	}
	return resp, nil
}

func (f fakeTrainer) CancelJob(_ context.Context, req *trainerv1.CancelJobRequest, _ ...grpc.CallOption) (*trainerv1.CancelJobResponse, error) {
	if err := f.t.enter("CancelJob", ""); err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	job := f.t.jobs[req.GetId()]
	if job.GetState() == trainerv1.JobState_JOB_STATE_ACTIVE {
		return nil, fmt.Errorf("job %s is final: %w", job.GetId(), errs.ErrPrecondition)
	}
	job = proto.CloneOf(job)
	job.State = trainerv1.JobState_JOB_STATE_CANCELLED
	f.t.jobs[job.GetId()] = job
	return &trainerv1.CancelJobResponse{Job: job}, nil
}
