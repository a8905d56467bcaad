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

	"github.com/propersim/propersim/internal/prom"
)

// observer counts and logs calls. It looks the metrics of a method up once.
type observer struct {
	log      *zap.Logger
	handled  *prometheus.CounterVec   // nil without a registry
	seconds  *prometheus.HistogramVec // nil without a registry
	inFlight *prometheus.GaugeVec     // nil without a registry
	methods  sync.Map                 // full name -> *method
}

// method is what the observer keeps of one rpc.
type method struct {
	full, service, name string
	ok                  prometheus.Counter  // nil without a registry
	seconds             prometheus.Observer // nil without a registry
	inFlight            prometheus.Gauge    // of the whole service; nil without a registry
}

// newObserver registers the metrics, or uses those that another server has
// registered.
func newObserver(log *zap.Logger, registry *prometheus.Registry) (*observer, error) {
	o := &observer{log: log}
	if registry == nil {
		return o, nil
	}
	m := prom.Maker{Registry: registry}
	o.handled = m.Counter("rpc_server_handled_total", "Calls that ended, by the code of their answer.", "service", "method", "code")
	o.seconds = m.Histogram("rpc_server_handling_seconds", "Time from the arrival of a call to its answer; of a stream, to its end.",
		[]float64{.00005, .0002, .001, .005, .02, .1, .5, 2, 10, 60}, "service", "method")
	o.inFlight = m.Gauge("rpc_server_in_flight", "Calls that are being answered.", "service")
	return o, m.Err
}

// prepare creates the metrics of a service, so that they are exported at zero.
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
		m.inFlight = o.inFlight.WithLabelValues(service)
	}
	kept, _ := o.methods.LoadOrStore(full, m)
	return kept.(*method)
}

// begin counts a call as in flight. Call ok or failed once after it.
func (o *observer) begin(full string) *method {
	m := o.method(full)
	if m.inFlight != nil {
		m.inFlight.Inc()
	}
	return m
}

// ok counts a call that succeeded, and logs it at debug level.
func (o *observer) ok(m *method, start time.Time, req any) {
	debug := o.log.Core().Enabled(zapcore.DebugLevel) // the level may change at run time
	if m.ok == nil && !debug {
		return
	}
	took := time.Since(start)
	if m.ok != nil {
		m.inFlight.Dec()
		m.ok.Inc()
		m.seconds.Observe(took.Seconds())
	}
	if debug {
		o.log.Debug("call", append(subject(req), zap.String("method", m.full), zap.Duration("took", took))...)
	}
}

// failed counts a call that failed, and logs its cause.
func (o *observer) failed(m *method, start time.Time, req any, cause, st error) {
	took := time.Since(start)
	code := status.Code(st)
	if o.handled != nil {
		m.inFlight.Dec()
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
	fields := append(subject(req), zap.String("method", m.full), zap.Stringer("code", code), zap.Duration("took", took))
	var panicked *recovery.PanicError
	if errors.As(cause, &panicked) {
		fields = append(fields, zap.Any("panic", panicked.Panic), zap.ByteString("stack", panicked.Stack))
	} else {
		fields = append(fields, zap.Error(cause))
	}
	entry.Write(fields...)
}

// subject returns the run and the step of a request that has them.
func subject(req any) []zap.Field {
	var fields []zap.Field
	if r, ok := req.(interface{ GetRunId() string }); ok {
		fields = append(fields, zap.String("run", r.GetRunId()))
	}
	if r, ok := req.(interface{ GetStep() int32 }); ok {
		fields = append(fields, zap.Int32("step", r.GetStep()))
	}
	return fields
}
