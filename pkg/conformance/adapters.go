package conformance

import (
	"context"

	"google.golang.org/grpc/codes"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
)

func adapterChecks() []check {
	return []check{
		{
			id: "adapter.use", level: Must, needs: []string{"session.open"},
			requires: "UseAdapter puts an adapter in force for the steps that follow, and the same again is a no-op; or it answers UNIMPLEMENTED. A refused adapter changes nothing.",
			run:      useAdapter,
		},
		{
			id: "adapter.open", level: Must, needs: []string{"adapter.use"},
			requires: "An adapter in SessionStart is in force when the next step begins.",
			run:      openWithAdapter,
		},
	}
}

// adapter returns the adapter of the options, or an invented one.
func (p *probe) adapter() *assistantv1.Adapter {
	if p.opts.Adapter != nil {
		return p.opts.Adapter
	}
	return &assistantv1.Adapter{Id: "conformance-adapter"}
}

func useAdapter(ctx context.Context, p *probe) finding {
	run := p.run("adapter")
	first := life(p.opts.StepSeconds, 1)[0]
	if _, err := p.open(ctx, run); err != nil {
		return broken("OK", "opening: %s", outcome(err))
	}
	before, err := p.recommend(ctx, run, first, -1)
	if err != nil {
		return broken("OK", "Recommend before: %s", outcome(err))
	}
	refusal := p.use(ctx, run, p.adapter())
	after, err := p.recommend(ctx, run, first, -1)
	if err != nil {
		return broken("OK", "Recommend after UseAdapter answered %s: %s", outcome(refusal), outcome(err))
	}
	if refusal == nil {
		if after.GetAdapter() != p.adapter().GetId() {
			return broken("the adapter's id in RecommendResponse.adapter", "UseAdapter(%q): OK, then adapter %q in force", p.adapter().GetId(), after.GetAdapter())
		}
		if err := p.use(ctx, run, p.adapter()); err != nil {
			return broken("OK", "the same adapter again: %s", outcome(err))
		}
		p.trainable = TrainableYes
		return ok("trainable: accepts an adapter, and the same again")
	}
	if after.GetAdapter() != before.GetAdapter() {
		return broken("the same adapter in force as before", "UseAdapter: %s, then adapter %q in force", outcome(refusal), after.GetAdapter())
	}
	switch c := code(refusal); {
	case c == codes.Unimplemented:
		p.trainable = TrainableNo
		return ok("not trainable: UNIMPLEMENTED")
	case p.opts.Adapter != nil:
		return broken("OK for a real adapter of the server", "UseAdapter(%q): %s", p.adapter().GetId(), outcome(refusal))
	case c == codes.InvalidArgument || c == codes.FailedPrecondition || c == codes.NotFound:
		return ok("refuses an invented adapter and continues without it: %s", outcome(refusal))
	default:
		return broken("OK; UNIMPLEMENTED; INVALID_ARGUMENT, NOT_FOUND or FAILED_PRECONDITION for an unknown adapter", "UseAdapter(%q): %s", p.adapter().GetId(), outcome(refusal))
	}
}

func openWithAdapter(ctx context.Context, p *probe) finding {
	if p.trainable != TrainableYes {
		return notApplicable("the server accepted no adapter")
	}
	start := p.start(p.run("adapter-open"))
	start.Adapter = p.adapter()
	if _, err := p.openWith(ctx, start); err != nil {
		return broken("OK", "opening with the adapter: %s", outcome(err))
	}
	answer, err := p.recommend(ctx, start.GetRunId(), life(p.opts.StepSeconds, 1)[0], -1)
	if err != nil {
		return broken("OK", "Recommend: %s", outcome(err))
	}
	if answer.GetAdapter() != p.adapter().GetId() {
		return broken("the adapter's id in RecommendResponse.adapter", "opened with adapter %q, then adapter %q in force", p.adapter().GetId(), answer.GetAdapter())
	}
	return ok("a session is opened with the adapter in force")
}
