package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// transient reports whether a call may succeed when it is repeated.
func transient(err error) bool {
	return errors.Is(err, errs.ErrUnavailable) || errors.Is(err, errs.ErrDeadline)
}

// patiently repeats a call of the coordinator until it answers.
func patiently[T any](ctx context.Context, call func() (T, error)) (T, error) {
	for {
		out, err := call()
		if err == nil || !transient(err) || ctx.Err() != nil {
			return out, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// live conducts the nights of a run, each on the adapter of the one before, until
// the test ends it after a night that was not poisoned.
func (n *nights) live(ctx context.Context, run string) error {
	parent := ""
	again := 5 // a busy machine lets leases of a second expire that nobody disturbs
	for day := int32(1); ; day++ {
		n.mu.Lock()
		ending := n.ending
		n.mu.Unlock()
		job, err := n.night(ctx, run, day, parent)
		if err != nil {
			return fmt.Errorf("run %s, night %d: %w", run, day, err)
		}
		n.mu.Lock()
		n.jobs = append(n.jobs, job)
		n.mu.Unlock()
		if job.GetState() == trainerv1.JobState_JOB_STATE_ACTIVE {
			parent = job.GetAdapter()
			if err := n.speak(ctx, run, job.GetServedModel()); err != nil {
				return err
			}
		}
		if ending && !poisoned(day) {
			if again > 0 && expired.MatchString(job.GetReason()) {
				again--
				continue
			}
			if job.GetState() != trainerv1.JobState_JOB_STATE_ACTIVE {
				return fmt.Errorf("run %s, night %d, which nothing disturbed: %v: %s", run, day, job.GetState(), job.GetReason())
			}
			return nil
		}
	}
}

func (n *nights) night(ctx context.Context, run string, day int32, parent string) (*trainerv1.Job, error) {
	submitted, err := patiently(ctx, func() (*trainerv1.SubmitJobResponse, error) {
		return n.client.SubmitJob(ctx, &trainerv1.SubmitJobRequest{
			RunId: run, Day: day, ParentAdapter: parent, Executor: trainerv1.Executor_EXECUTOR_WORKER, Hyperparameters: &trainerv1.Hyperparameters{
				Beta: 0.1, Epochs: 2, LearningRate: 5e-5, BatchSize: 4, Pairs: 200, Reference: trainerv1.Reference_REFERENCE_BASE,
				Lora: &trainerv1.Lora{Model: nightModel, Rank: 16, Alpha: 32, TargetModules: artifacttest.Modules},
			},
		})
	})
	if err != nil {
		return nil, err
	}
	return n.end(ctx, submitted.GetJob().GetId(), func(job *trainerv1.Job) { n.enter(run, job.GetState()) })
}

// end waits for the end of a job, and calls seen with it in every state.
func (n *nights) end(ctx context.Context, id string, seen func(*trainerv1.Job)) (*trainerv1.Job, error) {
	return patiently(ctx, func() (*trainerv1.Job, error) {
		stream, err := n.client.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: id})
		if err != nil {
			return nil, err
		}
		var job *trainerv1.Job
		for {
			resp, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return job, nil
			}
			if err != nil {
				return nil, err
			}
			job = resp.GetJob()
			seen(job)
		}
	})
}

// enter notes the state of a run's present night.
func (n *nights) enter(run string, state trainerv1.JobState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state[run] = state
	close(n.moved)
	n.moved = make(chan struct{})
}

// until waits for a change of some night into a state, for two seconds at the most.
func (n *nights) until(state trainerv1.JobState) {
	enough := time.After(2 * time.Second)
	for {
		n.mu.Lock()
		moved := n.moved
		n.mu.Unlock()
		select {
		case <-moved:
		case <-enough:
			return
		}
		n.mu.Lock()
		there := false
		for _, now := range n.state {
			there = there || now == state
		}
		n.mu.Unlock()
		if there {
			return
		}
	}
}

// states says where the nights are.
func (n *nights) states() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := ""
	for _, run := range nightRuns {
		out += " " + run + " " + n.state[run].String()[len("JOB_STATE_"):]
	}
	return out[1:]
}

// speak asks under the name of an adapter, as the assistant does, until it answers.
// Nothing else may answer, and the name may not become unknown.
func (n *nights) speak(ctx context.Context, run, name string) error {
	body, err := json.Marshal(map[string]any{"model": name, "messages": []any{map[string]string{"role": "user", "content": "Well?"}}})
	if err != nil {
		return err
	}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.gateway+"/v1/chat/completions", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(model.RunHeader, run)
		resp, err := http.DefaultClient.Do(req)
		if err != nil { // the agent was killed
			if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(20 * time.Millisecond)
			continue
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil || resp.StatusCode == http.StatusServiceUnavailable: // cut off, or vLLM was killed
			time.Sleep(20 * time.Millisecond)
		case resp.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"model":`+strconv.Quote(name))):
			return fmt.Errorf("run %s asks for %s: %d: %s", run, name, resp.StatusCode, text)
		default:
			return nil
		}
	}
}

// nightKills returns how often a test kills, and the seed of its choices, which it
// logs.
func nightKills(t *testing.T, otherwise int) (count int, seed uint64) {
	t.Helper()
	count, seed = otherwise, uint64(time.Now().UnixNano())
	if settings["PROPERSIM_E2E_KILLS"] != "" {
		count = kills(t)
	}
	if text := settings["PROPERSIM_E2E_SEED"]; text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "PROPERSIM_E2E_SEED")
	}
	t.Logf("PROPERSIM_E2E_SEED=%d", seed)
	return count, seed
}

// TestNightsSurviveKills kills coordinator, agent, stand-in of vLLM and workers at
// random moments of nights. Every night ends, no adapter is half written, none is
// loaded that was not verified, and no night has the results of two workers.
// PROPERSIM_E2E_KILLS says how often, PROPERSIM_E2E_SEED repeats the choices.
func TestNightsSurviveKills(t *testing.T) {
	count, seed := nightKills(t, 8)
	random := rand.New(rand.NewPCG(seed, 0))
	n := startNights(t)
	began := time.Now()
	group, ctx := errgroup.WithContext(t.Context())
	for _, run := range nightRuns {
		group.Go(func() error { return n.live(ctx, run) })
	}
	n.until(trainerv1.JobState_JOB_STATE_LEASED)
	for i := range count {
		if ctx.Err() != nil {
			break // a night has gone wrong: Wait says which
		}
		if i%4 == 3 {
			n.freeze([]string{"worker-1", "worker-2"}[random.IntN(2)])
		}
		if random.IntN(3) > 0 { // soon after a state that most nights leave within milliseconds
			n.until(trainerv1.JobState_JOB_STATE_LEASED + trainerv1.JobState(random.IntN(5)))
			time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
		} else {
			time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		}
		victim := victims[random.IntN(len(victims))]
		at := n.states()
		n.kill(victim)
		t.Logf("kill %2d: %-8s at %s", i+1, victim, at)
		n.checkStores()
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		n.start(victim)
	}
	n.mu.Lock()
	n.ending = true
	n.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(10 * time.Minute):
		t.Fatalf("nights do not end: %s", n.states())
	}
	t.Logf("%d kills in %v", count, time.Since(began).Round(time.Second))
	n.check()
}
