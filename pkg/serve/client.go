package serve

import (
	"context"
	"fmt"
	"io"
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
	// maxMessage is the largest message, either way: an entry of the journal has at
	// most 32 MiB, and whatever was committed can be read.
	maxMessage = 33 << 20
	bufferSize = 32 << 10
	// Flow-control windows of a stream and of a connection. They are fixed, so
	// that gRPC sends no pings to estimate them.
	tcpWindow    = 1 << 20
	memoryWindow = 4 << 20
)

// Keepalive of both sides of a connection: after quiet without traffic a side
// sends a ping, and after another silence without an answer it closes the
// connection. Calls and streams over it then end with ErrUnavailable.
const (
	quiet   = 10 * time.Second
	silence = 10 * time.Second
)

// strangerQuiet replaces quiet for a server that is not ours: by default gRPC
// servers close a connection that sends pings more often than every five minutes.
const strangerQuiet = 5*time.Minute + time.Second

// maxPause is the longest pause between two attempts to connect.
const maxPause = 2 * time.Second

// workers is how many goroutines a server keeps for calls. Their stacks have
// grown already.
const workers = 64

// DialOption changes how a server is called.
type DialOption func(*dialing)

type dialing struct {
	insecure bool
	spread   bool
	quiet    time.Duration
	timeout  time.Duration
	extra    []grpc.DialOption
}

// Spread balances calls in turn over several addresses: "host1:port,host2:port",
// or a name with several addresses in DNS. Use it for services whose instances
// share all their state.
func Spread() DialOption { return func(d *dialing) { d.spread = true } }

// Stranger relaxes keepalive for a server that may not be ours: it gets a ping
// only after five minutes, because standard gRPC servers reject frequent ones. Set
// deadlines on its calls.
func Stranger() DialOption { return func(d *dialing) { d.quiet = strangerQuiet } }

// Insecure allows a server off loopback with neither token nor TLS.
func Insecure() DialOption { return func(d *dialing) { d.insecure = true } }

// Timeout is the deadline of a unary call whose context has none; 30 s by
// default, 0 for none.
func Timeout(t time.Duration) DialOption { return func(d *dialing) { d.timeout = t } }

// With passes further options to gRPC.
func With(opts ...grpc.DialOption) DialOption {
	return func(d *dialing) { d.extra = append(d.extra, opts...) }
}

// Dial returns a connection to a server at host:port. It connects on first use,
// and reconnects within two seconds after the server returns; it resolves a name
// at each connect. A failed call returns an error of pkg/errs and is not retried.
// Dial returns ErrInvalid for an address that cannot be used, and for several
// addresses without Spread.
func Dial(address string, opts ...DialOption) (*grpc.ClientConn, error) {
	d := dialing{quiet: quiet, timeout: 30 * time.Second}
	for _, opt := range opts {
		opt(&d)
	}
	target, finding, err := d.target(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	params := append(clientOptions(&d, tcpWindow),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: d.quiet, Timeout: silence, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxPause},
			MinConnectTimeout: 5 * time.Second,
		}))
	params = append(params, finding...)
	conn, err := grpc.NewClient(target, append(params, d.extra...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %v: %w", address, err, errs.ErrInvalid)
	}
	return conn, nil
}

// Conn is a connection to a server, over TCP or within a process.
type Conn interface {
	grpc.ClientConnInterface
	io.Closer
}

// Dial returns a connection to this server: within the process, or over TCP if
// it listens on an address. A call within the process has no deadline but that
// of its context.
func (s *Server) Dial() (Conn, error) {
	if s.memory == nil {
		opts := []DialOption{Insecure(), Traced(s.cfg.Tracer)}
		return Dial(s.Addr(), opts...)
	}
	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return s.memory.DialContext(ctx)
	})
	d := dialing{}
	d.extra = append(clientOptions(&d, memoryWindow), dialer)
	Traced(s.cfg.Tracer)(&d)
	conn, err := grpc.NewClient("passthrough:///"+s.cfg.Name, d.extra...)
	if err != nil {
		return nil, fmt.Errorf("dial %s in memory: %w", s.cfg.Name, err)
	}
	if s.here == nil {
		return conn, nil
	}
	return &localConn{ClientConn: conn, here: s.here}, nil
}

func clientOptions(d *dialing, window int32) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(callUnary(d.timeout)),
		grpc.WithStreamInterceptor(callStream),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithReadBufferSize(bufferSize),
		grpc.WithWriteBufferSize(bufferSize),
		grpc.WithStaticStreamWindowSize(window),
		grpc.WithStaticConnWindowSize(window),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), // the caller decides what to retry
		grpc.WithIdleTimeout(0),
	}
}

// callUnary adds the default deadline and converts errors to those of pkg/errs.
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

// callStream converts errors to those of pkg/errs. A stream has no default
// deadline; keepalive ends it when the peer does not answer.
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
