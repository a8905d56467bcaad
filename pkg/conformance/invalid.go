package conformance

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func invalidChecks() []check {
	const requires = " that violates the field rules is answered with INVALID_ARGUMENT."
	return []check{
		{
			id: "invalid.open-session", level: Should, needs: []string{"session.open"},
			requires: "An OpenSession" + requires, run: invalidOpen,
		},
		{
			id: "invalid.recommend", level: Should, needs: []string{"session.open"},
			requires: "A Recommend" + requires, run: invalidRecommend,
		},
		{
			id: "invalid.observe", level: Should, needs: []string{"session.open"},
			requires: "An Observe" + requires, run: invalidObserve,
		},
		{
			id: "invalid.use-adapter", level: Should, needs: []string{"session.open", "adapter.use"},
			requires: "A UseAdapter" + requires, run: invalidAdapter,
		},
		{
			id: "invalid.close-session", level: Should, needs: []string{"session.open"},
			requires: "A CloseSession" + requires, run: invalidClose,
		},
		{
			id: "invalid.survived", level: Must, needs: []string{"session.open"},
			requires: "Invalid requests do no harm to other runs.",
			run:      survived,
		},
	}
}

// tally collects the invalid requests that were not answered with INVALID_ARGUMENT.
type tally struct {
	sent   int
	faults []string
}

func (t *tally) add(what string, err error) {
	t.sent++
	if code(err) != codes.InvalidArgument {
		t.faults = append(t.faults, what+": "+outcome(err))
	}
}

func (t *tally) finding() finding {
	if len(t.faults) > 0 {
		return broken("INVALID_ARGUMENT", "%d of %d invalid requests are answered otherwise: %s", len(t.faults), t.sent, strings.Join(t.faults, "; "))
	}
	return ok("answers %d invalid requests with INVALID_ARGUMENT", t.sent)
}

func invalidOpen(ctx context.Context, p *probe) finding {
	run := p.run("invalid")
	moments := life(p.opts.StepSeconds, 3)
	history := historyRequest(p.history(moments, 4))
	var t tally
	for _, bad := range []struct {
		what   string
		change func(*assistantv1.SessionStart)
	}{
		{"an empty run_id", func(s *assistantv1.SessionStart) { s.RunId = "" }},
		{"no settings", func(s *assistantv1.SessionStart) { s.Settings = nil }},
		{"step_seconds 5", func(s *assistantv1.SessionStart) { s.Settings.StepSeconds = 5 }},
		{"no method", func(s *assistantv1.SessionStart) { s.Method = nil }},
		{"a method without a name", func(s *assistantv1.SessionStart) { s.Method.Name = "" }},
		{"an unknown memory level", func(s *assistantv1.SessionStart) { s.Method.Memory = 99 }},
		{"an unknown scheme", func(s *assistantv1.SessionStart) { s.Method.Scheme = 99 }},
	} {
		start := p.start(run)
		bad.change(start)
		_, err := p.send(ctx, startRequest(start))
		t.add(bad.what, err)
	}
	_, err := p.send(ctx)
	t.add("a stream without a message", err)
	_, err = p.send(ctx, &assistantv1.OpenSessionRequest{})
	t.add("a message without a part", err)
	_, err = p.send(ctx, history, startRequest(p.start(run)))
	t.add("history before start", err)
	_, err = p.send(ctx, startRequest(p.start(run)), startRequest(p.start(run)))
	t.add("a second start", err)
	_, err = p.send(ctx, startRequest(p.start(run)), history, history)
	t.add("a history that does not ascend", err)
	return t.finding()
}

func invalidRecommend(ctx context.Context, p *probe) finding {
	run := p.run("invalid")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	good := request(run, life(p.opts.StepSeconds, 1)[0], -1)
	var t tally
	for _, bad := range []struct {
		what   string
		change func(*assistantv1.RecommendRequest)
	}{
		{"an empty run_id", func(r *assistantv1.RecommendRequest) { r.RunId = "" }},
		{"step -1", func(r *assistantv1.RecommendRequest) { r.Step = -1 }},
		{"last_step -2", func(r *assistantv1.RecommendRequest) { r.LastStep = -2 }},
		{"no observation", func(r *assistantv1.RecommendRequest) { r.Observation = nil }},
		{"an observation without a kind", func(r *assistantv1.RecommendRequest) { r.Observation.Kind = "" }},
		{"0 candidates", func(r *assistantv1.RecommendRequest) { r.Candidates = 0 }},
		{"17 candidates", func(r *assistantv1.RecommendRequest) { r.Candidates = 17 }},
	} {
		req := proto.CloneOf(good)
		bad.change(req)
		_, err := p.sendRecommend(ctx, req)
		t.add(bad.what, err)
	}
	return t.finding()
}

func invalidObserve(ctx context.Context, p *probe) finding {
	run := p.run("invalid")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	good := &assistantv1.ObserveRequest{RunId: run, LastStep: -1, Past: p.past(life(p.opts.StepSeconds, 1)[0], silence())}
	var t tally
	for _, bad := range []struct {
		what   string
		change func(*assistantv1.ObserveRequest)
	}{
		{"an empty run_id", func(r *assistantv1.ObserveRequest) { r.RunId = "" }},
		{"last_step -2", func(r *assistantv1.ObserveRequest) { r.LastStep = -2 }},
		{"no past step", func(r *assistantv1.ObserveRequest) { r.Past = nil }},
		{"step -1", func(r *assistantv1.ObserveRequest) { r.Past.Step = -1 }},
		{"score 5", func(r *assistantv1.ObserveRequest) { r.Past.Score = proto.Int32(5) }},
		{"a candidate without a choice", func(r *assistantv1.ObserveRequest) { r.Past.Delivered = &simv1.Candidate{} }},
	} {
		req := proto.CloneOf(good)
		bad.change(req)
		t.add(bad.what, p.sendObserve(ctx, req))
	}
	return t.finding()
}

func invalidAdapter(ctx context.Context, p *probe) finding {
	if p.trainable == TrainableNo {
		return notApplicable("the server has no adapters")
	}
	run := p.run("invalid")
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	var t tally
	t.add("an empty run_id", p.use(ctx, "", p.adapter()))
	t.add("no adapter", p.use(ctx, run, nil))
	t.add("an adapter without an id", p.use(ctx, run, &assistantv1.Adapter{}))
	return t.finding()
}

func invalidClose(ctx context.Context, p *probe) finding {
	var t tally
	t.add("an empty run_id", p.close(ctx, ""))
	return t.finding()
}

// survived uses a run that was opened before an invalid request.
func survived(ctx context.Context, p *probe) finding {
	run := p.run("survived")
	first := life(p.opts.StepSeconds, 1)[0]
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	bad := request("", first, -1)
	bad.Observation, bad.Step, bad.Candidates = nil, -1, -1
	_, refused := p.sendRecommend(ctx, bad)
	if code(refused) == codes.DeadlineExceeded {
		return broken("an answer", "an invalid Recommend: %s", outcome(refused))
	}
	if _, err := p.recommend(ctx, run, first, -1); err != nil {
		return broken("OK", "Recommend after an invalid request: %s", outcome(err))
	}
	return ok("continues after invalid requests")
}
