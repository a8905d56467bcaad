// Package experiment conducts the runs of a folder through the contracts alone:
// it finds the people, creates a run for each of them and each method, and
// watches until all are over.
package experiment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	"github.com/propersim/propersim/services/environment"
)

// LabelExperiment is the label of a run that names its experiment.
const LabelExperiment = "experiment"

// Create makes the runs of a part of a configuration and lets them start. Runs
// that an experiment of the same id has made before are returned as they are. The
// id is also the label "experiment" of the runs.
func Create(ctx context.Context, s *stack.Stack, c *config.Config, experiment string, part Shard) ([]*environmentv1.Run, error) {
	people, err := People(ctx, s.Personas, c)
	if err != nil {
		return nil, err
	}
	people = part.Of(people)
	labels := map[string]string{LabelExperiment: experiment}
	if part.Count > 0 {
		labels[environment.LabelDedicated] = "true" // the processes of the other parts share the journal
	}
	var runs []*environmentv1.Run
	for _, method := range c.Simulation.Methods {
		for _, seed := range c.Simulation.Seeds {
			for _, p := range people {
				id := p.Persona.GetId()
				made, err := s.Runs.CreateRun(ctx, &environmentv1.CreateRunRequest{
					Config: c.RunConfig(id, method, seed, s.Backends()), RequestId: requestID(experiment, method, id, seed),
					Labels: labels,
				})
				if err != nil {
					return nil, fmt.Errorf("run of %s with %s and seed %d: %w", id, method, seed, err)
				}
				runs = append(runs, made.GetRun())
			}
		}
	}
	return runs, nil
}

// requestID names a run of an experiment within the 128 bytes of the contract.
func requestID(experiment, method, persona string, seed uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", experiment, method, persona, seed))
	return "simulate-" + hex.EncodeToString(sum[:])
}

// Extend gives the runs that are shorter so many days.
func Extend(ctx context.Context, s *stack.Stack, runs []*environmentv1.Run, days int) ([]*environmentv1.Run, error) {
	out := slices.Clone(runs)
	for i, r := range runs {
		if int(r.GetConfig().GetDays()) >= days {
			continue
		}
		extended, err := extend(ctx, s, r.GetId(), int32(days))
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", r.GetId(), err)
		}
		out[i] = extended
	}
	return out, nil
}

// extend gives a run more days. The environment conducts an unfinished run as soon
// as it starts, and no run can be extended meanwhile: such a run is paused first,
// and queued again by its extension.
func extend(ctx context.Context, s *stack.Stack, id string, days int32) (*environmentv1.Run, error) {
	request := &environmentv1.ExtendRunRequest{Id: id, Days: days}
	extended, err := s.Runs.ExtendRun(ctx, request)
	if errors.Is(err, errs.ErrPrecondition) {
		_, err = s.Runs.PauseRun(ctx, &environmentv1.PauseRunRequest{Id: id})
		if err != nil && !errors.Is(err, errs.ErrPrecondition) { // that one: it has ended meanwhile
			return nil, err
		}
		extended, err = s.Runs.ExtendRun(ctx, request)
	}
	return extended.GetRun(), err
}

// Resume lets those of the runs that are not over go on, failed ones included,
// and returns all of them as they are.
func Resume(ctx context.Context, s *stack.Stack, runs []*environmentv1.Run) ([]*environmentv1.Run, error) {
	out := make([]*environmentv1.Run, len(runs))
	for i, r := range runs {
		now, err := s.Runs.GetRun(ctx, &environmentv1.GetRunRequest{Id: r.GetId()})
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", r.GetId(), err)
		}
		out[i] = now.GetRun()
		switch out[i].GetState() {
		case environmentv1.RunState_RUN_STATE_PAUSED, environmentv1.RunState_RUN_STATE_FAILED:
			resumed, err := s.Runs.ResumeRun(ctx, &environmentv1.ResumeRunRequest{Id: r.GetId()})
			if err != nil {
				return nil, fmt.Errorf("run %s: %w", r.GetId(), err)
			}
			out[i] = resumed.GetRun()
		}
	}
	return out, nil
}

// Watch keeps the board up to date until every run is over or has spent its
// budget, a service fails, or ctx is done.
func Watch(ctx context.Context, s *stack.Stack, runs []*environmentv1.Run, board *live.Board) error {
	for _, r := range runs {
		board.Update(r)
	}
	group, ctx := errgroup.WithContext(ctx)
	watchers, stop := context.WithCancel(ctx)
	defer stop()
	group.Go(func() error {
		select {
		case err := <-s.Failed():
			return err
		case <-watchers.Done():
			return nil
		}
	})
	var all errgroup.Group
	for _, r := range runs {
		all.Go(func() error { return watch(ctx, s.Runs, r.GetId(), board) })
	}
	group.Go(func() error {
		defer stop()
		return all.Wait()
	})
	return group.Wait()
}

// watch follows one run, also over breaks of the connection, and from where it
// is when the service gave up waiting for this program to read.
func watch(ctx context.Context, client environmentv1.RunServiceClient, id string, board *live.Board) error {
	for {
		err := follow(ctx, client, id, board)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errs.ErrBehind):
			continue
		case !errors.Is(err, errs.ErrUnavailable):
			return fmt.Errorf("run %s: %w", id, err)
		}
		board.Away(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func follow(ctx context.Context, client environmentv1.RunServiceClient, id string, board *live.Board) error {
	stream, err := client.WatchRun(ctx, &environmentv1.WatchRunRequest{Id: id, Interval: durationpb.New(400 * time.Millisecond)})
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r := message.GetRun(); r != nil {
			board.Update(r)
			if r.GetState() == environmentv1.RunState_RUN_STATE_PAUSED && r.GetReason() != "" {
				return nil // a budget is spent: it resumes when somebody raises it
			}
		}
	}
}
