package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/powercut"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Three runs of two days on one journal. Their entries are large enough for the
// WAL to be written back to the file and begun again now and then.
const (
	cutRuns  = 3
	cutSteps = 48
	cutEntry = 200 << 10
)

// household lives on a disk whose power is cut again and again.
type household struct {
	disk *powercut.Disk
	vfs  string
	dsn  string

	acknowledged [cutRuns]int64 // the last sequence that was acknowledged
	made         [cutRuns]bool  // the run's creation was acknowledged
}

// bigStep is the body of a step, the same for the same run and number.
func bigStep(run int, number int32) *environmentv1.EntryBody {
	body := step(number)
	content := make([]byte, cutEntry)
	_, _ = rand.NewChaCha8([32]byte{byte(run), byte(number)}).Read(content) // never fails
	body.GetStep().UserNotes = []*simv1.Note{{Role: simv1.Role_ROLE_PLANNER, Key: "k", Content: content}}
	return body
}

// live opens the journal, checks that nothing acknowledged is lost, and goes on
// with all runs to their end. It returns their hashes. After an error the power
// may be off; an error of lost says that the disk has lost something.
func (h *household) live(ctx context.Context) (hashes [cutRuns]string, err error) {
	j, err := open(ctx, h.dsn, store.VFS(h.vfs))
	if err != nil {
		return hashes, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	var chains [cutRuns]*Chain
	for i := range chains {
		if chains[i], err = h.resume(ctx, j, i); err != nil {
			return hashes, err
		}
		defer chains[i].Close()
	}
	for {
		var outcomes [cutRuns]<-chan error
		for i, chain := range chains {
			if outcomes[i], err = h.next(i, chain); err != nil {
				return hashes, err
			}
		}
		going := false
		for i, outcome := range outcomes {
			if outcome == nil {
				continue
			}
			going = true
			if err := <-outcome; err != nil {
				return hashes, err
			}
			h.acknowledged[i] = chains[i].Progress.GetSequence()
		}
		if !going {
			break
		}
	}
	for i, chain := range chains {
		hashes[i] = chain.Snapshot().GetHash()
		if err := j.SetState(ctx, chain.lease, environmentv1.RunState_RUN_STATE_FINISHED, "", chain.Snapshot()); err != nil {
			return hashes, err
		}
	}
	return hashes, nil
}

// resume makes or finds a run, and continues it.
func (h *household) resume(ctx context.Context, j *Journal, i int) (*Chain, error) {
	n := newRun(fmt.Sprint("p", i))
	n.RequestID, n.Run.Config.Days = fmt.Sprint("r", i), cutSteps/24
	run, created, err := j.Create(ctx, n)
	if err != nil {
		return nil, err
	}
	if created && h.made[i] {
		return nil, lost(fmt.Sprintf("run %d was created and is gone", i))
	}
	h.made[i] = true
	lease, err := j.Acquire(ctx, run.GetId(), "household", LeaseTTL)
	if err != nil {
		return nil, err
	}
	chain, err := j.Continue(ctx, lease, everything)
	if err != nil {
		return nil, err
	}
	if got := chain.Progress.GetSequence(); got < h.acknowledged[i] {
		return nil, lost(fmt.Sprintf("run %d has %d entries, and %d were acknowledged", i, got, h.acknowledged[i]))
	}
	return chain, nil
}

// lost is an error of a disk that has lost something.
type lost string

func (l lost) Error() string { return string(l) }

// next hands in the next entry of a run, two where the first one is a night;
// nil at its end.
func (h *household) next(run int, chain *Chain) (<-chan error, error) {
	steps := chain.Progress.GetSteps()
	if day := steps / 24; steps > 0 && steps%24 == 0 && chain.LastNight < day {
		if err := chain.AppendLater(night(day), Beside{}); err != nil {
			return nil, err
		}
	}
	if steps == cutSteps {
		return nil, chain.Flush()
	}
	return chain.Append(bigStep(run, steps), Beside{Prompts: [][]byte{fmt.Appendf(nil, "step %d", steps)}})
}

func newHousehold(t *testing.T, seed uint64) *household {
	h := &household{disk: powercut.New(seed), vfs: fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), seed)}
	dir := t.TempDir()
	h.dsn = filepath.Join(dir, "journal.db")
	require.NoError(t, h.disk.MkdirAll(dir))
	t.Cleanup(h.disk.VFS(h.vfs, dir))
	return h
}

// operations counts what a whole life changes on the disk.
func operations(t *testing.T) (int, [cutRuns]string) {
	h := newHousehold(t, 0)
	const many = 1 << 30
	h.disk.CutAfter(many)
	hashes, err := h.live(t.Context())
	require.NoError(t, err)
	return many - h.disk.Remaining(), hashes
}

// cuts lets a household live through cuts at random moments until its end, and
// returns how many there were, the last hashes, and what was lost.
func cuts(t *testing.T, h *household, random *rand.Rand, most, operations int) (int, [cutRuns]string, error) {
	for n := 0; ; n++ {
		if n < most {
			h.disk.CutAfter(random.IntN(operations))
		}
		hashes, err := h.live(t.Context())
		if !h.disk.Off() {
			return n, hashes, err
		}
		var gone lost
		if errors.As(err, &gone) {
			return n, hashes, err
		}
		h.disk.Restore()
	}
}

// TestNothingAcknowledgedIsLostAtAPowerCut cuts the power 200 times.
func TestNothingAcknowledgedIsLostAtAPowerCut(t *testing.T) {
	operations, want := operations(t)
	total := 0
	for seed := uint64(1); total < 200; seed++ {
		h := newHousehold(t, seed)
		n, hashes, err := cuts(t, h, rand.New(rand.NewPCG(seed, 1)), 12, operations/4)
		require.NoError(t, err, "seed %d after %d cuts", seed, n)
		require.Equal(t, want, hashes, "seed %d", seed)
		total += n
	}
	t.Logf("%d cuts, about %d changes of the disk in a life", total, operations)
}

// TestAMissingSyncIsSeen takes one kind of sync away at a time. The test above
// must then fail.
func TestAMissingSyncIsSeen(t *testing.T) {
	operations, want := operations(t)
	for name, lies := range map[string]func(string, bool) bool{
		"of the WAL":    func(path string, _ bool) bool { return strings.HasSuffix(path, "-wal") },
		"of the file":   func(path string, _ bool) bool { return strings.HasSuffix(path, ".db") },
		"of the folder": func(_ string, folder bool) bool { return folder },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 30; seed++ {
				h := newHousehold(t, seed)
				h.disk.Lies = lies
				n, hashes, err := cuts(t, h, rand.New(rand.NewPCG(seed, 1)), 12, operations/4)
				if err != nil || hashes != want {
					t.Logf("seen after %d cuts of disk %d: %v", n, seed, err)
					return
				}
			}
			t.Fatal("nobody noticed that the sync is missing")
		})
	}
}
