package trainer_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// TestEveryStateSurvivesACrash closes the store after every commit and opens it
// again: the job goes on from where it was, and ends with the same adapter.
func TestEveryStateSurvivesACrash(t *testing.T) {
	want := start(t, config(t), someone()).train(t, night("ada", 1, ""))
	cfg := trainer.Config{DSN: filepath.Join(t.TempDir(), "trainer.db"), AdapterDir: t.TempDir()}
	var states []trainerv1.JobState
	s, err := trainer.New(cfg, someone())
	require.NoError(t, err)
	resp, err := s.SubmitJob(t.Context(), night("ada", 1, ""))
	require.NoError(t, err)
	for id := resp.GetJob().GetId(); ; {
		require.NoError(t, s.Close())
		s, err = trainer.New(cfg, someone())
		require.NoError(t, err)
		state, err := s.Advance(t.Context(), id)
		if err != nil {
			require.ErrorIs(t, err, trainer.ErrMoved, "after %v", states)
			break
		}
		states = append(states, state)
	}
	require.Equal(t, []trainerv1.JobState{leased, trained, published, loaded, verified, active}, states)
	done, err := s.GetJob(t.Context(), &trainerv1.GetJobRequest{Id: resp.GetJob().GetId()})
	require.NoError(t, err)
	require.Equal(t, want.GetAdapter(), done.GetJob().GetAdapter())
	require.NoError(t, s.Close())
}

// TestRunContinuesFromEveryState leaves a job in each state and starts Run.
func TestRunContinuesFromEveryState(t *testing.T) {
	want := start(t, config(t), someone()).train(t, night("ada", 1, ""))
	for stop := range 6 {
		cfg := trainer.Config{DSN: filepath.Join(t.TempDir(), "trainer.db"), AdapterDir: t.TempDir()}
		s, err := trainer.New(cfg, someone())
		require.NoError(t, err)
		resp, err := s.SubmitJob(t.Context(), night("ada", 1, ""))
		require.NoError(t, err)
		for range stop {
			_, err = s.Advance(t.Context(), resp.GetJob().GetId())
			require.NoError(t, err)
		}
		require.NoError(t, s.Close())
		_, done := start(t, cfg, someone()).watch(t, resp.GetJob().GetId())
		require.Equal(t, active, done.GetState(), "from commit %d: %s", stop, done.GetReason())
		require.Equal(t, want.GetAdapter(), done.GetAdapter())
	}
}

// TestACancelledJobStaysCancelled cancels a job in each state that is not final.
func TestACancelledJobStaysCancelled(t *testing.T) {
	for stop := range 6 {
		cfg := trainer.Config{DSN: filepath.Join(t.TempDir(), "trainer.db"), AdapterDir: t.TempDir()}
		s, err := trainer.New(cfg, someone())
		require.NoError(t, err)
		resp, err := s.SubmitJob(t.Context(), night("ada", 1, ""))
		require.NoError(t, err)
		for range stop {
			_, err = s.Advance(t.Context(), resp.GetJob().GetId())
			require.NoError(t, err)
		}
		_, err = s.CancelJob(t.Context(), &trainerv1.CancelJobRequest{Id: resp.GetJob().GetId()})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		running := start(t, cfg, someone())
		require.Equal(t, active, running.train(t, night("ben", 1, "")).GetState(), "the next job is done")
		require.Equal(t, cancelled, running.job(t, resp.GetJob().GetId()).GetState(), "after commit %d", stop)
	}
}

// TestCancellingEndsATraining cancels a job whose buffer never answers.
func TestCancellingEndsATraining(t *testing.T) {
	began, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	stuck := &fakeBuffer{sample: func(ctx context.Context, _ *bufferv1.SampleRequest) (*drawn, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	}}
	s := start(t, config(t), stuck)
	job := s.submit(t, night("ada", 1, ""))
	<-began
	_, err := s.CancelJob(t.Context(), &trainerv1.CancelJobRequest{Id: job.GetId()})
	require.NoError(t, err)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the draw goes on although its job is cancelled")
	}
	require.Equal(t, cancelled, s.job(t, job.GetId()).GetState())
}

// crashing is the environment variable with the folder of a process that
// TestSIGKILLAtAnyMomentLosesNothing starts and kills.
const crashing = "PROPERSIM_TRAINER_CRASHING"

const nights = 3

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashing); dir != "" {
		if err := liveDangerously(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// liveDangerously trains the nights of one run, each after the other, over what
// is in a folder already, and prints the adapters.
func liveDangerously(dir string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := trainer.New(trainer.Config{DSN: filepath.Join(dir, "trainer.db"), AdapterDir: filepath.Join(dir, "adapters")}, someone())
	if err != nil {
		return err
	}
	failure := make(chan error, 1)
	go func() { failure <- s.Run(ctx) }()
	fmt.Println("started")
	parent := ""
	for day := range int32(nights) {
		resp, err := s.SubmitJob(ctx, night("ada", day+1, parent))
		if err != nil {
			return err
		}
		job := resp.GetJob()
		for job.GetState() != active {
			select {
			case err := <-failure:
				return err
			case <-time.After(time.Millisecond):
			}
			got, err := s.GetJob(ctx, &trainerv1.GetJobRequest{Id: job.GetId()})
			if err != nil {
				return err
			}
			if job = got.GetJob(); job.GetReason() != "" && job.GetState() != leased {
				return fmt.Errorf("day %d: %v: %s", day+1, job.GetState(), job.GetReason())
			}
		}
		parent = job.GetAdapter()
		fmt.Println("adapter", parent)
	}
	cancel()
	return <-failure
}

func TestSIGKILLAtAnyMomentLosesNothing(t *testing.T) {
	s := start(t, config(t), someone())
	var want []string
	for day := range int32(nights) {
		parent := ""
		if day > 0 {
			parent = want[day-1]
		}
		want = append(want, s.train(t, night("ada", day+1, parent)).GetAdapter())
	}
	kills := 30
	if testing.Short() {
		kills = 8
	}
	dir, random := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	finished := 0
	for range kills {
		if _, done := crashAfter(t, dir, time.Duration(random.IntN(40_000))*time.Microsecond); done {
			finished++
			dir = t.TempDir() // all nights are over: begin again
		}
	}
	t.Logf("%d kills, %d of them after the end", kills, finished)
	got, done := crashAfter(t, dir, time.Minute)
	require.True(t, done)
	require.Equal(t, want, got)
}

// crashAfter runs liveDangerously for so long at the most and kills it. It returns
// the adapters, and whether it came to its end.
func crashAfter(t *testing.T, dir string, d time.Duration) (adapters []string, done bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashing+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "it starts")
	timer := time.AfterFunc(d, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	for lines.Scan() {
		adapters = append(adapters, strings.TrimPrefix(lines.Text(), "adapter "))
	}
	err = cmd.Wait()
	if err != nil {
		require.Contains(t, err.Error(), "killed", "it ends by the kill alone")
	}
	return adapters, err == nil
}
