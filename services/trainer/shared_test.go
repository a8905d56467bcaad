package trainer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/store/storetest"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// TestTwoCoordinatorsShareADatabase has two processes' worth of servers over one
// PostgreSQL and one folder: no job is trained twice, and whoever watches sees
// what the other does.
func TestTwoCoordinatorsShareADatabase(t *testing.T) {
	dsn, dir := storetest.Postgres(t, "trainer"), t.TempDir()
	one := start(t, trainer.Config{DSN: dsn, AdapterDir: dir, Instance: "one"}, someone())
	two := start(t, trainer.Config{DSN: dsn, AdapterDir: dir, Instance: "two"}, someone())
	var ids []string
	for i := range int32(20) {
		s := one
		if i%2 == 1 {
			s = two
		}
		ids = append(ids, s.submit(t, night(fmt.Sprintf("run%d", i), 1, "")).GetId())
	}
	for i, id := range ids {
		s := two
		if i%2 == 1 {
			s = one
		}
		_, done := s.watch(t, id)
		require.Equal(t, active, done.GetState(), done.GetReason())
		require.EqualValues(t, 1, done.GetAttempts(), "trained once")
	}

	// Each job of the worker executor is leased once, whoever is asked.
	seen := map[string]bool{}
	for i := range int32(10) {
		one.submit(t, forWorker(fmt.Sprintf("run%d", i), 2))
	}
	got := make(chan *trainerv1.LeaseJobResponse)
	for i := range 10 {
		s := one
		if i%2 == 1 {
			s = two
		}
		go func() { got <- s.lease(t, fmt.Sprint("gpu-", i)) }()
	}
	for range 10 {
		held := <-got
		require.NotNil(t, held.GetJob())
		require.False(t, seen[held.GetJob().GetId()])
		seen[held.GetJob().GetId()] = true
		done := two.finish(t, held.GetJob().GetId(), held.GetFencingToken(), logLinear(policy.Base().Weights()))
		require.Equal(t, active, done.GetState(), done.GetReason())
	}
}

// TestADeadCoordinatorIsReplaced has a coordinator that stops in the middle of a
// night. Another one takes the job over when its lease expires.
func TestADeadCoordinatorIsReplaced(t *testing.T) {
	dsn, dir := storetest.Postgres(t, "trainer"), t.TempDir()
	clock := newClock()
	dead, err := trainer.New(trainer.Config{DSN: dsn, AdapterDir: dir, Instance: "one", Clock: clock.Now}, someone())
	require.NoError(t, err)
	resp, err := dead.SubmitJob(t.Context(), night("ada", 1, ""))
	require.NoError(t, err)
	state, err := dead.Advance(t.Context(), resp.GetJob().GetId())
	require.NoError(t, err)
	require.Equal(t, leased, state)
	require.NoError(t, dead.Close())

	two := start(t, trainer.Config{DSN: dsn, AdapterDir: dir, Instance: "two", Clock: clock.Now}, someone())
	require.Equal(t, active, two.train(t, night("ben", 1, "")).GetState(), "it is up")
	require.Equal(t, leased, two.job(t, resp.GetJob().GetId()).GetState(), "the other one's lease is respected")
	clock.advance(2 * time.Minute)
	_, done := two.watch(t, resp.GetJob().GetId())
	require.Equal(t, active, done.GetState(), done.GetReason())
	require.EqualValues(t, 2, done.GetAttempts())
}
