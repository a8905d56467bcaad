package cli

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// noSpace adds to an error of a full disk that nothing is lost, and how to resume.
func (c *conducting) noSpace(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) || !c.at.Used() {
		return err
	}
	return fmt.Errorf("%w\nEvery committed step is kept. Make room, then resume with `%s`", err, c.command("resume", string(c.at)))
}

// logWriter writes the log of the services. Where it cannot, on a full disk for
// example, it says so once instead of at every line: the runs need no log.
type logWriter struct {
	to     io.Writer
	path   string
	errOut io.Writer
	once   sync.Once
}

// Write implements io.Writer. It returns no error.
func (l *logWriter) Write(p []byte) (int, error) {
	if _, err := l.to.Write(p); err != nil {
		l.once.Do(func() {
			fmt.Fprintf(l.errOut, "\nwarning: the log %s cannot be written, lines are missing from it: %v\n", l.path, cause(err))
		})
	}
	return len(p), nil
}

// cause returns what the system says without the path and the operation.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
