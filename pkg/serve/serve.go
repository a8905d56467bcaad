// Package serve runs and calls the services of this project: a gRPC server with
// health, reflection, validation, metrics, tracing, logging and recovery, on TCP
// or within a process, and clients that return the errors of pkg/errs.
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/propersim/propersim/pkg/errs"
)

// drain is how long a stopping server waits for the calls in flight.
const drain = 8 * time.Second

// Liveness is the name under which the health service reports that the process
// answers. It is SERVING until the process ends, also while calls drain: a
// supervisor must not kill a server because it drains, or because a store or a
// peer is unreachable. Every other name, and the empty one, means readiness:
// NOT_SERVING as soon as the server begins to stop.
const Liveness = "liveness"

// Config says what a server is named and where it listens. Its zero value is a
// server within the process, without logs and metrics.
type Config struct {
	// Name is used in logs and messages.
	Name string
	// Address is host:port, port 0 meaning any. Empty means that callers of this
	// process alone reach the server: their unary calls are calls of functions,
	// their streams go over a connection in memory.
	Address string
	// Insecure allows an address off loopback with neither token nor client
	// certificates.
	Insecure bool
	// Security says who may call over TCP; nil means everybody.
	Security *Security
	// Reflection lets tools such as grpcurl list the services.
	Reflection bool
	// Logger gets calls at debug level and failures, with their internal cause, at
	// warn level; nil means no logs.
	Logger *zap.Logger
	// Registry gets the metrics of calls; nil means no metrics. Several servers
	// may share one.
	Registry *prometheus.Registry
	// Tracer gets a span of every call; nil means no traces.
	Tracer trace.TracerProvider

	// wire sends unary calls over the connection in memory too; for tests.
	wire bool
}

// Registrar is a service that registers itself with a server.
type Registrar interface {
	Register(r grpc.ServiceRegistrar)
}

// Server is a gRPC server that listens.
type Server struct {
	cfg      Config
	log      *zap.Logger
	grpc     *grpc.Server
	health   *health.Server
	listener net.Listener
	memory   *memoryListener // nil on TCP
	here     *inProcess      // nil on TCP

	stopping context.Context // done once Run begins to stop
	stop     context.CancelFunc
	close    sync.Once
}

// New registers the services and listens; Run serves. Errors: ErrInvalid for an
// address that cannot be used, ErrPrecondition for one that another process uses.
func New(cfg Config, services ...Registrar) (*Server, error) {
	s := &Server{cfg: cfg, log: cfg.Logger, health: health.NewServer()}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.log = s.log.With(zap.String("server", cfg.Name))
	s.stopping, s.stop = context.WithCancel(context.Background())
	if err := s.listen(); err != nil {
		return nil, err
	}
	observer, err := newObserver(s.log, cfg.Registry)
	if err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	checker, err := newChecker()
	if err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	chain := &interceptors{observer: observer, checker: checker, security: cfg.Security, stopping: s.stopping}
	if s.memory != nil {
		chain.security = nil // callers of this process need no proof
	}
	s.grpc = grpc.NewServer(s.options(chain)...)
	s.register(chain, append(services, healthService{s.health}))
	if cfg.Reflection {
		reflection.Register(s.grpc)
	}
	for name, info := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
		observer.prepare(name, info)
	}
	s.health.SetServingStatus(Liveness, healthv1.HealthCheckResponse_SERVING)
	return s, nil
}

type healthService struct{ *health.Server }

func (h healthService) Register(r grpc.ServiceRegistrar) { healthv1.RegisterHealthServer(r, h.Server) }

func (s *Server) register(chain *interceptors, services []Registrar) {
	var to grpc.ServiceRegistrar = s.grpc
	if s.memory != nil && !s.cfg.wire {
		s.here = &inProcess{
			methods: make(map[string]unaryMethod), unary: chain.unary,
			traces: newCallTraces(s.cfg.Tracer), killed: make(chan struct{}), work: make(chan job), end: make(chan struct{}),
		}
		to = registrar{Server: s.grpc, here: s.here}
	}
	for _, service := range services {
		service.Register(to)
	}
}

func (s *Server) options(chain *interceptors) []grpc.ServerOption {
	opts := append(s.cfg.Security.serverOptions(), tracing(s.cfg.Tracer)...)
	window := int32(tcpWindow)
	if s.memory != nil {
		window = memoryWindow
	}
	opts = append(opts,
		grpc.UnaryInterceptor(chain.unary),
		grpc.StreamInterceptor(chain.stream),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.ReadBufferSize(bufferSize),
		grpc.WriteBufferSize(bufferSize),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
		grpc.NumStreamWorkers(workers),
		grpc.MaxConcurrentStreams(1024),
	)
	if s.memory == nil {
		opts = append(opts,
			grpc.KeepaliveParams(keepalive.ServerParameters{Time: quiet, Timeout: silence}),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: quiet / 2, PermitWithoutStream: true}))
	}
	return opts
}

func (s *Server) listen() error {
	if s.cfg.Address == "" {
		s.memory = newMemoryListener()
		s.listener = s.memory
		return nil
	}
	if err := checkAddress(s.cfg.Address, s.cfg.Insecure || s.cfg.Security.guards()); err != nil {
		return fmt.Errorf("%s: %w", s.cfg.Name, err)
	}
	listener, err := net.Listen("tcp", s.cfg.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: address %s is taken by another process: %w", s.cfg.Name, s.cfg.Address, errs.ErrPrecondition)
	}
	if err != nil {
		return fmt.Errorf("%s: cannot listen on %s: %v: %w", s.cfg.Name, s.cfg.Address, err, errs.ErrInvalid)
	}
	s.listener = listener
	return nil
}

// checkAddress refuses an address that other machines can reach, unless allowed.
func checkAddress(address string, allowed bool) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errs.Invalid("address", "found %q, want host:port", address)
	}
	if allowed || Loopback(address) {
		return nil
	}
	return errs.Invalid("address", "%q is not on loopback, so anybody could call; give --token-file or --tls-client-ca, or allow it with --insecure", address)
}

// Loopback reports whether only this machine can reach host:port.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Addr returns the address on which the server listens, with the port that the
// system chose for port 0; "bufconn" within a process.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx is done. It then cancels streams and waits up to eight
// seconds for the unary calls in flight. It returns nil after a stop by ctx. Call
// it once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("%s: %w", s.cfg.Name, err)
	case <-ctx.Done():
	}
	s.Close()
	if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("%s: %w", s.cfg.Name, err)
	}
	return nil
}

// unready reports every name but Liveness as NOT_SERVING.
func (s *Server) unready() {
	s.health.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_NOT_SERVING)
	}
}

// Close stops the server as the end of Run does, and frees the address of a
// server that never ran. It may be called several times.
func (s *Server) Close() {
	s.close.Do(func() {
		s.unready()
		s.stop()
		kill := time.AfterFunc(drain, func() {
			s.log.Warn("calls did not end in time and are canceled", zap.Duration("after", drain))
			s.grpc.Stop()
		})
		if s.here != nil {
			s.here.stop(drain)
		}
		s.grpc.GracefulStop()
		kill.Stop()
		_ = s.listener.Close() // of a server that never served
	})
}
