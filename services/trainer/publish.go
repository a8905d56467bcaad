package trainer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// errRejected marks a training whose result is not fit for use.
var errRejected = errors.New("rejected")

// result is what a training gave.
type result struct {
	weights []byte
	metrics *trainerv1.Metrics
	policy  string // kind and version, "log-linear/1"
	digest  string // of the drawn pairs
}

// check returns an error that wraps errRejected for a result that is not fit
// for use.
func (r *result) check() error {
	m := r.metrics
	for _, x := range []float64{m.GetLoss(), m.GetMargin(), m.GetAccuracy()} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: found loss %v, margin %v and accuracy %v, want finite numbers", errRejected, m.GetLoss(), m.GetMargin(), m.GetAccuracy())
		}
	}
	if err := checkWeights(r.policy, r.weights); err != nil {
		return fmt.Errorf("%w: the weights do not fit policy %q: %v", errRejected, r.policy, err)
	}
	return nil
}

// complete publishes a result under the lease with this token: the adapter is
// on disk and read back whole before one transaction takes the job from TRAINED
// to ACTIVE. A result that is not fit for use ends the job as REJECTED.
// ErrPrecondition when the lease is no longer held.
func (s *Server) complete(ctx context.Context, leased *record, res *result) (*trainerv1.Job, error) {
	job := leased.job
	if err := res.check(); err != nil {
		return s.conclude(ctx, job.GetId(), leased.token, trainerv1.JobState_JOB_STATE_REJECTED, errs.Reason(err))
	}
	manifest := &trainerv1.Manifest{
		Parent: job.GetParentAdapter(), Day: job.GetDay(), DataDigest: res.digest,
		Hyperparameters: proto.CloneOf(job.GetHyperparameters()), Metrics: proto.CloneOf(res.metrics), Policy: res.policy, Seed: job.GetSeed(),
	}
	if err := s.adapters.publish(manifest, res.weights); err != nil {
		return nil, err
	}
	r, err := s.jobs.changeHeld(ctx, job.GetId(), leased.token, s.cfg.Clock(), func(tx *sql.Tx, r *record) error {
		if err := recordAdapter(ctx, tx, manifest); err != nil {
			return err
		}
		r.job.DataDigest, r.job.Metrics = res.digest, res.metrics
		r.enter(trainerv1.JobState_JOB_STATE_TRAINED)
		r.job.Adapter = manifest.GetId()
		r.enter(trainerv1.JobState_JOB_STATE_PUBLISHED, trainerv1.JobState_JOB_STATE_LOADED,
			trainerv1.JobState_JOB_STATE_VERIFIED, trainerv1.JobState_JOB_STATE_ACTIVE)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.job, nil
}

// conclude ends a job under the lease with this token.
// ErrPrecondition when the lease is no longer held.
func (s *Server) conclude(ctx context.Context, id string, token int64, state trainerv1.JobState, reason string) (*trainerv1.Job, error) {
	r, err := s.jobs.changeHeld(ctx, id, token, s.cfg.Clock(), func(_ *sql.Tx, r *record) error {
		r.end(state, reason)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.job, nil
}
