package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/errs"
)

// interceptors does everything around a handler in one function each for unary
// calls and streams. A chain would cost a closure per link and call.
type interceptors struct {
	observer *observer
	checker  *checker
	security *Security
	stopping context.Context
}

// recoverUnary and recoverStream turn a panic into an error with its stack.
var (
	recoverUnary  = recovery.UnaryServerInterceptor()
	recoverStream = recovery.StreamServerInterceptor()
)

func (i *interceptors) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	start := time.Now()
	method := i.observer.begin(info.FullMethod)
	var resp any
	err := i.security.admit(ctx, info.FullMethod)
	if err == nil {
		err = i.checker.check(req)
	}
	if err == nil {
		resp, err = recoverUnary(ctx, req, info, handler)
	}
	if err == nil {
		i.observer.ok(method, start, req)
		return resp, nil
	}
	return nil, i.failed(ctx, method, start, req, err)
}

func (i *interceptors) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	start := time.Now()
	method := i.observer.begin(info.FullMethod)
	if err := i.security.admit(ss.Context(), info.FullMethod); err != nil {
		return i.failed(ss.Context(), method, start, nil, err)
	}
	ctx, cancel := context.WithCancel(ss.Context())
	defer cancel()
	defer context.AfterFunc(i.stopping, cancel)()
	err := recoverStream(srv, &serverStream{ServerStream: ss, ctx: ctx, checker: i.checker}, info, handler)
	if err == nil {
		i.observer.ok(method, start, nil)
		return nil
	}
	if i.stopping.Err() != nil && ss.Context().Err() == nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("the server is stopping: %w", errs.ErrUnavailable)
	}
	return i.failed(ss.Context(), method, start, nil, err)
}

// failed counts the call, logs the complete cause, and returns the status with
// the public text. An unknown cause after the end of the call's context, such as
// an interrupted query, counts as that end.
func (i *interceptors) failed(ctx context.Context, m *method, start time.Time, req any, cause error) error {
	st := errs.ToStatus(cause)
	if status.Code(st) == codes.Internal && ctx.Err() != nil {
		st = errs.ToStatus(ctx.Err())
	}
	i.observer.failed(m, start, req, cause, st)
	return st
}

// serverStream validates every message received. Its context ends when the server
// stops.
type serverStream struct {
	grpc.ServerStream
	ctx     context.Context
	checker *checker
}

func (s *serverStream) Context() context.Context { return s.ctx }

func (s *serverStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.checker.check(m)
}
