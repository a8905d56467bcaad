package serve

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// call is one call in process. It is its own grpc.ServerTransportStream, which
// keeps the header and the trailer that the handler sets.
type call struct {
	method string
	ctx    context.Context // of the server's side
	cancel context.CancelFunc
	done   chan struct{}
	resp   proto.Message // before done is closed
	err    error         // before done is closed

	mu      sync.Mutex
	req     proto.Message // guarded by mu; nil once the caller has returned
	header  metadata.MD   // guarded by mu
	trailer metadata.MD   // guarded by mu
}

// serverContext is the context of a caller as the server sees it: with its
// deadline and its end, without its values, which a connection does not carry.
type serverContext struct{ context.Context }

func (serverContext) Value(any) any { return nil }

// AfterFunc spares package context a goroutine for every context below this one.
func (c serverContext) AfterFunc(f func()) func() bool { return context.AfterFunc(c.Context, f) }

var herePeer = &peer.Peer{Addr: hereAddr{}, LocalAddr: hereAddr{}}

type hereAddr struct{}

func (hereAddr) Network() string { return "inprocess" }
func (hereAddr) String() string  { return "inprocess" }

func newCall(ctx context.Context, method string, req proto.Message) *call {
	c := &call{method: method, req: req, done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(serverContext{ctx})
	if md, ok := metadata.FromOutgoingContext(ctx); ok {
		c.ctx = metadata.NewIncomingContext(c.ctx, md)
	}
	return c
}

// handle runs the handler with everything around it.
func (c *call) handle(m unaryMethod, p *inProcess) {
	ctx := grpc.NewContextWithServerTransportStream(peer.NewContext(c.ctx, herePeer), c)
	ctx, end := p.traces.server(ctx, c.method)
	resp, err := m.handler(m.service, ctx, c.decode, p.unary)
	end(err)
	message, ok := resp.(proto.Message)
	switch {
	case err != nil:
		c.err = err
	case !ok || !message.ProtoReflect().IsValid():
		c.err = status.Error(codes.Internal, "the handler returned no message")
	default:
		c.resp = message
	}
}

// decode copies the request, while its caller cannot change it.
func (c *call) decode(into any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.req == nil {
		return status.Error(codes.Canceled, "the caller has returned")
	}
	proto.Merge(into.(proto.Message), c.req)
	return nil
}

// abandon takes the request away from a handler that may not have copied it yet:
// its caller is free to change it.
func (c *call) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.req = nil
}

// report fills in what call options ask for.
func (c *call) report(opts []grpc.CallOption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, opt := range opts {
		switch o := opt.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = c.header
		case grpc.TrailerCallOption:
			*o.TrailerAddr = c.trailer
		case grpc.PeerCallOption:
			*o.PeerAddr = *herePeer
		}
	}
}

// Method implements grpc.ServerTransportStream.
func (c *call) Method() string { return c.method }

// SetHeader implements grpc.ServerTransportStream.
func (c *call) SetHeader(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header = metadata.Join(c.header, md)
	return nil
}

// SendHeader implements grpc.ServerTransportStream. A caller of a unary method
// reads the header after the answer.
func (c *call) SendHeader(md metadata.MD) error { return c.SetHeader(md) }

// SetTrailer implements grpc.ServerTransportStream.
func (c *call) SetTrailer(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trailer = metadata.Join(c.trailer, md)
	return nil
}
