// Package source reads recorded runs, from the journal of a folder or from a
// running environment service.
package source

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
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
	// Close closes the journal or the connection.
	Close() error
}

// Open opens the journal with the given DSN for reading only. Errors are those of
// journal.OpenReader: ErrNotFound where there is no journal. Nothing is created.
func Open(ctx context.Context, dsn string) (*journal.Reader, error) {
	return journal.OpenReader(ctx, dsn)
}

// Remote reads from a RunService; closing it calls close.
func Remote(client environmentv1.RunServiceClient, close func() error) Source {
	return &remote{client: client, close: close}
}

// Only returns a source of the given runs alone, in the order of ids.
func Only(s Source, ids []string) Source { return &some{Source: s, ids: ids} }

type some struct {
	Source
	ids []string
}

// Unwrap returns the whole source.
func (s *some) Unwrap() Source { return s.Source }

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

// Labelled returns a source of the runs that have a label alone. Its Runs return
// ErrNotFound where no run has it.
func Labelled(s Source, key, value string) Source {
	return &labelled{Source: s, key: key, value: value}
}

type labelled struct {
	Source
	key, value string
}

func (l *labelled) Runs(ctx context.Context) ([]*environmentv1.Run, error) {
	all, err := l.Source.Runs(ctx)
	if err != nil {
		return nil, err
	}
	var out []*environmentv1.Run
	var others []string
	for _, r := range all {
		switch value, ok := r.GetLabels()[l.key]; {
		case ok && value == l.value:
			out = append(out, r)
		case ok && !slices.Contains(others, value):
			others = append(others, value)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no run has the %s %q; there are: %s: %w", l.key, l.value, strings.Join(others, ", "), errs.ErrNotFound)
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
	return List(ctx, r.client, nil)
}

// List returns the runs of a service that have all the labels; nil labels mean all
// runs.
func List(ctx context.Context, client environmentv1.RunServiceClient, labels map[string]string) ([]*environmentv1.Run, error) {
	var out []*environmentv1.Run
	for token := ""; ; {
		page, err := client.ListRuns(ctx, &environmentv1.ListRunsRequest{PageSize: 500, PageToken: token, Labels: labels})
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
		for token := ""; ; {
			page, err := r.client.ListEntries(ctx, &environmentv1.ListEntriesRequest{RunId: id, AfterSequence: after, PageSize: 500, PageToken: token})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range page.GetEntries() {
				if !yield(e, nil) {
					return
				}
			}
			if token = page.GetNextPageToken(); token == "" {
				return
			}
		}
	}
}

func (r *remote) Step(ctx context.Context, id string, step int32) (*environmentv1.Entry, error) {
	got, err := r.client.GetStep(ctx, &environmentv1.GetStepRequest{RunId: id, Step: step})
	return got.GetEntry(), err
}
