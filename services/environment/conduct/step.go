package environment

import (
	"context"
	"fmt"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// looseSteps is how many sleeping steps may be on their way into the journal
// while the run goes on.
const looseSteps = 32

// step leads one step from the action to the commit, and tells the user and the
// assistant what was delivered. A step that fails on the way has not happened.
func (c *conductor) step(number int32) (err error) {
	s := &environmentv1.Step{Step: number, Day: c.scale.Day(number), SecondOfDay: c.scale.SecondOfDay(number)}
	end := c.beginStep(s)
	defer func() { end(err) }()
	began := time.Now()
	lap := laps{began}
	var latencies []float64
	last := c.chain.LastWaking

	var act *userv1.ActResponse
	err = c.call("user.Act", &c.user, func(ctx context.Context) (err error) {
		act, err = c.clients.Users.Act(ctx, &userv1.ActRequest{RunId: c.run.id, Step: number, LastStep: last})
		return err
	})
	if err != nil {
		return err
	}
	s.Action, s.Observation = act.GetAction(), act.GetObservation()
	c.take(s, act.GetCalls(), &latencies)
	if s.GetAction().GetAsleep() {
		s.Observation = nil
		return c.sleep(s, latencies)
	}
	if err := checkAct(act); err != nil {
		return fmt.Errorf("user.Act at step %d: %w", number, err)
	}
	lap.end(c.metrics.act)
	prompt, err := c.recommend(s, last, &latencies)
	if err != nil {
		return err
	}
	lap.end(c.metrics.recommend)
	if err := c.evaluate(s, last, &latencies); err != nil {
		return err
	}
	lap.end(c.metrics.evaluate)
	s.Pair = pairOf(s, prompt)
	if err := c.commit(&environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: s}}, latencies); err != nil {
		return err
	}
	lap.end(c.metrics.commit)
	c.counts.committed(s)
	if err := c.observe(s, last); err != nil {
		return err
	}
	lap.end(c.metrics.observe)
	c.counts.seconds.Observe(lap.last.Sub(began).Seconds())
	return c.keepPair(s)
}

// take moves external calls into a step, and their latency out of it.
func (c *conductor) take(s *environmentv1.Step, calls []*simv1.ModelCall, latencies *[]float64) {
	c.traceModels(calls)
	for _, call := range calls {
		*latencies = append(*latencies, call.GetLatencyMs())
		call.LatencyMs = 0
		s.Calls = append(s.Calls, call)
	}
}

func (c *conductor) recommend(s *environmentv1.Step, last int32, latencies *[]float64) (*simv1.Prompt, error) {
	var resp *assistantv1.RecommendResponse
	err := c.call("assistant.Recommend", &c.assistant, func(ctx context.Context) (err error) {
		resp, err = c.clients.Assistants.Recommend(ctx, &assistantv1.RecommendRequest{
			RunId: c.run.id, Step: s.GetStep(), LastStep: last, Observation: s.GetObservation(), Candidates: c.run.fixed.GetConfig().GetCandidates(),
		})
		if err == nil && resp.GetAdapter() != "" && resp.GetAdapter() != c.chain.Adapter {
			return fmt.Errorf("the assistant uses adapter %q, and the run %q: %w", resp.GetAdapter(), c.chain.Adapter, errs.ErrPrecondition)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Candidates, s.Adapter = resp.GetCandidates(), c.chain.Adapter
	c.take(s, resp.GetCalls(), latencies)
	if err := c.checkCandidates(s.GetCandidates()); err != nil {
		return nil, fmt.Errorf("assistant.Recommend at step %d: %w", s.GetStep(), err)
	}
	return resp.GetPrompt(), nil
}

func (c *conductor) evaluate(s *environmentv1.Step, last int32, latencies *[]float64) error {
	var resp *userv1.EvaluateResponse
	err := c.call("user.Evaluate", &c.user, func(ctx context.Context) (err error) {
		resp, err = c.clients.Users.Evaluate(ctx, &userv1.EvaluateRequest{RunId: c.run.id, Step: s.GetStep(), LastStep: last, Candidates: s.GetCandidates()})
		return err
	})
	if err != nil {
		return err
	}
	s.Evaluations, s.Moment = resp.GetEvaluations(), resp.GetMoment()
	c.take(s, resp.GetCalls(), latencies)
	if err := checkEvaluations(s.GetEvaluations(), len(s.GetCandidates())); err != nil {
		return fmt.Errorf("user.Evaluate at step %d: %w", s.GetStep(), err)
	}
	return nil
}

// observe tells both sides of a committed step. One after the other: a
// goroutine each would cost more than it saves.
func (c *conductor) observe(s *environmentv1.Step, last int32) error {
	err := c.call("assistant.Observe", &c.assistant, func(ctx context.Context) error {
		_, err := c.clients.Assistants.Observe(ctx, &assistantv1.ObserveRequest{RunId: c.run.id, LastStep: last, Past: c.assistantPast(s)})
		return err
	})
	if err != nil {
		return err
	}
	return c.call("user.Observe", &c.user, func(ctx context.Context) error {
		_, err := c.clients.Users.Observe(ctx, &userv1.ObserveRequest{RunId: c.run.id, LastStep: last, Past: userPast(s)})
		return err
	})
}

// commit hands an entry in and waits until it is on disk.
func (c *conductor) commit(body *environmentv1.EntryBody, latencies []float64) error {
	end := c.beginSpan("journal.commit", nil)
	outcome, err := c.chain.Append(body, latencies)
	if err == nil {
		err = <-outcome
	}
	end(err)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	c.settled()
	return nil
}

// sleep hands a sleeping step in. Nothing depends on it, so that the run waits
// only now and then.
func (c *conductor) sleep(s *environmentv1.Step, latencies []float64) error {
	body := &environmentv1.EntryBody{Event: &environmentv1.EntryBody_Step{Step: s}}
	if c.loose++; c.loose >= looseSteps || c.atTurnOfDay(s.GetStep()) {
		if err := c.commit(body, latencies); err != nil {
			return err
		}
	} else if err := c.chain.AppendLater(body, latencies); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// atTurnOfDay reports the last step of a day: what follows needs all of it.
func (c *conductor) atTurnOfDay(step int32) bool { return (step+1)%c.scale.StepsPerDay() == 0 }
