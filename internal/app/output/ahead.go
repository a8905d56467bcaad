package output

import (
	"context"
	"iter"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// batch is how many entries are handed over at a time.
const batch = 256

// ahead reads entries in a goroutine of its own, at most a few batches ahead of
// the loop over them, so that reading and writing share two processors.
func ahead(ctx context.Context, entries iter.Seq2[*environmentv1.Entry, error]) iter.Seq2[*environmentv1.Entry, error] {
	type read struct {
		entries []*environmentv1.Entry
		err     error
	}
	return func(yield func(*environmentv1.Entry, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		batches := make(chan read, 3)
		send := func(r read) bool {
			select {
			case batches <- r:
				return r.err == nil
			case <-ctx.Done():
				return false
			}
		}
		go func() {
			defer close(batches)
			r := read{}
			for e, err := range entries {
				if err != nil {
					send(read{entries: r.entries, err: err})
					return
				}
				if r.entries = append(r.entries, e); len(r.entries) == batch {
					if !send(r) {
						return
					}
					r = read{entries: make([]*environmentv1.Entry, 0, batch)}
				}
			}
			send(r)
		}()
		for r := range batches {
			for _, e := range r.entries {
				if !yield(e, nil) {
					return
				}
			}
			if r.err != nil {
				yield(nil, r.err)
				return
			}
		}
		if ctx.Err() != nil {
			yield(nil, ctx.Err())
		}
	}
}
