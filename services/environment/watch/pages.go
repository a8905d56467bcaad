package watch

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

const (
	// pageEntries is how many entries of a run are kept together, which is also
	// how many the journal reads at a time.
	pageEntries = 256
	// pagesKept is how many pages are kept: those that watchers used last.
	pagesKept = 16
)

// pages keeps what watchers read last, so that any number of watchers at one
// place cost one reading of the journal.
type pages struct {
	journal *journal.Journal

	mu     sync.Mutex                 // makes one page for one key
	recent *lru.Cache[pageKey, *page] // guarded by mu
}

// pageKey names the entries index*pageEntries+1 to (index+1)*pageEntries.
type pageKey struct {
	run   string
	index int64
}

// page is the beginning of a page, as far as it was committed when last read.
type page struct {
	key pageKey

	reading chan struct{} // has a token while nobody reads; guards events
	events  []*environmentv1.WatchRunResponse
}

func newPages(j *journal.Journal) (*pages, error) {
	recent, err := lru.New[pageKey, *page](pagesKept)
	return &pages{journal: j, recent: recent}, err
}

// after returns the events of up to n entries of a run that follow a sequence
// number, one after the other; fewer at the end of a page, and none where nothing
// more is committed. Errors are those of Journal.Entries and of ctx.
func (p *pages) after(ctx context.Context, run string, sequence int64, n int) ([]*environmentv1.WatchRunResponse, error) {
	from := int(sequence % pageEntries)
	to := min(from+n, pageEntries)
	events, err := p.page(pageKey{run, sequence / pageEntries}).upTo(ctx, p.journal, to)
	if err != nil || from >= len(events) {
		return nil, err
	}
	return events[from:min(to, len(events))], nil
}

func (p *pages) page(key pageKey) *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kept, ok := p.recent.Get(key); ok {
		return kept
	}
	made := &page{key: key, reading: make(chan struct{}, 1)}
	made.reading <- struct{}{}
	p.recent.Add(key, made)
	return made
}

// upTo returns the page's entries, read from the journal where fewer than want
// are known.
func (p *page) upTo(ctx context.Context, j *journal.Journal, want int) ([]*environmentv1.WatchRunResponse, error) {
	select {
	case <-p.reading:
	case <-ctx.Done():
		return nil, errs.FromContext(ctx)
	}
	defer func() { p.reading <- struct{}{} }()
	if len(p.events) >= want {
		return p.events, nil
	}
	for entry, err := range j.Entries(ctx, p.key.run, p.key.index*pageEntries+int64(len(p.events))) {
		if err != nil {
			return nil, err
		}
		one, err := encoded(entry)
		if err != nil {
			return nil, err
		}
		p.events = append(p.events, one)
		if len(p.events) == pageEntries {
			break
		}
	}
	return p.events, nil
}

// encoded returns the event of an entry as a message that has nothing but its
// encoded fields. gRPC only copies them: 0.3 us for a watcher instead of 2.
func encoded(entry *environmentv1.Entry) (*environmentv1.WatchRunResponse, error) {
	fields, err := proto.Marshal(&environmentv1.WatchRunResponse{
		Sequence: entry.GetSequence(), Event: &environmentv1.WatchRunResponse_Entry{Entry: entry},
	})
	event := &environmentv1.WatchRunResponse{}
	event.ProtoReflect().SetUnknown(fields)
	return event, err
}
