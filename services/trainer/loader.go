package trainer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Loader brings a published adapter to where it is served. Both methods may be
// called again for the same job, also after a crash. A transient error
// (ErrUnavailable, ErrDeadline) is retried; any other one fails the job.
type Loader interface {
	// Load loads the adapter. served is the name under which a model server serves
	// it; empty for the embedded policy.
	Load(ctx context.Context, job *trainerv1.Job, m *trainerv1.Manifest) (served string, err error)
	// Verify tests what was loaded with the worker's probes, of which there may be
	// none. A check that did not pass rejects the adapter.
	Verify(ctx context.Context, m *trainerv1.Manifest, probes []*trainerv1.Probe) ([]*trainerv1.GateCheck, error)
	// Offers returns the base models for whose jobs there are workers that ask for
	// them later, when a model server is idle.
	Offers(ctx context.Context) []string
}

// storeLoader is the Loader of adapters that whoever uses them reads from the
// store.
type storeLoader struct{ server *Server }

func (l storeLoader) Load(_ context.Context, job *trainerv1.Job, _ *trainerv1.Manifest) (string, error) {
	_, err := l.server.store.Manifest(job.GetAdapter())
	return "", err
}

func (l storeLoader) Verify(_ context.Context, m *trainerv1.Manifest, _ []*trainerv1.Probe) ([]*trainerv1.GateCheck, error) {
	const name = "read-back"
	var err error
	if m.GetPolicy() == policy.Name {
		_, err = l.server.loadPolicy(m)
	} else {
		err = l.server.store.Check(m)
	}
	if errors.Is(err, errs.ErrInvalid) {
		return []*trainerv1.GateCheck{failed(name, "%s", errs.Reason(err))}, nil
	}
	return []*trainerv1.GateCheck{passed(name, "every byte is as trained")}, err
}

func (storeLoader) Offers(context.Context) []string { return nil }

// byKind gives the adapters of language models to one Loader, all others to
// another.
type byKind struct{ lora, other Loader }

func (k byKind) of(m *trainerv1.Manifest) Loader {
	if m.GetPolicy() == LoraPolicy {
		return k.lora
	}
	return k.other
}

func (k byKind) Load(ctx context.Context, job *trainerv1.Job, m *trainerv1.Manifest) (string, error) {
	return k.of(m).Load(ctx, job, m)
}

func (k byKind) Verify(ctx context.Context, m *trainerv1.Manifest, probes []*trainerv1.Probe) ([]*trainerv1.GateCheck, error) {
	return k.of(m).Verify(ctx, m, probes)
}

func (k byKind) Offers(ctx context.Context) []string {
	return append(k.lora.Offers(ctx), k.other.Offers(ctx)...)
}

// maxPolicyBytes bounds the weights of the embedded policy.
const maxPolicyBytes = 4 << 20

// loadPolicy reads a published adapter of the embedded policy, after a comparison
// of every byte with its manifest.
func (s *Server) loadPolicy(m *trainerv1.Manifest) (*policy.Policy, error) {
	if m.GetPolicy() != policy.Name {
		return nil, fmt.Errorf("adapter %s is for policy %q, want %q: %w", m.GetId(), m.GetPolicy(), policy.Name, errs.ErrInvalid)
	}
	if err := s.store.Check(m); err != nil {
		return nil, err
	}
	f, err := s.store.OpenFile(m, artifact.ModelFile)
	if err != nil {
		return nil, err
	}
	weights, err := io.ReadAll(io.LimitReader(f, maxPolicyBytes))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return policy.Load(weights)
}

// load takes one trained job after the other to its final state, and waits when
// there is none.
func (s *Server) load(ctx context.Context) error {
	for ctx.Err() == nil {
		results := s.results.wait()
		next, err := s.claim(ctx)
		if err != nil {
			return fmt.Errorf("trainer: look for trained jobs: %w", err)
		}
		if next == nil {
			s.idle(ctx, results)
			continue
		}
		err = s.finish(ctx, next)
		s.unclaim(next)
		if err != nil {
			return fmt.Errorf("trainer: job %s: %w", next.job.GetId(), err)
		}
	}
	return nil
}

// claim returns the oldest trained job that no other loader of this process works
// on; nil when there is none. Another process may work on it too: every step may
// be repeated, and the first to commit wins.
func (s *Server) claim(ctx context.Context) (next *record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.jobs.unfinished(ctx, func(r *record) bool {
		if !s.claimed[r.job.GetId()] {
			next = r
		}
		return next == nil
	})
	if next != nil {
		s.claimed[next.job.GetId()] = true
	}
	return next, err
}

func (s *Server) unclaim(r *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.claimed, r.job.GetId())
}

// loadPatience is how long a trained job waits for the model servers. One that has
// just trained starts again first, and reads and quantizes 140 GB for a base of 70
// billion parameters: ten minutes do not suffice.
const loadPatience = time.Hour

// finish advances a job until it is final. The error is one of storing the job.
func (s *Server) finish(ctx context.Context, r *record) error {
	for !final(r.job.GetState()) {
		next, err := retry(ctx, loadPatience, func() (*record, error) { return s.advance(ctx, r) })
		if ctx.Err() != nil {
			return nil // the job continues after the next start
		}
		if err != nil && !errors.Is(err, errMoved) {
			next, err = s.abandon(ctx, r, err)
		}
		if errors.Is(err, errMoved) {
			next, err = s.jobs.get(ctx, r.job.GetId())
		}
		if err != nil {
			return err
		}
		r = next
	}
	return nil
}

// abandon ends a job whose adapter cannot come into force.
func (s *Server) abandon(ctx context.Context, r *record, cause error) (*record, error) {
	s.log.Warn("an adapter did not come into force", zap.String("job", r.job.GetId()), zap.Stringer("state", r.job.GetState()), zap.Error(cause))
	next, err := s.commit(ctx, r, func(r *record) {
		if rejected := (*rejection)(nil); errors.As(cause, &rejected) {
			r.job.Gate = append(r.job.Gate, rejected.checks...)
		}
		r.end(outcomeOf(cause), errs.Reason(cause))
	})
	if err == nil && errors.Is(cause, errRejected) {
		// Another job with the same result would be rejected too: it needs no files.
		if err := s.store.Discard(r.manifest.GetId()); err != nil {
			s.log.Warn("a rejected adapter could not be removed", zap.Error(err))
		}
	}
	return next, err
}

// errMoved says that a job is no longer in the state that it was read in.
var errMoved = fmt.Errorf("the job has moved on: %w", errs.ErrPrecondition)

// commit changes a job that is still in the state it was read in; errMoved
// otherwise.
func (s *Server) commit(ctx context.Context, was *record, fn func(*record)) (*record, error) {
	return s.commitWith(ctx, was, func(_ *sql.Tx, r *record) error {
		fn(r)
		return nil
	})
}

func (s *Server) commitWith(ctx context.Context, was *record, fn func(*sql.Tx, *record) error) (*record, error) {
	return s.jobs.change(ctx, was.job.GetId(), func(tx *sql.Tx, r *record) error {
		if r.version != was.version {
			return errMoved
		}
		return fn(tx, r)
	})
}

// advance takes a trained job one state further and commits it. An error that
// wraps errRejected says that the adapter is not fit for use.
func (s *Server) advance(ctx context.Context, r *record) (*record, error) {
	switch r.job.GetState() {
	case trainerv1.JobState_JOB_STATE_TRAINED:
		return s.publish(ctx, r)
	case trainerv1.JobState_JOB_STATE_PUBLISHED:
		served, err := s.loader.Load(ctx, r.job, r.manifest)
		if err != nil {
			return nil, err
		}
		return s.commit(ctx, r, func(r *record) {
			r.job.ServedModel = served
			r.enter(trainerv1.JobState_JOB_STATE_LOADED)
		})
	case trainerv1.JobState_JOB_STATE_LOADED:
		checks, err := s.loader.Verify(ctx, r.manifest, r.probes)
		if err == nil {
			err = firstFailure(checks)
		}
		if err != nil {
			return nil, err
		}
		return s.commit(ctx, r, func(r *record) {
			r.job.Gate = append(r.job.Gate, checks...)
			r.enter(trainerv1.JobState_JOB_STATE_VERIFIED)
		})
	case trainerv1.JobState_JOB_STATE_VERIFIED:
		return s.commit(ctx, r, func(r *record) { r.enter(trainerv1.JobState_JOB_STATE_ACTIVE) })
	default:
		return nil, errMoved
	}
}

// publish checks what a job has trained, and publishes it.
func (s *Server) publish(ctx context.Context, r *record) (*record, error) {
	// Before the look at what is published: a sweep may be removing it.
	if err := s.jobs.bringBack(ctx, r.manifest.GetId()); err != nil {
		return nil, err
	}
	checks := []*trainerv1.GateCheck{passed("files", "published before, by an attempt or a run with the same training")}
	if s.store.Check(r.manifest) != nil {
		var err error
		checks, err = s.checkResult(r.manifest)
		if err == nil {
			err = firstFailure(checks)
		}
		if err != nil && s.store.Check(r.manifest) != nil { // nobody else has published it meanwhile
			return nil, err
		}
		if err := s.store.Publish(r.manifest); err != nil {
			return nil, err
		}
	}
	return s.commitWith(ctx, r, func(tx *sql.Tx, r *record) error {
		r.job.Adapter, r.job.Gate = r.manifest.GetId(), checks
		r.enter(trainerv1.JobState_JOB_STATE_PUBLISHED)
		return recordAdapter(ctx, tx, r.manifest)
	})
}
