package serve

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
)

// inProcess answers the unary calls of clients in the same process by calling
// the handlers. What HTTP/2 gives is kept: interceptors, deadlines, metadata,
// status details, limits of message sizes, and messages that the two sides do
// not share.
type inProcess struct {
	methods map[string]unaryMethod // by full name
	unary   grpc.UnaryServerInterceptor
	traces  *callTraces

	mu      sync.RWMutex
	stopped bool // guarded by mu
	calls   sync.WaitGroup
	killed  chan struct{} // closed when calls in flight are cut off

	work chan job // taken by an idle worker
	idle atomic.Int32
	end  chan struct{} // closed when the workers are to end
}

type job struct {
	call   *call
	method unaryMethod
}

type unaryMethod struct {
	service any
	handler grpc.MethodHandler
}

// registrar registers services with a gRPC server and in process.
type registrar struct {
	*grpc.Server
	here *inProcess
}

func (r registrar) RegisterService(desc *grpc.ServiceDesc, service any) {
	r.Server.RegisterService(desc, service)
	for _, m := range desc.Methods {
		r.here.methods["/"+desc.ServiceName+"/"+m.MethodName] = unaryMethod{service: service, handler: m.Handler}
	}
}

// begin counts a call as in flight; it returns false once the server stops. Each
// true needs one calls.Done.
func (p *inProcess) begin() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.stopped {
		return false
	}
	p.calls.Add(1)
	return true
}

// stop refuses new calls, waits for those in flight, and cuts off those that
// take longer than limit. It reports whether all ended by themselves. It may be
// called once.
func (p *inProcess) stop(limit time.Duration) bool {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	defer close(p.end)
	idle := make(chan struct{})
	go func() {
		p.calls.Wait()
		close(idle)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
		return true
	case <-timer.C:
		close(p.killed)
		return false
	}
}

// localConn makes unary calls in process. Streams, which are rare, go over a
// connection in memory.
type localConn struct {
	*grpc.ClientConn
	here *inProcess
}

// Invoke calls the handler of a method. It returns errors of pkg/errs.
func (c *localConn) Invoke(ctx context.Context, method string, req, reply any, opts ...grpc.CallOption) error {
	ctx, end := c.here.traces.client(ctx, method)
	err := c.here.invoke(ctx, method, req.(proto.Message), reply.(proto.Message), opts)
	end(err)
	return errs.FromStatus(err)
}

// invoke lets the handler work in a goroutine of its own, so that a call ends at
// its deadline even if the handler ignores it.
func (p *inProcess) invoke(ctx context.Context, name string, req, reply proto.Message, opts []grpc.CallOption) error {
	m, known := p.methods[name]
	if !known {
		return status.Errorf(codes.Unimplemented, "unknown method %s", name)
	}
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	if err := checkSize("request", req, maxMessage); err != nil {
		return err
	}
	if !p.begin() {
		return status.Error(codes.Unavailable, "the server has stopped")
	}
	c := newCall(ctx, name, req)
	defer c.cancel()
	p.dispatch(job{call: c, method: m})
	select {
	case <-c.done:
	case <-ctx.Done():
		c.abandon()
		return status.FromContextError(ctx.Err()).Err()
	case <-p.killed:
		c.abandon()
		return status.Error(codes.Unavailable, "the server has stopped")
	}
	c.report(opts)
	if c.err != nil {
		return c.err
	}
	if err := checkSize("answer", c.resp, maxMessage); err != nil {
		return err
	}
	proto.Reset(reply)
	proto.Merge(reply, c.resp)
	return nil
}

// dispatch gives a call to an idle worker, or to a new one. Workers are kept, as
// those of a gRPC server are: to grow a new goroutine's stack would cost half of
// a call.
func (p *inProcess) dispatch(j job) {
	select {
	case p.work <- j:
	default:
		go p.worker(j)
	}
}

func (p *inProcess) worker(j job) {
	for {
		p.handle(j)
		if p.idle.Add(1) > workers {
			p.idle.Add(-1)
			return
		}
		select {
		case j = <-p.work:
			p.idle.Add(-1)
		case <-p.end:
			return
		}
	}
}

func (p *inProcess) handle(j job) {
	defer p.calls.Done()
	defer close(j.call.done)
	j.call.handle(j.method, p)
}

// checkSize refuses what a connection would refuse, so that a message that is
// too large for it is found in process as well.
func checkSize(what string, m proto.Message, limit int) error {
	if size := proto.Size(m); size > limit {
		return status.Errorf(codes.ResourceExhausted, "the %s has %d bytes, at most %d are allowed", what, size, limit)
	}
	return nil
}
