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
	"strconv"
	"strings"
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

// TemporaryOf returns the name of the file that a temporary file, beside it, was to
// become: "a" of ".a-123". False for any other name. A killed process leaves such
// files.
func TemporaryOf(name string) (string, bool) {
	name, hidden := strings.CutPrefix(name, ".")
	at := strings.LastIndexByte(name, '-')
	if !hidden || at <= 0 {
		return "", false
	}
	_, err := strconv.ParseUint(name[at+1:], 10, 64)
	return name[:at], err == nil
}

// RemoveLeftOver removes the temporary files that a killed process has left of a
// path that is no symbolic link. No process may be writing the file.
func RemoveLeftOver(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if name, ok := TemporaryOf(e.Name()); ok && name == filepath.Base(path) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// aside makes a temporary file.
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
func (f *File) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	return n, f.fault(err)
}

// Commit puts the file in place. When it returns nil the file survives a power
// cut: its content is synced before it is renamed, its folder after.
func (f *File) Commit() error { return commit(f) }

// commit puts files in place. No file is renamed before the last one is synced, so
// that a full disk leaves all of them as they were.
func commit(files ...*File) error {
	var err error
	for _, f := range files {
		err = errors.Join(err, f.finish())
	}
	for _, f := range files {
		if err == nil {
			err = f.place()
		} else {
			err = errors.Join(err, f.remove())
		}
	}
	return err
}

// finish makes the content durable and closes the file.
func (f *File) finish() error {
	if f.closed {
		return f.fault(fs.ErrClosed)
	}
	f.closed = true
	switch {
	case f.path == Stdout:
		return nil
	case f.direct:
		return f.fault(f.to.Close())
	}
	return f.fault(errors.Join(f.to.Sync(), f.to.Close()))
}

// place gives a finished file its name.
func (f *File) place() error {
	if f.direct {
		return nil
	}
	if err := os.Rename(f.to.Name(), f.target); err != nil {
		return errors.Join(f.fault(err), f.remove())
	}
	return f.fault(SyncDir(filepath.Dir(f.target)))
}

// remove removes the temporary file where there is one.
func (f *File) remove() error {
	if f.direct {
		return nil
	}
	if err := os.Remove(f.to.Name()); !errors.Is(err, fs.ErrNotExist) {
		return f.fault(err)
	}
	return nil
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
	return errors.Join(f.fault(f.to.Close()), f.remove())
}

// Set is a number of files that are put in place together. The zero value has
// none.
type Set struct{ files []*File }

// Create begins to write a file of the set. See the function Create.
func (s *Set) Create(path string, perm fs.FileMode) (*File, error) {
	f, err := Create(path, perm)
	if err == nil {
		s.files = append(s.files, f)
	}
	return f, err
}

// Commit puts the files in place: all of them, or none where one cannot be
// written, for example on a full disk. Each is as durable as after File.Commit.
// When it returns an error, a power cut or a folder that changed meanwhile may have
// left some in place.
func (s *Set) Commit() error { return commit(s.files...) }

// Abort gives the files up that are not in place; after Commit it does nothing.
func (s *Set) Abort() error {
	var err error
	for _, f := range s.files {
		err = errors.Join(err, f.Abort())
	}
	return err
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
		return errors.Join(err, f.Abort())
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
