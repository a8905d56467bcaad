package watch

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

func TestWatchersTakeTurnsWithinTheCaps(t *testing.T) {
	p := newPacer(func() bool { return true })
	r := live.New(&environmentv1.Run{Progress: &environmentv1.Progress{Sequence: 1 << 40}})
	watchers := make([]*watcher, 1000)
	for i := range watchers {
		watchers[i] = newWatcher(nil, r, &environmentv1.WatchRunRequest{Entries: true, Interval: durationpb.New(time.Millisecond)})
	}
	p.ring = watchers
	entries, progress := make([]int, len(watchers)), make([]int, len(watchers))
	const seconds = 20
	start := time.Now().Add(time.Second) // all of them are due
	for now := start; now.Before(start.Add(seconds * time.Second)); now = now.Add(tick) {
		p.round(now)
		for i, w := range watchers {
			select {
			case may := <-w.permits:
				w.sent.Add(int64(may.entries))
				entries[i] += may.entries
				if may.progress {
					progress[i]++
				}
				w.busy.Store(false)
			default:
			}
		}
	}
	for _, c := range []struct {
		given          []int
		perSecond, gap int
	}{{entries, entriesPerSecond, 2 * quantum}, {progress, progressPerSecond, 2}} {
		sum := 0
		for _, n := range c.given {
			sum += n
		}
		require.InEpsilon(t, seconds*c.perSecond, sum, 0.02)
		require.LessOrEqual(t, slices.Max(c.given)-slices.Min(c.given), c.gap)
	}
}
