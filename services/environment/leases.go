package environment

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/journal"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment/live"
)

// renewalsPerTTL is how often a lease is renewed within its time: a process may
// miss two renewals.
const renewalsPerTTL = 4

// renewLoop keeps the leases of this process until ctx is done.
func (s *Server) renewLoop(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.LeaseTTL / renewalsPerTTL)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.renew(ctx)
		}
	}
}

// renew renews all leases of this process at once, stops the runs whose lease is
// lost or which somebody else wants stopped, and records the states of the others
// for the processes that follow them.
func (s *Server) renew(ctx context.Context) {
	byLease := map[*journal.Lease]*run{}
	var leases []*journal.Lease
	for _, r := range s.all() {
		if lease := r.held(); lease != nil {
			byLease[lease] = r
			leases = append(leases, lease)
		}
	}
	if len(leases) == 0 {
		return
	}
	lost, err := s.journal.RenewAll(ctx, leases)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("leases were not renewed", zap.Int("leases", len(leases)), zap.Error(err))
		}
		return // the next renewal may succeed; a commit under a lost lease fails
	}
	for _, lease := range lost {
		byLease[lease].lose()
		delete(byLease, lease)
	}
	for lease, r := range byLease {
		if r.held() != lease {
			continue
		}
		r.SetConductor(s.holder, lease.Until())
		if wish := lease.Wish(); wish != environmentv1.RunState_RUN_STATE_UNSPECIFIED {
			r.stop(wish)
		}
		s.record(ctx, r)
	}
}

// record writes the state of a run in progress to the journal where it has
// changed. A run that is just being concluded records its own: waiting for it
// would delay the renewals of the others.
func (s *Server) record(ctx context.Context, r *run) {
	if !r.recording.TryLock() {
		return
	}
	defer r.recording.Unlock()
	lease := r.held()
	view := r.View()
	now := shown{view.GetState(), view.GetReason()}
	if lease == nil || now == r.shown || !live.Active(now.state) {
		return
	}
	if err := s.journal.SetState(ctx, lease, now.state, now.reason, nil); err != nil {
		if ctx.Err() == nil {
			s.log.Warn("the state of a run was not recorded", zap.String("run", r.ID()), zap.Error(err))
		}
		return
	}
	r.shown = now
}
