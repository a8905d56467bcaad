package conformance

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func recordChecks() []check {
	return []check{
		{
			id: "record.calls", level: Must, needs: []string{"session.open"},
			requires: "The id of a model call is unique within an answer, and each timing has the id of a call of that answer: both are committed with the step.",
			run:      uniqueCalls,
		},
		{
			id: "record.notes", level: Must, needs: []string{"run.life", "session.open-history"},
			requires: "A server gets its notes back in the history, also with a step at which the user sleeps. Such a step has notes alone and does not count for last_step.",
			run:      sleepingNotes,
		},
	}
}

func uniqueCalls(_ context.Context, p *probe) finding {
	calls := 0
	for _, answer := range p.answers {
		ids := map[string]bool{}
		for _, c := range answer.GetCalls() {
			if ids[c.GetId()] {
				return broken("an id for each call of an answer", "two calls of an answer have the id %q", c.GetId())
			}
			ids[c.GetId()] = true
		}
		for _, t := range answer.GetTimings() {
			if !ids[t.GetCallId()] {
				return broken("the id of a call of the same answer", "a timing is for the unknown call %q", t.GetCallId())
			}
		}
		calls += len(ids)
	}
	if calls == 0 {
		return ok("no answer reports model calls")
	}
	return ok("%d calls in %d answers have unique ids", calls, len(p.answers))
}

// sleepingNotes opens a session with the first notes that the server returned, as
// if their step had been lost and the next committed one was asleep.
func sleepingNotes(ctx context.Context, p *probe) finding {
	n := 0
	for n < len(p.lived) && len(p.lived[n].answer.GetNotes()) == 0 {
		n++
	}
	if n == len(p.lived) {
		return notApplicable("the server returns no notes")
	}
	history := make([]*simv1.PastStep, n, n+1)
	for i := range history {
		history[i] = p.lived[i].past
	}
	asleep := &simv1.PastStep{Step: p.lived[n].moment.step, Notes: p.lived[n].answer.GetNotes()}
	run := p.run("notes")
	at, err := p.open(ctx, run, append(history, asleep))
	if err != nil {
		return broken("OK", "opening with a sleeping step that has %d notes: %s", len(asleep.GetNotes()), outcome(err))
	}
	if at != last(history) {
		return broken(fmt.Sprintf("last_step %d, the last waking step", last(history)), "last_step %d after a sleeping step %d", at, asleep.GetStep())
	}
	next := moment{step: asleep.GetStep() + 1, seen: proto.CloneOf(p.lived[n].moment.seen)}
	if _, err := p.recommend(ctx, run, next, at); err != nil {
		return broken("OK", "Recommend after a sleeping step: %s", outcome(err))
	}
	return ok("takes its notes back, also with a sleeping step")
}
