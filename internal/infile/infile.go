// Package infile reads files that a person names: with a limit, because the path may
// be that of a device without end, and so that a signal ends the reading, because
// it may be that of a pipe into which nobody writes.
package infile

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/propersim/propersim/pkg/errs"
)

// Read returns the content of a file. Errors: errs.Violations for more than limit
// bytes, ErrCanceled or ErrDeadline where ctx ends first, and those of the file.
func Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	return Await(ctx, func() ([]byte, error) { return read(path, limit) })
}

func read(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errs.Invalid(path, "the file is too large, want at most %d bytes", limit)
	}
	return data, nil
}

// maxSecret is the most bytes of a file with a key, a token or certificates.
const maxSecret = 1 << 20

// piped are the secrets that came from pipes, by path.
var piped sync.Map

// Secret returns the content of a file with a key, a token or certificates. Parts
// of a process read such a file independently of each other; a pipe, such as
// <(pass show key) of a shell, gives its content once, so that it is remembered.
// Errors: errs.Violations for more than 1 MiB, and those of the file.
func Secret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		return read(path, maxSecret)
	}
	once, _ := piped.LoadOrStore(path, sync.OnceValues(func() ([]byte, error) { return read(path, maxSecret) }))
	return once.(func() ([]byte, error))()
}

// Await returns what work returns, or ErrCanceled or ErrDeadline as soon as ctx ends.
// The work then goes on in the background until it ends or the process does: it
// must change nothing that anybody else reads.
func Await[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := work()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errs.FromContext(ctx)
	}
}
