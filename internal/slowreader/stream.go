package slowreader

import (
	"errors"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
)

// ErrUnread is the end of a stream that nobody read. Its handler says where to
// go on, with an errs.Behind.
var ErrUnread = errors.New("nobody read the stream")

// errOver ends a producer whose stream is over already.
var errOver = errors.New("the stream is over")

// Serve runs produce in a goroutine of its own and returns what it returns.
// produce sends by the function it is given, from its own goroutine alone, and
// ends when that returns an error or the stream's context is done. Serve is
// called by a handler, which returns right after it. It returns early, with
// ErrUnread, when a message was held back for the watchdog's patience, and with
// the context's error when the context is done while one is held back; the
// producer's last act is then to learn that its Send failed.
func Serve[T any](w *Watchdog, stream grpc.ServerStreamingServer[T], produce func(send func(*T) error) error) error {
	s := &sending{cut: make(chan struct{})}
	w.watch(s)
	defer w.leave(s)
	send := func(m *T) error {
		if !s.begin() {
			return errOver
		}
		err := stream.Send(m)
		if !s.end() {
			return errOver
		}
		return err
	}
	done := make(chan outcome, 1)
	go func() { done <- caught(produce, send) }()
	select {
	case o := <-done:
		if errors.Is(o.err, errOver) {
			return ErrUnread // cut at the moment the Send came through
		}
		return o.get()
	case <-s.cut:
		return ErrUnread
	case <-stream.Context().Done():
	}
	if s.stop() {
		return errs.FromContext(stream.Context())
	}
	if o := <-done; o.err == nil || o.panicked != nil {
		return o.get()
	}
	return errs.FromContext(stream.Context())
}

// outcome is how a producer ended.
type outcome struct {
	err      error
	panicked any // with the stack
}

// caught keeps a panic for the handler's goroutine, where it is reported.
func caught[T any](produce func(func(*T) error) error, send func(*T) error) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{panicked: fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
	}()
	return outcome{err: produce(send)}
}

func (o outcome) get() error {
	if o.panicked != nil {
		panic(o.panicked)
	}
	return o.err
}
