package trainer_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/serve"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// The environment variables that TestTheQLoRAWorkerTrains needs: a Python with
// the packages of worker/requirements.lock, and the folder of a base model.
const (
	workerPython = "PROPERSIM_TEST_WORKER_PYTHON"
	workerBase   = "PROPERSIM_TEST_WORKER_BASE"
)

// chatter is a buffer of somebody who always wants tea, as chat prompts.
func chatter() *fakeBuffer {
	return &fakeBuffer{sample: func(_ context.Context, req *bufferv1.SampleRequest) (*drawn, error) {
		d := &drawn{digest: digest(req.GetRunId(), req.GetThroughDay())}
		for step := range min(req.GetCount(), 6) {
			d.pairs = append(d.pairs, &bufferv1.PreferencePair{
				RunId: req.GetRunId(), Step: step, Day: 1,
				Prompt: &simv1.Prompt{Messages: []*simv1.Message{
					{Role: "system", Content: "You may recommend something or stay silent. Answer in JSON."},
					{Role: "user", Content: "<memory>\nToday:\n08-09h: reading\nNow, day 1 12:0" + string('0'+step) + ": reading\n</memory>\nWell?"},
				}},
				Chosen:   &simv1.Candidate{Completion: `{"action":"recommend","text":"A cup of tea?"}`},
				Rejected: &simv1.Candidate{Completion: `{"action":"abstain","text":""}`},
			})
		}
		return d, nil
	}}
}

// TestTheQLoRAWorkerTrains lets the Python worker train two nights of a real
// language model in 4 bit for this coordinator, kills it in the middle of the
// second one, and ends a third worker by SIGTERM in a third night, which it hands
// back.
func TestTheQLoRAWorkerTrains(t *testing.T) {
	python, base := os.Getenv(workerPython), os.Getenv(workerBase)
	if python == "" || base == "" {
		t.Skipf("set %s and %s to test the worker in Python", workerPython, workerBase)
	}
	s := startAt(t, "127.0.0.1:0", config(t), chatter())
	night := func(day int32, parent string, epochs int32) *trainerv1.Job {
		req := forWorker("ada", day)
		req.ParentAdapter = parent
		req.Hyperparameters.Epochs, req.Hyperparameters.LearningRate, req.Hyperparameters.BatchSize = epochs, 1e-4, 2
		req.Hyperparameters.Lora = &trainerv1.Lora{Model: "smollm2", Rank: 8}
		return s.submit(t, req)
	}
	cache := t.TempDir()
	worker := startWorker(t, python, s.address, base, cache)
	first := night(1, "", 2)
	_, done := s.watchFor(t, first.GetId(), 10*time.Minute)
	require.Equal(t, active, done.GetState(), done.GetReason())
	require.Greater(t, done.GetMetrics().GetAccuracy(), 0.5)
	require.EqualValues(t, 5, done.GetMetrics().GetPairs())
	require.EqualValues(t, 1, done.GetMetrics().GetHeldOutPairs(), "step 1 of ada is held out")
	m, files, err := s.download(done.GetAdapter())
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Equal(t, "smollm2", m.GetModel())

	second := night(2, done.GetAdapter(), 40)
	s.await(t, second.GetId(), func(job *trainerv1.Job) bool { return job.GetProgress().GetUpdate() > 0 })
	require.NoError(t, worker.Process.Kill())
	_ = worker.Wait() // killed
	worker = startWorker(t, python, s.address, base, cache)
	again := s.await(t, second.GetId(), func(job *trainerv1.Job) bool { return job.GetAttempts() == 2 && job.GetProgress().GetUpdate() > 0 })
	require.Greater(t, again.GetProgress().GetTokensPerSecond(), 0.0)

	require.NoError(t, worker.Process.Signal(syscall.SIGTERM))
	require.NoError(t, worker.Wait(), "it ends well")
	back := s.job(t, second.GetId())
	require.Equal(t, queued, back.GetState())
	require.EqualValues(t, 1, back.GetAttempts(), "a shutdown is no attempt")
	require.Contains(t, back.GetReason(), "shuts down")
}

// startAt is start over TCP.
func startAt(t *testing.T, address string, cfg trainer.Config, buffer bufferv1.PreferenceBufferServiceClient) *service {
	t.Helper()
	return startWith(t, serve.Config{Name: "trainer", Address: address}, cfg, buffer)
}

// await polls a job until it is as wanted.
func (s *service) await(t *testing.T, id string, want func(*trainerv1.Job) bool) *trainerv1.Job {
	t.Helper()
	deadline := time.Now().Add(10 * time.Minute)
	for {
		job := s.job(t, id)
		if want(job) {
			return job
		}
		require.True(t, time.Now().Before(deadline), "still %v after 10 minutes", job)
		time.Sleep(50 * time.Millisecond)
	}
}

func startWorker(t *testing.T, python, address, base, cache string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(python, "-m", "propersim_worker", "--trainer", address, "--base", base, "--model", "smollm2",
		"--name", "python", "--cache", cache, "--lease", "6", "--wait", "5", "--device", "cpu")
	var log bytes.Buffer
	cmd.Dir = "worker"
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "HF_HUB_OFFLINE=1", "TQDM_DISABLE=1")
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(strings.TrimSpace(log.String()))
		}
	})
	return cmd
}
