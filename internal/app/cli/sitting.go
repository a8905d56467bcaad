package cli

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// recordEvery is how often a sitting is recorded: what a kill takes from the
// record of wall time. Steps are counted in the journal.
const recordEvery = 2 * time.Second

// sitting records how long this process conducts the runs of a folder.
type sitting struct {
	at    folder.Folder
	board *live.Board
	began time.Time
	prior []folder.Sitting
	stop  chan struct{}
	done  sync.WaitGroup
	err   error // of recording; read after done
	now   folder.Sitting
	total int64 // committed steps of all sittings
}

// beginSitting starts the record. Errors are those of reading the earlier ones.
func beginSitting(at folder.Folder, board *live.Board) (*sitting, error) {
	prior, err := at.Sittings()
	if err != nil {
		return nil, err
	}
	s := &sitting{at: at, board: board, began: time.Now(), prior: prior, stop: make(chan struct{})}
	s.done.Go(func() {
		tick := time.NewTicker(recordEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.err = errors.Join(s.err, s.record())
			case <-s.stop:
				return
			}
		}
	})
	return s, nil
}

// end records the sitting a last time.
func (s *sitting) end() error {
	close(s.stop)
	s.done.Wait()
	return errors.Join(s.err, s.record())
}

func (s *sitting) record() error {
	took := s.board.Snapshot(time.Now())
	s.now = folder.Sitting{Began: s.began.UTC(), WallSeconds: took.Elapsed.Seconds(), Steps: took.Done, PeakRSSBytes: peakRSS()}
	s.total = took.All.Steps
	if took.Done == 0 {
		return nil // nothing was conducted
	}
	return s.at.SaveSittings(append(s.prior[:len(s.prior):len(s.prior)], s.now))
}

// timing sums up all sittings. It is called after end.
func (s *sitting) timing() *figures.Timing {
	all := s.prior
	if s.now.Steps > 0 {
		all = append(all[:len(all):len(all)], s.now)
	}
	if len(all) == 0 {
		return nil
	}
	out := &figures.Timing{Steps: s.total, Sittings: len(all), This: figures.Sitting{WallSeconds: s.now.WallSeconds, Steps: s.now.Steps}}
	recorded := int64(0) // less than all steps where a process was killed
	for _, one := range all {
		recorded += one.Steps
		out.WallSeconds += one.WallSeconds
		out.PeakRSSBytes = max(out.PeakRSSBytes, one.PeakRSSBytes)
	}
	if out.WallSeconds > 0 {
		out.StepsPerSecond = float64(recorded) / out.WallSeconds
	}
	return out
}

// peakRSS returns the greatest resident size of this process in bytes.
func peakRSS() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Maxrss * 1024 // Linux counts KiB
}
