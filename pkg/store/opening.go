package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/propersim/propersim/pkg/errs"
)

// busyTimeout is how long a process waits for the lock of another one on a file.
const busyTimeout = 10 * time.Second

// openingPoll is the pause between two attempts at the lock of a folder.
const openingPoll = 5 * time.Millisecond

// lockOpening keeps other processes from opening or closing a file of the same
// folder for writing until release is called. A new file is created, switched to
// WAL mode and migrated in several transactions, between which another process
// must not do the same; SQLite's own locks end with each transaction, and it
// reports a conflict over the mode of a file without waiting.
//
// ErrUnavailable where another process has the lock for longer than wait. A file
// system without such locks, as some network file systems are, gets none.
func lockOpening(ctx context.Context, path string, wait time.Duration) (release func(), err error) {
	none := func() {}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return none, nil // opening the file names what is wrong
	}
	deadline := time.Now().Add(wait)
	for {
		err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = folder.Close() }, nil // which gives the lock up
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			_ = folder.Close()
			return none, nil
		case time.Now().After(deadline):
			_ = folder.Close()
			return none, errs.WithPublic(fmt.Errorf("another process has been opening %s for %v; it may be stopped: %w", path, wait, errs.ErrUnavailable),
				"another process is opening the database")
		}
		select {
		case <-ctx.Done():
			_ = folder.Close()
			return none, errs.FromContext(ctx)
		case <-time.After(openingPoll):
		}
	}
}
