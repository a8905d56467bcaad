// Package conformance checks a running server against a contract of ProPerSim and
// reports for each requirement what was found and what is allowed. It uses the
// generated client alone, so it checks our servers and those of others alike.
package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Options say how a server is checked. The zero value checks a method "ar" of a
// policy with memory level AR and the scheme samples.
type Options struct {
	// Name of the server in the report, e.g. its address.
	Name string
	// Method is sent in SessionStart.method; nil means the method of the zero
	// value. A server that knows only its own methods needs one of them here.
	// Under memory level ARS the observed steps have scores.
	Method *simv1.Method
	// Deterministic is the claim that the same session gives the same answer. What
	// is otherwise only recommended of answers is then required.
	Deterministic bool
	// ToldRate is sent with TOLD_RATE.
	ToldRate float64
	// ToldSpec is sent with TOLD_SPEC.
	ToldSpec *simv1.PreferenceSpec
	// Adapter is a real adapter of the server, which it must accept. Without one an
	// invented adapter is sent, which a server may refuse.
	Adapter *assistantv1.Adapter
	// Seed of the sessions.
	Seed uint64
	// StepSeconds is the time scale, simulated seconds per step; 0 means 900, so
	// that a day is short.
	StepSeconds int32
	// Steps is the number of waking steps of the longest run, 8 to 5000; 0 means
	// 70, a little over a day of 900-second steps.
	Steps int
	// Timeout bounds each call; 0 means 10 s.
	Timeout time.Duration
	// Limit bounds the whole check; 0 means 10 minutes. The remaining checks are
	// then skipped and the verdict is incomplete.
	Limit time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = "an assistant"
	}
	if o.Method == nil {
		o.Method = &simv1.Method{
			Name: "ar", Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_SAMPLES,
			Decider: simv1.Decider_DECIDER_POLICY, Told: simv1.Told_TOLD_NOTHING,
		}
	}
	if o.StepSeconds == 0 {
		o.StepSeconds = 900
	}
	if o.Steps == 0 {
		o.Steps = 70
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Limit == 0 {
		o.Limit = 10 * time.Minute
	}
	var v errs.Violations
	if err := protovalidate.Validate(o.Method); err != nil {
		v.Add("method", "%s", strings.Join(strings.Fields(err.Error()), " "))
	}
	if err := simtime.Scale(o.StepSeconds).Validate(); err != nil {
		v.Add("step_seconds", "%s", strings.TrimPrefix(err.Error(), "step_seconds: "))
	}
	if o.Steps < 8 || o.Steps > 5000 {
		v.Add("steps", "found %d, want 8 to 5000", o.Steps)
	}
	if o.Timeout < 0 {
		v.Add("timeout", "found %s, want a positive duration", o.Timeout)
	}
	if o.Limit < 0 {
		v.Add("limit", "found %s, want a positive duration", o.Limit)
	}
	return o, v.OrNil()
}

// check is one requirement and how it is checked.
type check struct {
	id    string
	level Level
	// requires is the requirement in a sentence.
	requires string
	// needs names checks that must pass before this one means anything.
	needs []string
	run   func(context.Context, *probe) finding
}

// finding is the result of a check. The level of the check decides whether a
// violation is a failure or a warning.
type finding struct {
	kind           findingKind
	found, allowed string
}

type findingKind int

const (
	kept findingKind = iota
	violated
	unchecked
)

func ok(format string, args ...any) finding {
	return finding{kind: kept, found: fmt.Sprintf(format, args...)}
}

func broken(allowed, format string, args ...any) finding {
	return finding{kind: violated, found: fmt.Sprintf(format, args...), allowed: allowed}
}

func notApplicable(format string, args ...any) finding {
	return finding{kind: unchecked, found: fmt.Sprintf(format, args...)}
}

// Assistant checks the server behind client against the contract in
// proto/propersim/assistant/v1. It opens sessions with run ids of its own and
// closes them afterwards.
//
// An error means that there is no report: ErrInvalid for impossible options,
// ErrUnavailable when the server cannot be reached, ErrCanceled or ErrDeadline when
// ctx ends. A server that violates the contract is not an error: see Report.OK.
func Assistant(ctx context.Context, client assistantv1.AssistantServiceClient, opts Options) (*Report, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &probe{client: client, opts: opts, prefix: "conformance-" + strings.ToLower(rand.Text()[:8])}
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, opts.Limit)
	defer cancel()
	report := newReport(opts)
	for _, c := range checks(opts) {
		report.Checks = append(report.Checks, p.perform(limited, c, report))
		if ended(ctx) {
			return nil, fmt.Errorf("conformance stopped at %s: %w", c.id, stopped(ctx))
		}
	}
	p.closeAll(limited)
	report.finish(p)
	return report, nil
}

// ended reports whether a context has ended or ends within 20 ms. Client and server
// compare the deadline with the clock, and either may see it pass a little before
// the context's own timer fires.
func ended(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && time.Until(deadline) < 20*time.Millisecond
}

// stopped says why a context has ended.
func stopped(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errs.ErrCanceled
	}
	return errs.ErrDeadline
}

// reach returns an error when the server cannot be reached at all.
func (p *probe) reach(ctx context.Context) error {
	err := p.close(ctx, p.run("reach"))
	if code(err) == codes.Unavailable {
		return fmt.Errorf("%s cannot be reached: %w", p.opts.Name, err)
	}
	if ended(ctx) {
		return stopped(ctx)
	}
	return nil
}

func (p *probe) perform(ctx context.Context, c check, report *Report) Check {
	out := Check{ID: c.id, Level: c.level, Requires: c.requires}
	for _, need := range c.needs {
		if earlier := report.check(need); earlier != nil && earlier.Result != Pass {
			out.Result, out.Found = Skip, "not checked: it depends on "+need
			return out
		}
	}
	if ended(ctx) {
		out.Result, out.Found = Skip, fmt.Sprintf("not checked: the limit of %s was reached", p.opts.Limit)
		report.cut = true
		return out
	}
	f := c.run(ctx, p)
	out.Found, out.Allowed = f.found, f.allowed
	switch {
	case f.kind == kept:
		out.Result = Pass
	case f.kind == unchecked:
		out.Result = Skip
	case ended(ctx): // the check was interrupted, so its finding means nothing
		out.Result, out.Found, out.Allowed = Skip, fmt.Sprintf("interrupted by the limit of %s", p.opts.Limit), ""
		report.cut = true
	case c.level == Must:
		out.Result = Fail
	default:
		out.Result = Warn
	}
	return out
}

// checks returns all checks in the order in which they run.
func checks(opts Options) []check {
	exact := Should
	if opts.Deterministic {
		exact = Must
	}
	var all []check
	all = append(all, sessionChecks()...)
	all = append(all, stepChecks(exact)...)
	all = append(all, observeChecks(exact)...)
	all = append(all, parallelChecks(exact)...)
	all = append(all, deadlineChecks()...)
	all = append(all, candidateChecks()...) // of all answers so far
	all = append(all, recordChecks()...)
	all = append(all, adapterChecks()...)
	all = append(all, invalidChecks()...)
	return all
}
