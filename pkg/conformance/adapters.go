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
			requires: "UseAdapter puts an adapter in force for the steps that follow, the same again is a no-op; or it is UNIMPLEMENTED. A refused adapter changes nothing.",
			run:      useAdapter,
		},
		{
			id: "adapter.open", level: Must, needs: []string{"adapter.use"},
			requires: "An adapter in SessionStart is in force when the next step begins.",
			run:      openWithAdapter,
		},
	}
}

// adapter is the server's own where the options give one, else an invented one.
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
		return broken("OK", "opening: %s", told(err))
	}
	before, err := p.recommend(ctx, run, first, -1)
	if err != nil {
		return broken("OK", "Recommend before: %s", told(err))
	}
	refusal := p.use(ctx, run, p.adapter())
	after, err := p.recommend(ctx, run, first, -1)
	if err != nil {
		return broken("OK", "Recommend after UseAdapter answered %s: %s", told(refusal), told(err))
	}
	if refusal == nil {
		if after.GetAdapter() != p.adapter().GetId() {
			return broken("the adapter's id in RecommendResponse.adapter", "UseAdapter(%q): OK, then adapter %q in force", p.adapter().GetId(), after.GetAdapter())
		}
		if err := p.use(ctx, run, p.adapter()); err != nil {
			return broken("OK", "the same adapter again: %s", told(err))
		}
		p.trainable = TrainableYes
		return ok("trainable: takes an adapter, and the same again")
	}
	if after.GetAdapter() != before.GetAdapter() {
		return broken("the adapter in force before", "UseAdapter: %s, then adapter %q in force", told(refusal), after.GetAdapter())
	}
	switch c := code(refusal); {
	case c == codes.Unimplemented:
		p.trainable = TrainableNo
		return ok("not trainable: UNIMPLEMENTED")
	case p.opts.Adapter != nil:
		return broken("OK for an adapter of its own", "UseAdapter(%q): %s", p.adapter().GetId(), told(refusal))
	case c == codes.InvalidArgument || c == codes.FailedPrecondition || c == codes.NotFound:
		return ok("refuses an invented adapter and goes on without it: %s", told(refusal))
	default:
		return broken("OK; UNIMPLEMENTED; INVALID_ARGUMENT, NOT_FOUND or FAILED_PRECONDITION for an adapter it does not know", "UseAdapter(%q): %s", p.adapter().GetId(), told(refusal))
	}
}

func openWithAdapter(ctx context.Context, p *probe) finding {
	if p.trainable != TrainableYes {
		return notApplicable("no adapter was taken")
	}
	start := p.start(p.run("adapter-open"))
	start.Adapter = p.adapter()
	if _, err := p.openWith(ctx, start); err != nil {
		return broken("OK", "opening with the adapter: %s", told(err))
	}
	answer, err := p.recommend(ctx, start.GetRunId(), life(p.opts.StepSeconds, 1)[0], -1)
	if err != nil {
		return broken("OK", "Recommend: %s", told(err))
	}
	if answer.GetAdapter() != p.adapter().GetId() {
		return broken("the adapter's id in RecommendResponse.adapter", "opened with adapter %q, then adapter %q in force", p.adapter().GetId(), answer.GetAdapter())
	}
	return ok("a session opens with the adapter in force")
}
