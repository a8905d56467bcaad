package serve

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// observer counts and logs calls. Metrics are looked up once per method.
type observer struct {
	log     *zap.Logger
	handled *prometheus.CounterVec   // nil without a registry
	seconds *prometheus.HistogramVec // nil without a registry
	methods sync.Map                 // full name -> *method
}

// method is what the observer keeps of one rpc.
type method struct {
	full, service, name string
	ok                  prometheus.Counter  // nil without a registry
	seconds             prometheus.Observer // nil without a registry
}

// newObserver registers the metrics, or takes those another server registered.
func newObserver(log *zap.Logger, registry *prometheus.Registry) (*observer, error) {
	o := &observer{log: log}
	if registry == nil {
		return o, nil
	}
	o.handled = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grpc_server_handled_total", Help: "Calls completed on the server, by code.",
	}, []string{"grpc_service", "grpc_method", "grpc_code"})
	o.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "grpc_server_handling_seconds", Help: "Time from the arrival of a call to its answer, in seconds.",
		Buckets: []float64{.00005, .0002, .001, .005, .02, .1, .5, 2, 10, 60},
	}, []string{"grpc_service", "grpc_method"})
	var err error
	if o.handled, err = register(registry, o.handled); err != nil {
		return nil, err
	}
	o.seconds, err = register(registry, o.seconds)
	return o, err
}

func register[C prometheus.Collector](registry *prometheus.Registry, c C) (C, error) {
	err := registry.Register(c)
	var twice prometheus.AlreadyRegisteredError
	if errors.As(err, &twice) {
		if same, ok := twice.ExistingCollector.(C); ok {
			return same, nil
		}
	}
	return c, err
}

// prepare makes the metrics of a service, so that they are there at zero.
func (o *observer) prepare(service string, info grpc.ServiceInfo) {
	for _, m := range info.Methods {
		o.method("/" + service + "/" + m.Name)
	}
}

func (o *observer) method(full string) *method {
	if m, ok := o.methods.Load(full); ok {
		return m.(*method)
	}
	service, name, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	m := &method{full: full, service: service, name: name}
	if o.handled != nil {
		m.ok = o.handled.WithLabelValues(service, name, codes.OK.String())
		m.seconds = o.seconds.WithLabelValues(service, name)
	}
	kept, _ := o.methods.LoadOrStore(full, m)
	return kept.(*method)
}

func (o *observer) ok(m *method, start time.Time) {
	debug := o.log.Core().Enabled(zapcore.DebugLevel) // it may change
	if m.ok == nil && !debug {
		return
	}
	took := time.Since(start)
	if m.ok != nil {
		m.ok.Inc()
		m.seconds.Observe(took.Seconds())
	}
	if debug {
		o.log.Debug("call", zap.String("method", m.full), zap.Duration("took", took))
	}
}

func (o *observer) failed(m *method, start time.Time, cause, st error) {
	took := time.Since(start)
	code := status.Code(st)
	if o.handled != nil {
		o.handled.WithLabelValues(m.service, m.name, code.String()).Inc()
		m.seconds.Observe(took.Seconds())
	}
	level := zapcore.WarnLevel
	if code == codes.Canceled {
		level = zapcore.DebugLevel
	}
	entry := o.log.Check(level, "call failed")
	if entry == nil {
		return
	}
	fields := []zap.Field{zap.String("method", m.full), zap.Stringer("code", code), zap.Duration("took", took), zap.Error(cause)}
	var panicked *recovery.PanicError
	if errors.As(cause, &panicked) {
		fields[3] = zap.Any("panic", panicked.Panic)
		fields = append(fields, zap.ByteString("stack", panicked.Stack))
	}
	entry.Write(fields...)
}
