package environment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/journal"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// followLoop follows the runs of the journal until ctx is done.
func (s *Server) followLoop(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Poll)
	defer ticker.Stop()
	for {
		if err := s.follow(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the runs of the journal could not be read", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// follow reads the standing of all runs: it takes in those that other processes
// created, shows what they do with the runs that they conduct, passes on what they
// ask of the runs of this one, and launches the runs that nobody conducts.
func (s *Server) follow(ctx context.Context) error {
	s.following.Lock()
	defer s.following.Unlock()
	ages := map[string]int{}
	for _, r := range s.all() {
		ages[r.ID()] = r.age()
	}
	standings, err := s.journal.Standings(ctx)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := s.discover(ctx, standings); err != nil {
		return err
	}
	for _, st := range standings {
		r := s.find(st.ID)
		if r == nil {
			continue // created since, and found next time
		}
		s.place(r, st.Position)
		if err := s.take(ctx, r, ages[st.ID], st); err != nil {
			return err
		}
	}
	return nil
}

// discover adds the runs that this process does not know yet.
func (s *Server) discover(ctx context.Context, standings []journal.Standing) error {
	first := slices.IndexFunc(standings, func(st journal.Standing) bool { return s.find(st.ID) == nil })
	if first < 0 {
		return nil
	}
	listed, err := s.journal.List(ctx, journal.Filter{}, standings[first].Position-1, 0)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, one := range listed {
		s.add(one.Run, one.Position)
	}
	return nil
}

// take takes in the standing of one run. age is that of the run before the
// standing was read.
func (s *Server) take(ctx context.Context, r *run, age int, st journal.Standing) error {
	if r.held() != nil {
		if st.Holder == s.holder && st.Wish != environmentv1.RunState_RUN_STATE_UNSPECIFIED {
			r.stop(st.Wish)
		}
		return nil
	}
	var progress *environmentv1.Progress
	if before := r.Progress(); st.Sequence > before.GetSequence() {
		var err error
		if progress, err = s.journal.Progress(ctx, r.ID(), before); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	free := st.Holder == "" || st.Holder == s.holder // a lease of this process that was not released
	if r.standing(age, progress, st) && st.State == environmentv1.RunState_RUN_STATE_QUEUED && free {
		s.launch(r)
	}
	return nil
}

// all returns the runs in the order of their creation.
func (s *Server) all() []*run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

// find returns a run by id, or nil.
func (s *Server) find(id string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[id]
}

// add takes a stored run in, or returns the one that is there already. Position
// is 0 where it is not known yet.
func (s *Server) add(stored *environmentv1.Run, position int64) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[stored.GetId()]; r != nil {
		return r
	}
	r := newRun(stored, position)
	s.runs[r.ID()] = r
	s.order = append(s.order, r)
	s.sort()
	return r
}

// place puts a run that was created here in its place among those of others.
func (s *Server) place(r *run, position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.position != position {
		r.position = position
		s.sort()
	}
}

// sort is called with mu held. Runs whose position is not known yet are the
// newest.
func (s *Server) sort() {
	slices.SortStableFunc(s.order, func(a, b *run) int {
		switch {
		case a.position == b.position:
			return 0
		case a.position == 0 || (b.position != 0 && a.position > b.position):
			return 1
		}
		return -1
	})
}
