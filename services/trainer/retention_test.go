package trainer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// lives is a model of runs: what each has made, and which jobs are open.
type lives struct {
	*service
	t      *testing.T
	cfg    trainer.Config
	made   map[string][]string // adapters of a run, the newest last
	open   map[string]*trainerv1.LeaseJobResponse
	parent map[string]string // of the open jobs, by run
	starts map[string]string // what a fork began with
	number int
}

func (l *lives) latest(run string) string {
	if made := l.made[run]; len(made) > 0 {
		return made[len(made)-1]
	}
	return l.starts[run]
}

func (l *lives) begin(run string) {
	if l.open[run] != nil {
		return
	}
	l.number++
	req := forWorker(run, int32(len(l.made[run])+1))
	req.ParentAdapter, req.Seed = l.latest(run), uint64(l.number)
	job := l.submit(l.t, req)
	held := l.lease(l.t, "gpu")
	require.Equal(l.t, job.GetId(), held.GetJob().GetId())
	l.open[run], l.parent[run] = held, req.GetParentAdapter()
}

func (l *lives) end(run string, well bool) {
	held := l.open[run]
	if held == nil {
		return
	}
	delete(l.open, run)
	delete(l.parent, run)
	if !well {
		_, err := l.worker.FailJob(l.t.Context(), &trainerv1.FailJobRequest{JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Reason: "out of memory"})
		require.NoError(l.t, err)
		return
	}
	in := logLinear(policy.Base().Weights())
	in.metrics = &trainerv1.TrainingMetrics{Loss: float64(l.number), Accuracy: 0.9}
	done := l.finish(l.t, held.GetJob().GetId(), held.GetFencingToken(), in)
	require.Equal(l.t, active, done.GetState(), done.GetReason())
	l.made[run] = append(l.made[run], done.GetAdapter())
}

// fork begins a run with an adapter of another that is still there.
func (l *lives) fork(from string) {
	id := l.latest(from)
	if id == "" {
		return
	}
	run := fmt.Sprintf("fork-%d", len(l.starts))
	_, err := l.KeepAdapter(l.t.Context(), &trainerv1.KeepAdapterRequest{RunId: run, Adapter: id})
	require.NoError(l.t, err)
	l.starts[run] = id
}

// restart ends the process after the mark, before anything is removed.
func (l *lives) restart() {
	require.NoError(l.t, l.server.Mark(context.Background()))
	l.stop()
	l.service = start(l.t, l.cfg, someone())
}

// needed is what a run can still ask for, from the model alone.
func (l *lives) needed() (out []string) {
	for run, made := range l.made {
		out = append(out, made[max(0, len(made)-max(2, l.cfg.Keep)):]...)
		if len(made) == 1 && l.starts[run] != "" {
			out = append(out, l.starts[run]) // the parent of its only one
		}
	}
	for run, start := range l.starts {
		if len(l.made[run]) == 0 {
			out = append(out, start)
		}
	}
	for _, parent := range l.parent {
		if parent != "" {
			out = append(out, parent)
		}
	}
	return out
}

func (l *lives) check() {
	needed := l.needed()
	for _, made := range l.made {
		for _, id := range made {
			_, _, err := l.download(id)
			if slices.Contains(needed, id) {
				require.NoError(l.t, err, "needed: every byte is there")
			} else if err != nil {
				require.ErrorIs(l.t, err, errs.ErrNotFound)
			}
		}
	}
	resp, err := l.ListKeptAdapters(l.t.Context(), &trainerv1.ListKeptAdaptersRequest{})
	require.NoError(l.t, err)
	for _, one := range resp.GetAdapters() {
		if slices.Contains(needed, one.GetJob().GetAdapter()) {
			require.NotEmpty(l.t, one.GetKeptFor())
			require.Positive(l.t, one.GetBytes())
		}
	}
}

// TestACollectionTakesNothingThatARunCanStillNeed plays random lives of runs: nights
// that end well or badly or are still open, forks, collections, and crashes between
// mark and removal.
func TestACollectionTakesNothingThatARunCanStillNeed(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			cfg := config(t)
			cfg.DSN, cfg.Keep = filepath.Join(t.TempDir(), "trainer.db"), 1+int(seed)%4
			l := &lives{service: start(t, cfg, someone()), t: t, cfg: cfg, made: map[string][]string{}, open: map[string]*trainerv1.LeaseJobResponse{}, parent: map[string]string{}, starts: map[string]string{}}
			for range 60 {
				runs := []string{"ada", "ben"}
				for run := range l.starts {
					runs = append(runs, run)
				}
				slices.Sort(runs)
				run := runs[random.IntN(len(runs))]
				switch random.IntN(10) {
				case 0, 1, 2, 3:
					l.begin(run)
					l.end(run, true)
				case 4:
					l.begin(run)
				case 5:
					l.end(run, random.IntN(2) == 0)
				case 6:
					l.fork(run)
				case 7, 8:
					require.NoError(t, l.server.Collect(t.Context()))
					l.check()
				case 9:
					l.restart()
					l.check()
				}
			}
			for run := range l.open {
				l.end(run, true)
			}
			require.NoError(t, l.server.Collect(t.Context()))
			l.check()
			resp, err := l.ListKeptAdapters(t.Context(), &trainerv1.ListKeptAdaptersRequest{PageSize: 1000})
			require.NoError(t, err)
			gone := 0
			for _, one := range resp.GetAdapters() {
				if one.GetCollectTime() != nil {
					gone++
					require.NoDirExists(t, filepath.Join(cfg.AdapterDir, one.GetJob().GetAdapter()))
				} else {
					require.NotEmpty(t, one.GetKeptFor(), "what stays has a reason")
				}
			}
			require.Positive(t, gone, "something was collected")
		})
	}
}

func TestACollectedAdapterComesBackWithTheSameTraining(t *testing.T) {
	cfg := config(t)
	cfg.Keep = 1
	buffer := someone() // with the same pairs in every run
	draw := buffer.sample
	buffer.sample = func(ctx context.Context, req *bufferv1.SampleRequest) (*drawn, error) {
		same := proto.CloneOf(req)
		same.RunId = "all"
		return draw(ctx, same)
	}
	s := start(t, cfg, buffer)
	var ids []string
	parent := ""
	for day := int32(1); day <= 3; day++ {
		done := s.train(t, night("ada", day, parent))
		require.Equal(t, active, done.GetState())
		parent = done.GetAdapter()
		ids = append(ids, parent)
	}
	require.NoError(t, s.server.Collect(t.Context()))
	_, err := s.GetAdapter(t.Context(), &trainerv1.GetAdapterRequest{Id: ids[0]})
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "no run needed it any more")
	_, err = s.SubmitJob(t.Context(), night("ben", 2, ids[0]))
	require.ErrorIs(t, err, errs.ErrNotFound, "no parent")
	again := s.submit(t, night("ada", 2, ids[0]))
	require.Equal(t, ids[1], again.GetAdapter(), "a job that is done stays")

	twin := s.train(t, night("ben", 1, ""))
	require.Equal(t, active, twin.GetState(), twin.GetReason())
	require.Equal(t, ids[0], twin.GetAdapter(), "the same training")
	_, _, err = s.download(ids[0])
	require.NoError(t, err, "it is there again")
}
