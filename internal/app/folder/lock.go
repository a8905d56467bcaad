package folder

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/propersim/propersim/pkg/errs"
)

// Lock keeps other processes from conducting runs in the folder until release
// is called or the process ends, however it ends. A part names one service, each
// of which may have a process of its own; empty means the whole folder.
// ErrPrecondition, with the number of the other process, when it is taken.
func (f Folder) Lock(part string) (release func(), err error) {
	if part != "" {
		return f.lock(part + ".lock")
	}
	// The whole folder is held by holding each part.
	var held []func()
	release = func() {
		for _, r := range held {
			r()
		}
	}
	for _, name := range []string{"environment", "user", "buffer", "trainer"} {
		one, err := f.lock(name + ".lock")
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, one)
	}
	return release, nil
}

func (f Folder) lock(name string) (release func(), err error) {
	file, err := os.OpenFile(f.path("state", name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run folder %s cannot be locked: %w", f, cause(err))
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("run folder %s is in use by process %s: %w", f, holder(file), errs.ErrPrecondition)
		}
		return nil, fmt.Errorf("run folder %s cannot be locked: %w", f, err)
	}
	if err := errors.Join(file.Truncate(0), writeHolder(file)); err != nil {
		return nil, errors.Join(fmt.Errorf("run folder %s cannot be locked: %w", f, cause(err)), file.Close())
	}
	return func() { file.Close() }, nil
}

func writeHolder(file *os.File) error {
	_, err := file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func holder(file *os.File) string {
	data := make([]byte, 32)
	n, err := file.ReadAt(data, 0)
	if n == 0 && err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data[:n]))
}
