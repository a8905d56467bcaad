// Package paging is the one way in which lists are paged: opaque page tokens, page
// sizes, and the limit on the bytes of a page.
package paging

import "google.golang.org/protobuf/proto"

// Sizes of a page.
const (
	// DefaultSize is the number of items where page_size is 0.
	DefaultSize = 100
	// MaxSize is the greatest number of items; a larger page_size means this one.
	MaxSize = 1000
	// MaxBytes is the encoded size at which a page ends: half of the 4 MiB that a
	// message may have.
	MaxBytes = 2 << 20
)

// Page counts what goes into one page of a list.
type Page struct {
	size  int
	items int
	bytes int
}

// New returns an empty page for the page_size of a request.
func New(size int32) *Page {
	switch {
	case size <= 0:
		size = DefaultSize
	case size > MaxSize:
		size = MaxSize
	}
	return &Page{size: int(size)}
}

// Limit returns how many items to read: those of a full page, and one more that
// shows whether another page follows.
func (p *Page) Limit() int { return p.size + 1 }

// Add reports whether item is part of the page, and counts it. When it returns
// false the page is full, and the token of the next page is the position of the
// item added last. The first item always fits, whatever its size.
func (p *Page) Add(item proto.Message) bool {
	bytes := p.bytes + proto.Size(item)
	if p.items == p.size || (p.items > 0 && bytes > MaxBytes) {
		return false
	}
	p.items, p.bytes = p.items+1, bytes
	return true
}
