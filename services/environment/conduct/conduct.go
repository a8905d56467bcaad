package conduct

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/environment/live"
	"github.com/propersim/propersim/services/environment/method"
)

// ErrHalted ends the conducting of a run that was paused or cancelled, or whose
// server stops.
var ErrHalted = errors.New("halted")

// Config says how long services may take.
type Config struct {
	// Retry is the first pause after a service did not answer; pauses grow to
	// fifty times that. 0 means 100 ms.
	Retry time.Duration
	// GiveUp is how long a run waits for a service that does not answer before it
	// fails (and can be resumed); 0 means without end.
	GiveUp time.Duration
	// UserTimeout and AssistantTimeout bound one call of the user and of the
	// assistant, and an opening of a session in which nothing moves. 0 means the
	// default of the connection.
	UserTimeout, AssistantTimeout time.Duration
}

// Deps are what the runs of a server are conducted with. Tracer may be nil.
type Deps struct {
	Journal    *journal.Journal
	Users      userv1.UserAgentServiceClient
	Assistants assistantv1.AssistantServiceClient
	Buffer     bufferv1.PreferenceBufferServiceClient
	Trainer    trainerv1.TrainerServiceClient
	Logger     *zap.Logger
	Tracer     trace.TracerProvider
	Registry   prometheus.Registerer // nil keeps the metrics to itself
}

// Conductor conducts the runs of a server. It is safe for concurrent use.
type Conductor struct {
	Deps
	cfg     Config
	metrics *metrics
	tracer  trace.Tracer // nil without traces
}

// New returns a conductor. Errors are those of registering its metrics.
func New(cfg Config, deps Deps) (*Conductor, error) {
	if cfg.Retry <= 0 {
		cfg.Retry = 100 * time.Millisecond
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	c := &Conductor{Deps: deps, cfg: cfg}
	if deps.Tracer != nil {
		c.tracer = deps.Tracer.Tracer(instrumentation)
	}
	var err error
	c.metrics, err = newMetrics(deps.Registry)
	return c, err
}

// Conduct leads a run to its end under a lease. ctx ends a call in progress;
// halt ends waiting, and the run after its present step. The state and the
// progress of the run are kept up to date in memory; the caller writes the state
// that the run ends in.
//
// It returns nil when the last step is committed. Errors: ErrHalted after ctx or
// halt is done, errs.ErrLeaseLost when another process took the run over (nothing
// may be written then), and anything else for a run that failed and can be
// resumed.
func (c *Conductor) Conduct(ctx, halt context.Context, run *live.Run, lease *journal.Lease) error {
	config := run.Config()
	r := &runner{
		Conductor: c, run: run, lease: lease, ctx: ctx, halt: halt,
		counts: c.metrics.of(run.Fixed()), scale: simtime.Scale(config.GetStepSeconds()),
		usesAdapters: method.UsesAdapters(config.GetMethod()),
	}
	r.user = peer{open: r.openUser, timeout: c.cfg.UserTimeout, roles: userRoles}
	r.assistant = peer{open: r.openAssistant, timeout: c.cfg.AssistantTimeout, roles: assistantRoles}
	return r.conduct()
}

// CloseSessions lets the user and the assistant forget a run that has ended. A
// service that does not answer loses its sessions anyway.
func (c *Conductor) CloseSessions(ctx context.Context, run *live.Run) {
	_, userErr := c.Users.CloseSession(ctx, &userv1.CloseSessionRequest{RunId: run.Handle()})
	_, assistantErr := c.Assistants.CloseSession(ctx, &assistantv1.CloseSessionRequest{RunId: run.Handle()})
	if err := errors.Join(userErr, assistantErr); err != nil {
		c.Logger.Debug("sessions were not closed", zap.String("run", run.ID()), zap.Error(err))
	}
}

// runner leads one run. It belongs to one goroutine.
type runner struct {
	*Conductor
	run          *live.Run
	lease        *journal.Lease
	counts       *runMetrics
	scale        simtime.Scale
	usesAdapters bool
	world        *simv1.World

	ctx  context.Context // of the run, within the present span: ends a call in progress
	halt context.Context // ends waiting, and the run after its present step

	chain     *journal.Chain
	waiting   time.Time // since when no call has succeeded; zero while they do
	user      peer
	assistant peer
	pairs     pairBatch
	unflushed int // sleeping steps that were handed in and may not be on disk yet
}

// conduct continues from what is committed, again and again while the database of
// the journal does not answer.
func (r *runner) conduct() error {
	r.run.Set(environmentv1.RunState_RUN_STATE_RUNNING, "")
	pause := r.newBackoff()
	for {
		err := r.fromJournal()
		switch {
		case err == nil || errors.Is(err, ErrHalted):
			return err
		case r.ctx.Err() != nil || r.halt.Err() != nil:
			return ErrHalted
		case !errs.IsTransient(err):
			return err
		}
		if err := r.waitFor("journal", err, pause); err != nil {
			return err
		}
	}
}

// fromJournal reads what is committed and continues from there to the last step.
func (r *runner) fromJournal() error {
	var err error
	if r.world == nil {
		if r.world, err = r.Journal.World(r.ctx, r.run.ID()); err != nil {
			return err
		}
	}
	if r.chain, err = r.Journal.Continue(r.ctx, r.lease, func(*environmentv1.Entry) error { return r.ctx.Err() }); err != nil {
		return err
	}
	defer r.chain.Close()
	defer r.flush()
	r.unflushed = 0
	// What the sessions know may not be what is committed.
	r.user.lose()
	r.assistant.lose()
	r.answered()
	r.run.Publish(r.chain.Snapshot())
	if err := r.reconcilePairs(); err != nil {
		return err
	}
	for total := r.chain.Progress.GetStepsTotal(); r.chain.Progress.GetSteps() < total; {
		if r.halt.Err() != nil {
			return ErrHalted
		}
		if err := r.turnOfDay(); err != nil {
			return err
		}
		if err := r.step(r.chain.Progress.GetSteps()); err != nil {
			return err
		}
	}
	return r.sendPairs()
}

// flush waits for the sleeping steps that were handed in. A fault of theirs
// shows when the run continues from the journal.
func (r *runner) flush() {
	if r.unflushed == 0 {
		return
	}
	if err := r.chain.Flush(); err != nil {
		r.Logger.Warn("sleeping steps were not committed", zap.String("run", r.run.ID()), zap.Error(err))
		return
	}
	r.flushed()
}

// flushed counts and publishes what is now on disk.
func (r *runner) flushed() {
	r.counts.asleep.Add(float64(r.unflushed))
	r.unflushed = 0
	r.run.Publish(r.chain.Snapshot())
}

// turnOfDay does what lies between two days once all of the first is committed:
// the pairs go to the buffer, the assistant is trained where its method says so,
// and the progress is recorded.
func (r *runner) turnOfDay() error {
	steps := r.chain.Progress.GetSteps()
	if steps == 0 || steps%r.scale.StepsPerDay() != 0 {
		return nil
	}
	if err := r.sendPairs(); err != nil {
		return err
	}
	if day := r.scale.Day(steps - 1); r.run.Config().GetMethod().GetTrains() && r.chain.LastNight < day {
		if err := r.night(day); err != nil {
			return err
		}
	}
	return r.Journal.Checkpoint(r.ctx, r.lease, r.chain.Snapshot())
}
