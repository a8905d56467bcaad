// Package source reads recorded runs, from the journal of a folder or from a
// running environment service.
package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Source reads runs.
type Source interface {
	// Runs returns all runs in the order of their creation.
	Runs(ctx context.Context) ([]*environmentv1.Run, error)
	// Entries yields the entries of a run after a sequence number, in order. It
	// ends after the first error; ErrNotFound for an unknown run.
	Entries(ctx context.Context, id string, after int64) iter.Seq2[*environmentv1.Entry, error]
	// Step returns the entry of a step; ErrNotFound where it is not committed.
	Step(ctx context.Context, id string, step int32) (*environmentv1.Entry, error)
	// Close releases what the source holds.
	Close() error
}

// Open reads the journal with the given DSN. ErrNotFound where a path names no
// file.
func Open(ctx context.Context, dsn string) (*journal.Reader, error) {
	if path := store.File(dsn); path != "" {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no journal at %s: %w", path, errs.ErrNotFound)
		}
	}
	return journal.Open(ctx, dsn)
}

// Remote reads from a RunService; closing it calls close.
func Remote(client environmentv1.RunServiceClient, close func() error) Source {
	return &remote{client: client, close: close}
}

// Only shows the given runs of a source, in their order.
func Only(s Source, ids []string) Source { return &some{Source: s, ids: ids} }

type some struct {
	Source
	ids []string
}

func (s *some) Runs(ctx context.Context) ([]*environmentv1.Run, error) {
	all, err := s.Source.Runs(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*environmentv1.Run, len(all))
	for _, r := range all {
		byID[r.GetId()] = r
	}
	out := make([]*environmentv1.Run, 0, len(s.ids))
	for _, id := range s.ids {
		if byID[id] == nil {
			return nil, fmt.Errorf("there is no run %q: %w", id, errs.ErrNotFound)
		}
		out = append(out, byID[id])
	}
	return out, nil
}

// remote pages through a RunService.
type remote struct {
	client environmentv1.RunServiceClient
	close  func() error
}

func (r *remote) Close() error { return r.close() }

func (r *remote) Runs(ctx context.Context) ([]*environmentv1.Run, error) {
	return List(ctx, r.client)
}

// List returns all runs of a service.
func List(ctx context.Context, client environmentv1.RunServiceClient) ([]*environmentv1.Run, error) {
	var out []*environmentv1.Run
	for token := ""; ; {
		page, err := client.ListRuns(ctx, &environmentv1.ListRunsRequest{PageSize: 500, PageToken: token})
		if err != nil {
			return nil, err
		}
		out = append(out, page.GetRuns()...)
		if token = page.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}

func (r *remote) Entries(ctx context.Context, id string, after int64) iter.Seq2[*environmentv1.Entry, error] {
	return func(yield func(*environmentv1.Entry, error) bool) {
		for {
			page, err := r.client.ListSteps(ctx, &environmentv1.ListStepsRequest{RunId: id, AfterSequence: after, PageSize: 500})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range page.GetEntries() {
				if !yield(e, nil) {
					return
				}
			}
			if after = page.GetNextAfterSequence(); after == 0 {
				return
			}
		}
	}
}

func (r *remote) Step(ctx context.Context, id string, step int32) (*environmentv1.Entry, error) {
	got, err := r.client.GetStep(ctx, &environmentv1.GetStepRequest{RunId: id, Step: step})
	return got.GetEntry(), err
}
