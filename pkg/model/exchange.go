package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/propersim/propersim/pkg/errs"
)

// flight is a request under way. Whoever asks for the same joins it.
type flight struct {
	done   chan struct{}
	reply  *reply        // after done
	failed *attemptError // after done
	err    error         // after done; of the answer store
}

// exchange gets the reply to a request: from the answer store, from the cache,
// or from the endpoint, with retries while failures are transient.
func (c *Client) exchange(ctx context.Context, call *Call, r *request, sample int, h *history) (*reply, error) {
	role := c.cfg.Roles[call.Role]
	e := c.endpoints[role.Endpoint]
	h.timing.Endpoint = e.name
	content := r.digest()
	key := answerKey{call.Step, keyOf(call, content, sample)}
	pause := newBackoff()
	var before history // the failures of this exchange
	for {
		got, failed, err := c.once(ctx, &passage{call: call, endpoint: e, request: r, content: content, key: key, sample: sample, before: before.attempts}, h)
		if err != nil {
			return nil, err
		}
		if failed == nil {
			if !role.isSameModel(r.Model, got.Model) {
				return nil, c.fail(call, e, &attemptError{outcome: WrongModel, detail: fmt.Sprintf("asked for %q, answered by %q", r.Model, short(got.Model, 100))})
			}
			if len(got.Before) > 0 {
				before.attempts = got.Before
			}
			h.join(&before)
			return got, nil
		}
		if failed.outcome == Filtered {
			h.join(&before)
			return &reply{Model: r.Model, Choices: []choice{{Finish: "content_filter"}}}, nil
		}
		if !failed.outcome.IsTransient() {
			return nil, c.fail(call, e, failed)
		}
		before.add(Attempt{Outcome: failed.outcome, Detail: failed.detail}, 0)
		wait := pause.NextBackOff()
		if failed.retryAfter > 0 {
			wait = failed.retryAfter
		}
		// A pause longer than the caller's patience is spent where it can be seen:
		// the run is shown as waiting, and asks again.
		if wait > c.deps.Patience {
			failed.retryAfter = wait
			return nil, c.fail(call, e, failed)
		}
		done := c.activity.waiting(call.Role)
		err = sleep(ctx, wait)
		done()
		if err != nil {
			return nil, err
		}
		h.timing.Waited += wait
	}
}

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.RandomizationFactor, b.Multiplier, b.MaxInterval = 500*time.Millisecond, 0.5, 2, 10*time.Second
	b.Reset()
	return b
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errs.FromContext(ctx)
	}
}

// keyOf identifies a request within its run and step.
func keyOf(call *Call, content string, sample int) string {
	candidate := -1
	if call.Candidate != nil {
		candidate = int(*call.Candidate)
	}
	return fmt.Sprintf("%s|%s|%d|%s|%d|%s", call.Role, call.Purpose, candidate, call.Criterion, sample, content)
}

// once tries to get a reply one time. It completes the passage where it sends a
// request.
func (c *Client) once(ctx context.Context, p *passage, h *history) (*reply, *attemptError, error) {
	call, e := p.call, p.endpoint
	if got, err := c.answers.get(ctx, call.Run, p.key); got != nil || err != nil {
		return got, nil, err
	}
	id := flightID(call, p.key)
	if f := c.inFlight(id); f != nil {
		return f.wait(ctx)
	}
	if c.cache != nil {
		if got, err := c.cache.get(p.content, p.sample); got != nil || err != nil {
			return got, nil, err
		}
	}
	prompt, completion := p.request.tokens()
	p.most = reservation{prompt + completion, e.Price.cost(Usage{Prompt: prompt, Completion: completion})}
	began, done := time.Now(), c.activity.waiting(call.Role)
	if err := c.ledger.reserve(ctx, p.most); err != nil {
		done()
		if errors.Is(err, errs.ErrBudgetSpent) {
			return nil, &attemptError{outcome: BudgetSpent, detail: err.Error()}, nil
		}
		return nil, nil, err
	}
	p.lane = e.lane(call.Run)
	slot, failed, err := p.lane.acquire(ctx, call.At, prompt+completion, c.deps.Patience)
	done()
	h.timing.Waited += time.Since(began)
	if failed != nil || err != nil {
		c.ledger.settle(call.Role, p.most, Totals{})
		return nil, failed, err
	}
	f, first := c.takeOff(id)
	if !first {
		// Another caller was faster while this one waited for its slot.
		c.ledger.settle(call.Role, p.most, Totals{})
		p.lane.leave(slot)
		return f.wait(ctx)
	}
	// A flight may have landed between the look into the store and the take-off.
	if got, err := c.answers.get(ctx, call.Run, p.key); got != nil || err != nil {
		c.ledger.settle(call.Role, p.most, Totals{})
		p.lane.leave(slot)
		f.reply, f.err = got, err
		c.land(id, f)
		return got, nil, err
	}
	p.slot = slot
	go c.fly(context.WithoutCancel(ctx), f, id, p)
	return f.wait(ctx)
}

// flightID names a request under way.
func flightID(call *Call, key answerKey) string {
	return fmt.Sprintf("%s|%d|%s", call.Run, key.step, key.key)
}

func (c *Client) inFlight(id string) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flights[id]
}

// takeOff registers a flight, or returns the one that is under way.
func (c *Client) takeOff(id string) (f *flight, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[id]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	if c.closed {
		f.err = fmt.Errorf("model: the client is closed: %w", errs.ErrCanceled)
		close(f.done)
		return f, false
	}
	c.flights[id] = f
	c.sending.Add(1)
	return f, true
}

func (f *flight) wait(ctx context.Context) (*reply, *attemptError, error) {
	select {
	case <-f.done:
		return f.reply, f.failed, f.err
	case <-ctx.Done():
		return nil, nil, errs.FromContext(ctx)
	}
}

// passage is what a flight carries.
type passage struct {
	call     *Call
	endpoint *endpoint
	lane     *lane
	slot     *waiter
	request  *request
	content  string
	key      answerKey
	sample   int
	most     reservation
	before   []Attempt // the failures before it
}

// land ends a flight for all who wait for it.
func (c *Client) land(id string, f *flight) {
	c.mu.Lock()
	delete(c.flights, id)
	c.mu.Unlock()
	close(f.done)
	c.sending.Done()
}

// fly sends a request and records its answer. It does not end with its caller:
// an answer on its way is paid for.
func (c *Client) fly(ctx context.Context, f *flight, id string, p *passage) {
	defer c.land(id, f)
	defer c.activity.sending(p.call.Role)()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(c.closing, cancel)
	defer stop()
	ctx, span := c.begin(ctx, p)
	if len(p.request.Texts) > 0 {
		f.reply, f.failed = p.lane.conn.embed(ctx, p.request.Model, p.request.Texts, p.request.Dimensions)
	} else {
		f.reply, f.failed = p.lane.conn.chat(ctx, p.request)
	}
	if f.failed != nil && f.failed.outcome == Garbled {
		if _, answered, _ := p.lane.state(); !answered {
			// It never was what it should be, so that waiting would not help.
			f.failed.outcome = BadRequest
			f.failed.detail += "; is the URL that of an OpenAI-compatible server, with /v1 at its end?"
		}
	}
	p.lane.finish(p.slot, f.failed)
	used := Totals{}
	if f.reply != nil {
		f.reply.Before = p.before
		used = p.use(f.reply)
		f.err = c.keep(p, f.reply, used)
		if f.err == nil && p.call.Role == Embedder {
			c.mu.Lock()
			c.unclaimed[id] = true
			c.mu.Unlock()
		}
	}
	c.ledger.settle(p.call.Role, p.most, used)
	c.end(span, p, f, used)
	if f.err != nil {
		f.reply = nil
	}
}

// use completes the usage of a reply and says what it adds to the totals.
func (p *passage) use(r *reply) Totals {
	if r.Usage.Estimated {
		r.Usage.Prompt, _ = p.request.tokens()
		for _, choice := range r.Choices {
			r.Usage.Completion += EstimateTokens(choice.Content)
		}
	}
	return Totals{Requests: 1, Prompt: r.Usage.Prompt, Cached: r.Usage.Cached, Completion: r.Usage.Completion, Picos: p.endpoint.Price.cost(r.Usage)}
}

// keep brings an answer to disk.
func (c *Client) keep(p *passage, r *reply, used Totals) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("answer store: %w", err)
	}
	w := &write{run: p.call.Run, role: p.call.Role, key: p.key, reply: raw, used: used}
	if c.cfg.KeepPrompts != "none" && len(p.request.Messages) > 0 {
		if w.prompt, err = packPrompt(p.request.Messages); err != nil {
			return err
		}
	}
	if err := c.answers.put(w); err != nil {
		return err
	}
	if c.cache != nil {
		return c.cache.put(p.content, p.sample, raw)
	}
	return nil
}

// fail turns a failed attempt into the error of a call.
func (c *Client) fail(call *Call, e *endpoint, failed *attemptError) error {
	out := &Error{Outcome: failed.outcome, Role: call.Role, Endpoint: e.name, Detail: failed.detail, RetryAfter: failed.retryAfter}
	if !failed.outcome.IsTransient() {
		out.Fix = fix(failed.outcome, e.name, call.Role, c.cfg.Roles[call.Role].Model)
		return out
	}
	return errs.RetryAfter(out, max(shortestRetry, failed.retryAfter))
}

// shortestRetry is the least pause that a caller is asked for.
const shortestRetry = 100 * time.Millisecond

// farewell is how long before the deadline of its caller a call returns: in time
// to say that its requests are still under way. Whoever asks again joins them.
const farewell = 500 * time.Millisecond

// hurry bounds ctx so that a call can say that it is not done yet.
func hurry(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || time.Until(deadline) < 2*farewell {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-farewell))
}

// unfinished is the error of a call. One that ended with ctx is an errs.ErrCanceled
// or ErrDeadline, whoever noticed it first; one that ended by hurry says that it is
// still under way.
func (c *Client) unfinished(ctx context.Context, role string, err error) error {
	if err == nil {
		return nil
	}
	if ended := errs.FromContext(ctx); ended != nil {
		return ended
	}
	if !errors.Is(err, errs.ErrDeadline) {
		return err
	}
	e := c.endpoints[c.cfg.Roles[role].Endpoint]
	return c.fail(&Call{Role: role}, e, &attemptError{outcome: Overloaded, detail: "no answer yet; the request is under way or waits for a slot"})
}
