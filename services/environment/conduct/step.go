package conduct

import (
	"context"
	"fmt"
	"time"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// maxUnflushed is how many sleeping steps may be on their way into the journal
// while the run continues.
const maxUnflushed = 32

// step leads one step from the action to the commit and reports it. A step that
// fails before the commit has not happened.
func (r *runner) step(number int32) (err error) {
	s := &environmentv1.Step{Step: number, Day: r.scale.Day(number), SecondOfDay: r.scale.SecondOfDay(number)}
	end := r.beginStep(s)
	defer func() { end(err) }()
	d := draft{step: s}
	began := time.Now()
	phase := phases{began}
	last := r.chain.LastWaking

	if err := r.act(&d, last); err != nil {
		return err
	}
	if s.GetAction().GetAsleep() {
		s.Observation = nil
		return r.sleep(&d)
	}
	phase.end(r.metrics.act)
	prompt, err := r.recommend(&d, last)
	if err != nil {
		return err
	}
	phase.end(r.metrics.recommend)
	if err := r.evaluate(&d, last); err != nil {
		return err
	}
	phase.end(r.metrics.evaluate)
	setPairs(s, prompt, r.run.Config().GetMethod().GetScheme() == simv1.Scheme_SCHEME_COMPLETE)
	if err := r.commitStep(&d); err != nil {
		return err
	}
	phase.end(r.metrics.commit)
	r.counts.committed(s)
	if err := r.observe(s, last); err != nil {
		return err
	}
	phase.end(r.metrics.observe)
	r.counts.seconds.Observe(phase.last.Sub(began).Seconds())
	return r.keepPairs(s)
}

func (r *runner) act(d *draft, last int32) error {
	s := d.step
	var resp *userv1.ActResponse
	err := r.call("user.Act", &r.user, func(ctx context.Context) (err error) {
		resp, err = r.Users.Act(ctx, &userv1.ActRequest{RunId: r.run.Handle(), Step: s.GetStep(), LastStep: last})
		return err
	})
	if err != nil {
		return err
	}
	s.Action, s.Observation = resp.GetAction(), resp.GetObservation()
	d.take(&s.UserNotes, resp)
	r.traceModels(resp)
	if err := checkAct(resp); err != nil {
		return fmt.Errorf("user.Act at step %d: %w", s.GetStep(), err)
	}
	return nil
}

func (r *runner) recommend(d *draft, last int32) (*simv1.Prompt, error) {
	s := d.step
	if r.usesAdapters {
		s.Adapter = r.chain.Adapter
	}
	var resp *assistantv1.RecommendResponse
	err := r.call("assistant.Recommend", &r.assistant, func(ctx context.Context) (err error) {
		resp, err = r.Assistants.Recommend(ctx, &assistantv1.RecommendRequest{
			RunId: r.run.Handle(), Step: s.GetStep(), LastStep: last, Observation: s.GetObservation(), Candidates: r.run.Config().GetCandidates(),
		})
		if err == nil && resp.GetAdapter() != "" && resp.GetAdapter() != s.GetAdapter() {
			return fmt.Errorf("the assistant uses adapter %q, and the run %q: %w", resp.GetAdapter(), s.GetAdapter(), errs.ErrSessionBehind)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Candidates = resp.GetCandidates()
	d.take(&s.AssistantNotes, resp)
	r.traceModels(resp)
	if err := r.checkCandidates(s.GetCandidates()); err != nil {
		return nil, fmt.Errorf("assistant.Recommend at step %d: %w", s.GetStep(), err)
	}
	return resp.GetPrompt(), nil
}

func (r *runner) evaluate(d *draft, last int32) error {
	s := d.step
	var resp *userv1.EvaluateResponse
	err := r.call("user.Evaluate", &r.user, func(ctx context.Context) (err error) {
		resp, err = r.Users.Evaluate(ctx, &userv1.EvaluateRequest{
			RunId: r.run.Handle(), Step: s.GetStep(), LastStep: last, Candidates: s.GetCandidates(), Action: s.GetAction(),
		})
		return err
	})
	if err != nil {
		return err
	}
	s.Evaluations, s.Moment = resp.GetEvaluations(), resp.GetMoment()
	d.take(&s.UserNotes, resp)
	r.traceModels(resp)
	if err := checkEvaluations(s.GetEvaluations(), s.GetCandidates()); err != nil {
		return fmt.Errorf("user.Evaluate at step %d: %w", s.GetStep(), err)
	}
	return nil
}

// observe reports a committed step to both sides, one after the other: a
// goroutine for each would cost more than it saves.
func (r *runner) observe(s *environmentv1.Step, last int32) error {
	err := r.call("assistant.Observe", &r.assistant, func(ctx context.Context) error {
		resp, err := r.Assistants.Observe(ctx, &assistantv1.ObserveRequest{RunId: r.run.Handle(), LastStep: last, Past: r.assistantPast(s)})
		if err == nil {
			r.assistant.keep("observe/", resp)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.call("user.Observe", &r.user, func(ctx context.Context) error {
		resp, err := r.Users.Observe(ctx, &userv1.ObserveRequest{RunId: r.run.Handle(), LastStep: last, Past: r.userPast(s)})
		if err == nil {
			r.user.keep("observe/", resp)
		}
		return err
	})
}

// commitStep hands a step in and waits until it is on disk.
func (r *runner) commitStep(d *draft) error {
	if err := r.seal(d); err != nil {
		return fmt.Errorf("step %d: %w", d.step.GetStep(), err)
	}
	if err := r.commit(&environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: d.step}}, d.timings); err != nil {
		return err
	}
	r.settle()
	return nil
}

// commit hands an entry in and waits until it is on disk.
func (r *runner) commit(body *environmentv1.EntryBody, timings []*simv1.CallTiming) error {
	end := r.beginSpan("journal.commit", nil)
	outcome, err := r.chain.Append(body, journal.Beside{Timings: timings})
	if err == nil {
		err = <-outcome
	}
	end(err)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	r.flushed()
	return nil
}

// sleep hands a sleeping step in. Nothing depends on it, so the run waits for
// the disk only at times.
func (r *runner) sleep(d *draft) error {
	r.unflushed++
	if r.unflushed >= maxUnflushed || r.atTurnOfDay(d.step.GetStep()) {
		return r.commitStep(d)
	}
	if err := r.seal(d); err != nil {
		return fmt.Errorf("step %d: %w", d.step.GetStep(), err)
	}
	body := &environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: d.step}}
	if err := r.chain.AppendLater(body, journal.Beside{Timings: d.timings}); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	r.settle()
	return nil
}

// atTurnOfDay reports the last step of a day: what follows needs all of it.
func (r *runner) atTurnOfDay(step int32) bool { return (step+1)%r.scale.StepsPerDay() == 0 }
