package powercut

import (
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// locks are SQLite's locks on a file: any number of readers, or one writer who
// waits for them to end (pending).
type locks struct {
	shared    int
	reserved  *handle
	exclusive *handle // or pending
}

// Lock implements vfs.File.
func (h *handle) Lock(level vfs.LockLevel) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	l := &h.file.locks
	if h.lock >= level {
		return nil
	}
	other := func(owner *handle) bool { return owner != nil && owner != h }
	switch {
	case other(l.exclusive), level >= vfs.LOCK_RESERVED && other(l.reserved):
		return sqlite3.BUSY
	case level == vfs.LOCK_SHARED:
		l.shared++
	case level == vfs.LOCK_RESERVED:
		l.reserved = h
	default:
		l.exclusive = h
		if l.shared > 1 {
			h.lock = vfs.LOCK_PENDING
			return sqlite3.BUSY
		}
	}
	h.lock = level
	return nil
}

// Unlock implements vfs.File.
func (h *handle) Unlock(level vfs.LockLevel) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.lock <= level {
		return nil
	}
	l := &h.file.locks
	if l.reserved == h {
		l.reserved = nil
	}
	if l.exclusive == h {
		l.exclusive = nil
	}
	if level == vfs.LOCK_NONE {
		l.shared--
	}
	h.lock = level
	return nil
}

// CheckReservedLock implements vfs.File.
func (h *handle) CheckReservedLock() (bool, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return h.file.locks.reserved != nil || h.file.locks.exclusive != nil, nil
}
