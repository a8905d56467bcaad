package node_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
	"github.com/propersim/propersim/services/trainer/node"
)

// has returns which of some adapters a node has on its disk.
func (g *gpu) has(ids ...string) (out []bool) {
	for _, id := range ids {
		_, err := os.Stat(filepath.Join(g.dir, id))
		out = append(out, err == nil)
	}
	return out
}

// awaitInFlight waits until the first adapter answers so many requests.
func (g *gpu) awaitInFlight(t *testing.T, requests int32) {
	t.Helper()
	require.Eventually(t, func() bool {
		list, err := g.ListAdapters(t.Context(), &trainerv1.ListAdaptersRequest{})
		return err == nil && list.GetAdapters()[0].GetInFlight() == requests
	}, time.Minute, time.Millisecond)
}

// TestANodeRemovesWhatTheTrainerHasCollected has adapters that the trainer has
// collected, one of which answers a request, one that it still has, and one that it
// does not know.
func TestANodeRemovesWhatTheTrainerHasCollected(t *testing.T) {
	g := startNode(t, node.Config{Every: time.Hour})
	busy, old := g.depot.publish(t, "tiny", 1, 2, 0.1), g.depot.publish(t, "tiny", 2, 2, 0.2)
	kept, unknown := g.depot.publish(t, "tiny", 3, 2, 0.3), g.depot.publish(t, "tiny", 4, 2, 0.4)
	for name, id := range map[string]string{"busy": busy, "old": old, "old-of-another-run": old, "kept": kept, "unknown": unknown} {
		require.NoError(t, g.load(t, name, id))
	}
	g.depot.collect(kept, false)
	require.NoError(t, g.agent.Collect(t.Context()))
	require.Equal(t, []bool{true, true, true, true}, g.has(busy, old, kept, unknown), "nothing is collected")

	release := g.vllm.Hold()
	answered := make(chan int)
	go func() {
		status, _ := g.chat(t, "busy")
		answered <- status
	}()
	g.awaitInFlight(t, 1)
	g.depot.collect(busy, true)
	g.depot.collect(old, true)
	require.NoError(t, g.agent.Collect(t.Context()))
	require.Equal(t, []bool{true, false, true, true}, g.has(busy, old, kept, unknown), "one that answers a request stays")
	release()
	require.Equal(t, 200, <-answered)
	g.awaitInFlight(t, 0) // the answer arrives before the gateway has noted its end
	require.NoError(t, g.agent.Collect(t.Context()))
	require.Equal(t, []bool{false, false, true, true}, g.has(busy, old, kept, unknown))
	require.Equal(t, []string{"kept", "unknown"}, g.vllm.Loaded())
	status, _ := g.chat(t, "old")
	require.Equal(t, 404, status)
	status, _ = g.chat(t, "kept")
	require.Equal(t, 200, status)

	g.start(t, node.Config{Dir: g.dir, Upstream: g.vllm.URL, Model: "tiny", Every: time.Hour})
	list, err := g.ListAdapters(t.Context(), &trainerv1.ListAdaptersRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetAdapters(), 2, "names are forgotten for good")
	require.NoError(t, g.load(t, "old", old), "the trainer has brought it back")
}

// TestAFailedRemovalIsRepeated has a trainer that cannot be reached, and files that
// an agent left which was killed after it had forgotten their names.
func TestAFailedRemovalIsRepeated(t *testing.T) {
	g := startNode(t, node.Config{Every: time.Hour})
	id := g.depot.publish(t, "tiny", 1, 2, 0.1)
	require.NoError(t, g.load(t, "a", id))
	_, err := g.UnloadAdapter(t.Context(), &trainerv1.UnloadAdapterRequest{Name: "a"})
	require.NoError(t, err)
	g.depot.collect(id, true)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, g.agent.Collect(gone))
	require.Equal(t, []bool{true}, g.has(id))
	require.NoError(t, g.agent.Collect(t.Context()))
	require.Equal(t, []bool{false}, g.has(id))
}

// TestAnAdapterThatIsAboutToBeLoadedIsNotRemoved has a trainer that collects an
// adapter and brings it back for a load, many times, while the node removes.
func TestAnAdapterThatIsAboutToBeLoadedIsNotRemoved(t *testing.T) {
	g := startNode(t, node.Config{Every: time.Hour})
	id := g.depot.publish(t, "tiny", 1, 2, 0.1)
	ctx, cancel := context.WithCancel(t.Context())
	var removing sync.WaitGroup
	removing.Go(func() {
		for ctx.Err() == nil {
			_ = g.agent.Collect(ctx) // the end of the test cuts it off
		}
	})
	for i := range 40 {
		g.depot.collect(id, false) // before a load, as the trainer does
		require.NoError(t, g.load(t, "a", id))
		status, by := g.chat(t, "a")
		require.Equal(t, 200, status)
		require.Equal(t, "a", by)
		g.depot.collect(id, true)
		if i%2 == 0 { // the others come in the midst of a removal, or before it
			require.Eventually(t, func() bool { return !g.has(id)[0] }, time.Minute, time.Millisecond)
		}
	}
	cancel()
	removing.Wait()
}

// TestACollectionReachesTheNodes has a real trainer that keeps two adapters of a run.
func TestACollectionReachesTheNodes(t *testing.T) {
	c := startCluster(t, trainer.Config{DSN: ":memory:", AdapterDir: t.TempDir(), Keep: 2})
	var served []string
	for day := range int32(4) {
		job := c.end(t, c.night(t, day+1, 1/float32(day+1)).GetId())
		require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, job.GetState(), job.GetReason())
		served = append(served, job.GetServedModel())
	}
	require.NoError(t, c.trainer.Collect(t.Context()))
	for i, agent := range c.nodes {
		require.Equal(t, served, c.servers[i].Loaded())
		require.NoError(t, agent.Collect(t.Context()))
		require.Equal(t, served[2:], c.servers[i].Loaded())
	}
}
