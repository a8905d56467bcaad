// Package conformance checks a running server against a contract of ProPerSim
// and says, requirement by requirement, what was found and what is allowed. It
// knows a server by its generated client alone, so it checks ours and anybody
// else's alike.
package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Options say as what a server is checked. The zero value checks the method
// "ar" with the memory AR and the scheme samples.
type Options struct {
	// Name stands in the report for the server, e.g. its address.
	Name string
	// Method is sent in SessionStart.method; "ar" when empty. A server that
	// knows its own methods alone needs one of them here.
	Method string
	// Memory is sent in SessionStart.memory; AR when unspecified. Under ARS the
	// observed steps carry scores.
	Memory assistantv1.MemoryLevel
	// Scheme is the one the server claims; samples when unspecified.
	Scheme assistantv1.Scheme
	// Deterministic is the claim that the same session gives the same answer:
	// what is otherwise recommended of answers is then required.
	Deterministic bool
	// ConstantPerHour is sent for the method constant.
	ConstantPerHour float64
	// Given is sent for the method persona-given.
	Given *simv1.PreferenceSpec
	// Adapter is a real adapter of the server; it must then be accepted. Without
	// one an invented adapter is sent, which a server may refuse.
	Adapter *assistantv1.Adapter
	// Seed of the sessions.
	Seed uint64
	// StepSeconds is the time scale, simulated seconds per step; 900 when 0, so
	// that a day is short.
	StepSeconds int32
	// Steps is the number of waking steps lived through one by one, at least 8;
	// 70 when 0, a little over a day of 900-second steps.
	Steps int
	// Timeout bounds each call; 10 s when 0.
	Timeout time.Duration
	// Limit bounds the whole; 10 minutes when 0. What is left then is skipped
	// and the verdict is incomplete.
	Limit time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = "an assistant"
	}
	if o.Method == "" {
		o.Method = "ar"
	}
	if o.Memory == assistantv1.MemoryLevel_MEMORY_LEVEL_UNSPECIFIED {
		o.Memory = assistantv1.MemoryLevel_MEMORY_LEVEL_AR
	}
	if o.Scheme == assistantv1.Scheme_SCHEME_UNSPECIFIED {
		o.Scheme = assistantv1.Scheme_SCHEME_SAMPLES
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

// check is one requirement and how to look whether it holds.
type check struct {
	id    string
	level Level
	// requires is the sentence of the contract.
	requires string
	// needs are checks without whose success this one would say nothing.
	needs []string
	run   func(context.Context, *probe) finding
}

// finding is what a check found. A violated one fails or warns by its level.
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
// proto/propersim/assistant/v1. It opens sessions under run names of its own
// and closes them again.
//
// An error means that there is no report: ErrInvalid for impossible options,
// ErrUnavailable where nothing answers, ErrCanceled or ErrDeadline when ctx
// ends. A server that breaks the contract is not an error: see Report.OK.
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
		if over(ctx) {
			return nil, fmt.Errorf("conformance stopped at %s: %w", c.id, stopped(ctx))
		}
	}
	p.closeAll(limited)
	report.finish(p)
	return report, nil
}

// over reports that a context has ended or is about to: a call reads the
// deadline by the clock on both sides of the wire, and either may see it pass a
// little before the context's own timer does.
func over(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && time.Until(deadline) < 20*time.Millisecond
}

// stopped names the end of a context that is over.
func stopped(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errs.ErrCanceled
	}
	return errs.ErrDeadline
}

// reach tells a server that is not there from one that is at fault.
func (p *probe) reach(ctx context.Context) error {
	err := p.close(ctx, p.run("reach"))
	if code(err) == codes.Unavailable {
		return fmt.Errorf("%s cannot be reached: %w", p.opts.Name, err)
	}
	if over(ctx) {
		return stopped(ctx)
	}
	return nil
}

func (p *probe) perform(ctx context.Context, c check, report *Report) Check {
	out := Check{ID: c.id, Level: c.level, Requires: c.requires}
	for _, need := range c.needs {
		if earlier := report.check(need); earlier != nil && earlier.Result != Pass {
			out.Result, out.Found = Skip, "not looked at: it builds on "+need
			return out
		}
	}
	if over(ctx) {
		out.Result, out.Found = Skip, fmt.Sprintf("not looked at: the limit of %s was over", p.opts.Limit)
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
	case over(ctx): // the limit fell into the check: nothing is known
		out.Result, out.Found, out.Allowed = Skip, fmt.Sprintf("cut short by the limit of %s", p.opts.Limit), ""
		report.cut = true
	case c.level == Must:
		out.Result = Fail
	default:
		out.Result = Warn
	}
	return out
}

// checks lists all of them in the order in which they run.
func checks(opts Options) []check {
	exact := Should
	if opts.Deterministic {
		exact = Must
	}
	var all []check
	all = append(all, sessionChecks()...)
	all = append(all, stepChecks(exact)...)
	all = append(all, observeChecks(exact)...)
	all = append(all, besideChecks(exact)...)
	all = append(all, deadlineChecks()...)
	all = append(all, candidateChecks()...) // over all answers so far
	all = append(all, adapterChecks()...)
	all = append(all, invalidChecks()...)
	return all
}
