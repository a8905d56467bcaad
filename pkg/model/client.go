package model

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/errs"
)

// Deps is what a Client works with. Zero values are usable, but for Answers.
type Deps struct {
	// Answers is the DSN of the answer store, as store.Open takes it.
	Answers string
	// Registry gets the metrics; nil keeps them out of sight.
	Registry prometheus.Registerer
	// Tracer makes a span of each request; nil makes none.
	Tracer trace.TracerProvider
	// Logger reports slow downs and recoveries; nil reports nothing.
	Logger *zap.Logger
	// Patience is how long a call waits for an endpoint that fails before it
	// returns a transient Error, so that the run can show what it waits for; 0 is
	// five seconds.
	Patience time.Duration
	// ProbeEvery is the pause between two probes of an endpoint that fails; 0 is
	// ten seconds.
	ProbeEvery time.Duration
	// Transport carries HTTP; nil is a transport of the client's own.
	Transport http.RoundTripper
}

// Client talks to every endpoint of a configuration. It is safe for concurrent
// use.
type Client struct {
	cfg       Config
	deps      Deps
	endpoints map[string]*endpoint
	answers   *answerStore
	cache     *contentCache // nil without models.cache
	ledger    *ledger
	metrics   *metrics
	activity  activities
	tracer    trace.Tracer
	log       *zap.Logger

	closing context.Context // done when Close ends the requests under way
	abandon context.CancelFunc
	sending sync.WaitGroup

	mu        sync.Mutex
	closed    bool               // guarded by mu
	flights   map[string]*flight // guarded by mu; by run, step and key
	shapes    map[string]int     // guarded by mu; dimension of an embedding model
	unclaimed map[string]bool    // guarded by mu; paid embeddings that are on no record yet, by run, step and key
}

// endpoint is an endpoint of the configuration at work.
type endpoint struct {
	Endpoint
	name  string
	lanes []*lane
}

// New reads the keys and opens the answer store. ErrInvalid for a
// configuration that cannot work; the errors of store.Open.
func New(ctx context.Context, cfg Config, deps Deps) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, deps: deps, log: deps.Logger, endpoints: make(map[string]*endpoint),
		flights: make(map[string]*flight), shapes: make(map[string]int), unclaimed: make(map[string]bool),
	}
	if c.log == nil {
		c.log = zap.NewNop()
	}
	if c.deps.Patience == 0 {
		c.deps.Patience = 5 * time.Second
	}
	if c.deps.ProbeEvery == 0 {
		c.deps.ProbeEvery = 10 * time.Second
	}
	if deps.Tracer == nil {
		deps.Tracer = noop.NewTracerProvider()
	}
	c.tracer = deps.Tracer.Tracer("github.com/propersim/propersim/pkg/model")
	var err error
	if c.metrics, err = newMetrics(deps.Registry); err != nil {
		return nil, err
	}
	for name, e := range cfg.Endpoints {
		if c.endpoints[name], err = c.newEndpoint(name, e); err != nil {
			return nil, err
		}
	}
	if cfg.Cache != "" {
		if c.cache, err = openCache(cfg.Cache); err != nil {
			return nil, err
		}
	}
	if c.answers, err = openAnswers(ctx, deps.Answers, cfg.paid()); err != nil {
		return nil, err
	}
	spent, err := c.answers.spent(ctx)
	if err != nil {
		return nil, errors.Join(err, c.answers.close())
	}
	c.ledger = newLedger(cfg.Budget, spent, c.metrics.budget)
	c.closing, c.abandon = context.WithCancel(context.Background())
	return c, nil
}

func (c *Client) newEndpoint(name string, e Endpoint) (*endpoint, error) {
	key, err := loadKey(name, e)
	if err != nil {
		return nil, err
	}
	transport := c.deps.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConns, own.MaxIdleConnsPerHost = 0, e.Slots
		own.ResponseHeaderTimeout = e.Timeout
		transport = own
	}
	out := &endpoint{Endpoint: e, name: name}
	shared := newRates(e.RequestsPerMinute, e.TokensPerMinute)
	for _, url := range e.URLs {
		out.lanes = append(out.lanes, &lane{
			endpoint: name, conn: newConnection(url, e, key, transport), max: e.Slots, limit: e.Slots,
			rates: shared, probeEvery: c.deps.ProbeEvery, gauges: c.metrics.lane(name, url),
		})
	}
	return out, nil
}

// lane returns the replica for a run: always the same one, whose prefix cache
// knows the run, unless it is down and another is not.
func (e *endpoint) lane(run string) *lane {
	if len(e.lanes) == 1 {
		return e.lanes[0]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(run)) // a hash never fails
	first := int(h.Sum32() % uint32(len(e.lanes)))
	for i := range e.lanes {
		l := e.lanes[(first+i)%len(e.lanes)]
		if up, _, _ := l.state(); up {
			return l
		}
	}
	return e.lanes[first]
}

// Close waits for requests under way, at most until ctx is done, writes their
// answers, and closes the answer store. No call may follow.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	stop := context.AfterFunc(ctx, c.abandon)
	defer stop()
	c.sending.Wait()
	c.abandon()
	return c.answers.close()
}

// Totals returns what was used so far, by role, including before a restart.
func (c *Client) Totals() map[string]Totals { return c.ledger.byRole() }

// Now is what a client does at this moment.
type Now struct {
	// Roles have the activity of each role that has asked.
	Roles map[string]Activity
	// Failing endpoints, with the reason.
	Failing []string
}

// Now returns what the client does at this moment.
func (c *Client) Now() Now {
	out := Now{Roles: c.activity.now()}
	for _, name := range slices.Sorted(maps.Keys(c.endpoints)) {
		for _, l := range c.endpoints[name].lanes {
			l.mu.Lock()
			if l.failing > 0 {
				out.Failing = append(out.Failing, name+": "+l.why)
			}
			l.mu.Unlock()
		}
	}
	return out
}

// Role returns the configuration of a role and the capabilities of its
// endpoint. ErrInvalid where the role is not configured.
func (c *Client) Role(role string) (Role, Capabilities, error) {
	cfg, known := c.cfg.Roles[role]
	if !known {
		return Role{}, Capabilities{}, errs.Invalid("models.roles."+role, "is missing, want an endpoint and a model")
	}
	return cfg, c.endpoints[cfg.Endpoint].Capabilities, nil
}

// DoAll makes several calls at the same time, and returns the answers of each
// in the order of the calls. The errors are those of Do.
func (c *Client) DoAll(ctx context.Context, calls []Call) ([][]Answer, error) {
	out := make([][]Answer, len(calls))
	group, ctx := errgroup.WithContext(ctx)
	for i := range calls {
		group.Go(func() (err error) {
			out[i], err = c.Do(ctx, calls[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// Do makes a call and returns its call.N answers, each usable or a Failure.
// They are on disk before Do returns. An *Error says that there is no answer at
// all; an error of ctx that nobody waits any more, while an answer that is
// under way is still recorded.
func (c *Client) Do(ctx context.Context, call Call) ([]Answer, error) {
	t, err := c.talk(ctx, call)
	if err != nil {
		return nil, err
	}
	bounded, cancel := hurry(ctx)
	defer cancel()
	answers, err := t.run(bounded)
	for _, a := range answers {
		if !call.Ahead {
			c.ended(call.Role, a.Record.Attempts, a.Timing)
		}
	}
	return answers, c.unfinished(ctx, call.Role, err)
}

// talk prepares a call.
func (c *Client) talk(ctx context.Context, call Call) (*talk, error) {
	role, caps, err := c.Role(call.Role)
	if err != nil {
		return nil, err
	}
	if len(call.Messages) == 0 {
		return nil, fmt.Errorf("model: a call of %s without a prompt: %w", call.Role, errs.ErrInternal)
	}
	call.N = max(1, call.N)
	t := &talk{call: &call, role: role, caps: caps, repairs: c.cfg.Repairs, digest: PromptDigest(call.Messages)}
	t.exchange = func(ctx context.Context, r *request, sample int, h *history) (*reply, error) {
		return c.exchange(ctx, t.call, r, sample, h)
	}
	return t, nil
}

// isSameModel reports whether a reply comes from the model that was asked for.
func (r Role) isSameModel(asked, answered string) bool {
	return answered == "" || answered == asked || slices.Contains(r.Aliases, answered)
}
