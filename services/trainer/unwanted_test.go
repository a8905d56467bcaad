package trainer_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// TestAJobWaitsForABusyWorker has a night of two hours on the only worker: the next
// run's night waits for it, and fails an hour after the worker was last seen.
func TestAJobWaitsForABusyWorker(t *testing.T) {
	cfg, clock := timed(t)
	s := start(t, cfg, someone())
	long := s.submit(t, forWorker("ada", 1))
	held := s.lease(t, "gpu-1")
	require.Equal(t, long.GetId(), held.GetJob().GetId())
	next := s.submit(t, forWorker("ben", 1))
	for range 240 {
		clock.advance(30 * time.Second)
		beat(t, s, long.GetId(), held.GetFencingToken())
	}
	require.NoError(t, s.server.FailUnwanted(t.Context()))
	require.Equal(t, queued, s.job(t, next.GetId()).GetState(), "after two hours")

	clock.advance(59 * time.Minute)
	require.NoError(t, s.server.FailUnwanted(t.Context()))
	require.Equal(t, queued, s.job(t, next.GetId()).GetState())
	require.Equal(t, leased, s.job(t, long.GetId()).GetState())
	clock.advance(3 * time.Minute) // the lease was one of a minute
	_, done := s.watch(t, next.GetId())
	require.Equal(t, failed, done.GetState())
	_, done = s.watch(t, long.GetId())
	require.Equal(t, failed, done.GetState(), "a job whose worker never came back")
	require.Contains(t, done.GetReason(), "no worker that can train log-linear/1")
}

// taking is the Loader of a node that offers to train a model, or does not.
type taking struct {
	trainer.Loader
	model atomic.Pointer[string]
}

func (l *taking) Offers(context.Context) []string {
	if model := l.model.Load(); model != nil {
		return []string{*model}
	}
	return nil
}

// TestAJobWaitsForANodeThatTakesTurns has a node whose worker starts when its model
// server is idle: no worker asks for jobs before.
func TestAJobWaitsForANodeThatTakesTurns(t *testing.T) {
	cfg, clock := timed(t)
	card := &taking{}
	card.model.Store(new("big"))
	cfg.Loader = card
	s := start(t, cfg, someone())
	req, other := forWorker("ada", 1), forWorker("ben", 1)
	req.Hyperparameters.Lora = &trainerv1.Lora{Model: "big"}
	other.Hyperparameters.Lora = &trainerv1.Lora{Model: "huge"}
	job, unwanted := s.submit(t, req), s.submit(t, other)
	clock.advance(3 * time.Hour)
	require.NoError(t, s.server.FailUnwanted(t.Context()))
	require.Equal(t, queued, s.job(t, job.GetId()).GetState(), "its day is not over for other runs")
	require.Equal(t, failed, s.job(t, unwanted.GetId()).GetState(), "nobody offers that")

	card.model.Store(nil) // it trains, and its worker does not ask for jobs
	clock.advance(59 * time.Minute)
	require.NoError(t, s.server.FailUnwanted(t.Context()))
	require.Equal(t, queued, s.job(t, job.GetId()).GetState())
	clock.advance(2 * time.Minute)
	require.NoError(t, s.server.FailUnwanted(t.Context()))
	require.Equal(t, failed, s.job(t, job.GetId()).GetState())
}

// TestAJobOutlivesAnAbsentCoordinator starts one again two hours after a job was
// queued: no worker could have asked for it meanwhile.
func TestAJobOutlivesAnAbsentCoordinator(t *testing.T) {
	cfg, clock := timed(t)
	cfg.DSN = filepath.Join(t.TempDir(), "jobs.db")
	s := start(t, cfg, someone())
	job := s.submit(t, forWorker("ada", 1))
	s.stop()
	clock.advance(2 * time.Hour)
	s = start(t, cfg, someone())
	require.NoError(t, s.server.FailUnwanted(t.Context()))
	require.Equal(t, queued, s.job(t, job.GetId()).GetState())
	clock.advance(61 * time.Minute)
	_, done := s.watch(t, job.GetId())
	require.Equal(t, failed, done.GetState())
}
