package watch

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/journal"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// received is a stream whose reader is a channel.
type received struct {
	grpc.ServerStream
	ctx context.Context
	out chan *environmentv1.WatchRunResponse
}

func (r *received) Context() context.Context { return r.ctx }

func (r *received) Send(m *environmentv1.WatchRunResponse) error {
	r.out <- m
	return nil
}

func TestANewStateReachesWatchersWhateverTheCaps(t *testing.T) {
	j, err := journal.New(t.Context(), ":memory:")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	w, err := New(j, 0, func() bool { return true }, nil)
	require.NoError(t, err)
	w.pacer.entries.SetBurst(0)
	w.pacer.progress.SetBurst(0)
	for _, entries := range []bool{false, true} {
		r := live.New(&environmentv1.Run{Id: "r", State: environmentv1.RunState_RUN_STATE_PAUSED, Progress: &environmentv1.Progress{}})
		stream := &received{ctx: t.Context(), out: make(chan *environmentv1.WatchRunResponse, 10)}
		done := make(chan error, 1)
		go func() { done <- w.Serve(r, &environmentv1.WatchRunRequest{Id: "r", Entries: entries}, stream) }()
		require.Equal(t, environmentv1.RunState_RUN_STATE_PAUSED, (<-stream.out).GetRun().GetState())
		r.Set(environmentv1.RunState_RUN_STATE_WAITING, "user.Act: nobody answers")
		require.Equal(t, "user.Act: nobody answers", (<-stream.out).GetRun().GetReason())
		r.Set(environmentv1.RunState_RUN_STATE_FINISHED, "")
		require.Equal(t, environmentv1.RunState_RUN_STATE_FINISHED, (<-stream.out).GetRun().GetState())
		require.NoError(t, <-done)
	}
}
