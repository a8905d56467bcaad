// Package outfile writes files that a crash leaves whole: either as they were, or
// as they were meant to be. Every file that the program publishes goes through
// it.
package outfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Stdout is the path that means standard output.
const Stdout = "-"

// File is a file that is being written. It is not in place before Commit.
type File struct {
	path   string // as the caller named it
	target string // what the path leads to
	to     *os.File
	direct bool // writes go to the target itself
	closed bool
}

// Create begins to write the file at path. A regular file is replaced as a whole
// by Commit and keeps its mode; a new one gets perm. A symbolic link stays, and
// what it leads to is replaced. What is not a regular file, such as a device or a
// named pipe, is written through, and so is standard output, named by "-".
func Create(path string, perm fs.FileMode) (*File, error) {
	if path == Stdout {
		return &File{path: path, to: os.Stdout, direct: true}, nil
	}
	f := &File{path: path}
	var err error
	if f.target, err = resolve(path); err != nil {
		return nil, f.fault(err)
	}
	info, err := os.Stat(f.target)
	switch {
	case err == nil && !info.Mode().IsRegular():
		f.direct = true
		f.to, err = os.OpenFile(f.target, os.O_WRONLY, 0)
	case err == nil:
		perm = info.Mode().Perm()
		fallthrough
	case errors.Is(err, fs.ErrNotExist):
		f.to, err = aside(f.target, perm)
	}
	if err != nil {
		return nil, f.fault(err)
	}
	return f, nil
}

// aside makes a temporary file beside the target, on the same file system.
func aside(target string, perm fs.FileMode) (*os.File, error) {
	to, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-*")
	if err != nil {
		return nil, err
	}
	if err := to.Chmod(perm); err != nil {
		return nil, errors.Join(err, to.Close(), os.Remove(to.Name()))
	}
	return to, nil
}

// resolve follows symbolic links, a dangling one too, to what a path leads to.
func resolve(path string) (string, error) {
	const most = 40 // links, as Linux allows
	for range most {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return path, err
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", errors.New("too many symbolic links")
}

// Write writes on.
func (f *File) Write(p []byte) (int, error) { return f.to.Write(p) }

// Commit puts the file in place. When it returns nil the file survives a power
// cut: its content is synced before it is renamed, its folder after.
func (f *File) Commit() error {
	if f.closed {
		return f.fault(fs.ErrClosed)
	}
	f.closed = true
	if f.direct {
		if f.path == Stdout {
			return nil
		}
		return f.fault(f.to.Close())
	}
	err := errors.Join(f.to.Sync(), f.to.Close())
	if err == nil {
		err = os.Rename(f.to.Name(), f.target)
	}
	if err != nil {
		return f.fault(errors.Join(err, os.Remove(f.to.Name())))
	}
	return f.fault(SyncDir(filepath.Dir(f.target)))
}

// Abort gives the file up; after Commit it does nothing. What stood at the path
// stays.
func (f *File) Abort() error {
	if f.closed {
		return nil
	}
	f.closed = true
	if f.path == Stdout {
		return nil
	}
	err := f.to.Close()
	if !f.direct {
		err = errors.Join(err, os.Remove(f.to.Name()))
	}
	return f.fault(err)
}

func (f *File) fault(err error) error {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the message names the path that the caller knows
	}
	return fmt.Errorf("%s cannot be written: %w", f.path, err)
}

// Replace writes a file as a whole with what write gives; when write fails, the
// file stays as it was. See Create.
func Replace(path string, perm fs.FileMode, write func(io.Writer) error) error {
	f, err := Create(path, perm)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return errors.Join(fmt.Errorf("%s cannot be written: %w", path, err), f.Abort())
	}
	return f.Commit()
}

// WriteFile replaces the content of a file as a whole. See Create.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Replace(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// SyncDir makes the names in a folder durable: files that were made, renamed or
// removed.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// MkdirAll makes a folder and those above it that do not exist yet, like
// os.MkdirAll. When it returns nil the folders that it made survive a power cut.
func MkdirAll(path string, perm fs.FileMode) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return nil
	}
	parent := filepath.Dir(path)
	if parent == path {
		return os.Mkdir(path, perm)
	}
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	if err := os.Mkdir(path, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}
