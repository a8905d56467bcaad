package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

const (
	// collecting is how often the agent asks which adapters the trainer has collected.
	collecting = 5 * time.Minute
	// askingTrainer bounds one call of the trainer.
	askingTrainer = 10 * time.Second
)

// collect removes adapters from time to time until ctx is done.
func (a *Agent) collect(ctx context.Context) {
	ticker := time.NewTicker(collecting)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := a.Collect(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("adapters could not be removed", zap.Error(err))
		}
	}
}

// Collect removes from this node, names and files, every adapter that the trainer has
// collected: that no run and no job can need any more (adapters.keep). An adapter that
// the trainer does not know stays, because it may be one of another experiment. One
// that answers a request stays until the next collection.
func (a *Agent) Collect(ctx context.Context) error {
	gone, err := a.collected(ctx)
	for _, id := range gone {
		if a.store.Has(id) || len(a.namesOf(id)) > 0 {
			err = errors.Join(err, a.remove(ctx, id))
		}
	}
	return err
}

// collected returns the adapters that the trainer lists as collected.
func (a *Agent) collected(ctx context.Context) (ids []string, err error) {
	for token := ""; ; {
		resp, err := a.listKept(ctx, token)
		if err != nil {
			return ids, fmt.Errorf("the trainer cannot be asked for its adapters: %w", err)
		}
		for _, one := range resp.GetAdapters() {
			if one.GetCollectTime() != nil {
				ids = append(ids, one.GetJob().GetAdapter())
			}
		}
		if token = resp.GetNextPageToken(); token == "" {
			return ids, nil
		}
	}
}

func (a *Agent) listKept(ctx context.Context, token string) (*trainerv1.ListKeptAdaptersResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, askingTrainer)
	defer cancel()
	return a.trainer.ListKeptAdapters(ctx, &trainerv1.ListKeptAdaptersRequest{PageToken: token})
}

// namesOf returns the names of an adapter, sorted.
func (a *Agent) namesOf(id string) (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, e := range a.known {
		if e.adapter == id {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// remove removes an adapter. No call of LoadAdapter runs meanwhile. The trainer is
// asked once more: it may have brought the adapter back since it was listed, and it
// does that before it asks for a load.
func (a *Agent) remove(ctx context.Context, id string) error {
	a.fetching.Lock()
	defer a.fetching.Unlock()
	within, cancel := context.WithTimeout(ctx, askingTrainer)
	defer cancel()
	if _, err := a.trainer.GetAdapter(within, &trainerv1.GetAdapterRequest{Id: id}); !errors.Is(err, errs.ErrNotFound) {
		return err
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	forgotten, err := a.forget(id)
	if err != nil || forgotten == nil {
		return err
	}
	for _, name := range forgotten {
		// A model server that cannot be reached has lost it, or keeps what nobody can name.
		if err := a.server.unload(ctx, name); err != nil && ctx.Err() == nil {
			a.log.Warn("a removed adapter could not be unloaded", zap.String("name", name), zap.Error(err))
		}
	}
	if err := a.store.Remove(id); err != nil {
		return err
	}
	a.log.Info("an adapter that the trainer has collected was removed", zap.String("adapter", id), zap.Strings("names", forgotten))
	return nil
}

// forget forgets the names of an adapter, and returns them; nil while a request for
// one of them is in flight.
func (a *Agent) forget(id string) (names []string, err error) {
	names = []string{}
	a.mu.Lock()
	defer a.mu.Unlock()
	was := map[string]*entry{}
	for name, e := range a.known {
		if e.adapter != id {
			continue
		}
		if e.inFlight > 0 {
			return nil, nil
		}
		names, was[name] = append(names, name), e
	}
	for _, name := range names {
		delete(a.known, name)
	}
	if len(names) > 0 {
		err = a.writeNames()
	}
	if err != nil {
		for name, e := range was {
			a.known[name] = e
		}
		return nil, fmt.Errorf("names cannot be stored: %w: %w", err, errs.ErrInternal)
	}
	slices.Sort(names)
	return names, nil
}
