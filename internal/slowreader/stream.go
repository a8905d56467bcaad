package slowreader

import (
	"errors"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/errs"
)

// ErrUnread says that a stream ended because nobody read it. The handler returns
// an errs.Behind, which says where to read again from.
var ErrUnread = errors.New("nobody read the stream")

// errEnded ends a producer whose stream has ended already.
var errEnded = errors.New("the stream has ended")

// Serve runs produce in a goroutine of its own and returns what it returns. The
// handler of a stream calls it, and returns right after it. produce sends with the
// function that it is given, from its own goroutine alone, and must end when that
// function returns an error or the context of the stream is done.
//
// Serve returns early with ErrUnread when a Send was blocked for the watchdog's
// patience, and with the context's error when the context is done while a Send is
// blocked. The pending Send of the producer then returns an error, and the
// producer must end.
func Serve[T any](w *Watchdog, stream grpc.ServerStreamingServer[T], produce func(send func(*T) error) error) error {
	s := &sending{cut: make(chan struct{})}
	w.watch(s)
	defer w.leave(s)
	send := func(m *T) error {
		if !s.begin() {
			return errEnded
		}
		err := stream.Send(m)
		if !s.end() {
			return errEnded
		}
		return err
	}
	done := make(chan outcome, 1)
	go func() { done <- caught(produce, send) }()
	select {
	case o := <-done:
		if errors.Is(o.err, errEnded) {
			return ErrUnread // cut at the moment at which the Send returned
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

// caught carries a panic of the producer to the goroutine of the handler, which
// reports it.
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
