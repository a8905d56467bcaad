package serve

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/propersim/propersim/pkg/errs"
)

// Sizes of messages and buffers, bytes.
const (
	maxRequest  = 4 << 20  // what a server takes
	maxResponse = 16 << 20 // what a server sends and a client takes
	bufferSize  = 32 << 10
	window      = 4 << 20 // flow control; fixed, so that no pings measure it
)

// workers are the goroutines that a server keeps for calls, so that stacks are
// grown once.
const workers = 64

// DialOption changes how a server is called.
type DialOption func(*dialing)

type dialing struct {
	insecure bool
	timeout  time.Duration
	extra    []grpc.DialOption
}

// Insecure allows a server off loopback with neither token nor TLS.
func Insecure() DialOption { return func(d *dialing) { d.insecure = true } }

// Timeout is the deadline of a unary call whose context has none; 30 s by
// default, 0 for none.
func Timeout(t time.Duration) DialOption { return func(d *dialing) { d.timeout = t } }

// With passes further options to gRPC.
func With(opts ...grpc.DialOption) DialOption {
	return func(d *dialing) { d.extra = append(d.extra, opts...) }
}

// Dial returns a connection to a server at host:port. It connects on first use
// and again after a break, within two seconds. A failed call returns an error
// of pkg/errs. ErrInvalid for an address that cannot be used.
func Dial(address string, opts ...DialOption) (*grpc.ClientConn, error) {
	d := dialing{timeout: 30 * time.Second}
	for _, opt := range opts {
		opt(&d)
	}
	if err := checkAddress(address, d.insecure); err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	params := append(clientOptions(d.timeout),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}))
	conn, err := grpc.NewClient("passthrough:///"+address, append(params, d.extra...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %v: %w", address, err, errs.ErrInvalid)
	}
	return conn, nil
}

// Dial returns a connection to this server, in memory or over TCP as it
// listens. A call in memory has no deadline but that of its context.
func (s *Server) Dial() (*grpc.ClientConn, error) {
	if s.memory == nil {
		return Dial(s.Addr(), Insecure(), Traced(s.cfg.Tracer))
	}
	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return s.memory.DialContext(ctx)
	})
	traced := dialing{extra: append(clientOptions(0), dialer)}
	Traced(s.cfg.Tracer)(&traced)
	conn, err := grpc.NewClient("passthrough:///"+s.cfg.Name, traced.extra...)
	if err != nil {
		return nil, fmt.Errorf("dial %s in memory: %w", s.cfg.Name, err)
	}
	return conn, nil
}

func clientOptions(timeout time.Duration) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(callUnary(timeout)),
		grpc.WithStreamInterceptor(callStream),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponse), grpc.MaxCallSendMsgSize(maxResponse)),
		grpc.WithReadBufferSize(bufferSize),
		grpc.WithWriteBufferSize(bufferSize),
		grpc.WithStaticStreamWindowSize(window),
		grpc.WithStaticConnWindowSize(window),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), // whoever calls decides what may be repeated
		grpc.WithIdleTimeout(0),
	}
}

// callUnary adds the default deadline and reads errors.
func callUnary(timeout time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if timeout > 0 {
			if _, ok := ctx.Deadline(); !ok {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
		}
		return errs.FromStatus(invoke(ctx, method, req, reply, cc, opts...))
	}
}

// callStream reads errors; a stream has no default deadline.
func callStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, cc, method, opts...)
	if err != nil {
		return nil, errs.FromStatus(err)
	}
	return &clientStream{stream}, nil
}

type clientStream struct{ grpc.ClientStream }

func (s *clientStream) SendMsg(m any) error { return errs.FromStatus(s.ClientStream.SendMsg(m)) }
func (s *clientStream) RecvMsg(m any) error { return errs.FromStatus(s.ClientStream.RecvMsg(m)) }
func (s *clientStream) CloseSend() error    { return errs.FromStatus(s.ClientStream.CloseSend()) }
