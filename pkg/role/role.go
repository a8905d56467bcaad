// Package role has what the interfaces of the roles share. A role is a part of a
// run that a driver plays: planner, judge, assistant, summarizer, embedder and
// rubric compiler. Each interface is declared beside its consumer; each has an
// embedded driver and can have others that ask a model.
package role

import simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"

// Effects are what a driver did beside its answer: the model calls that it made,
// and decisions that nobody can derive again. The service returns them with its
// own answer, and the environment commits them with the step. The zero value has
// none, as with the embedded drivers.
type Effects struct {
	// Calls in the order of their ids; an id is unique within a step.
	Calls []*simv1.ModelCall
	// Timings of these calls, by call id.
	Timings []*simv1.CallTiming
	// Notes in the order in which they were decided. A session that is opened
	// again gets them back in this order.
	Notes []*simv1.Note
}

// Add appends the effects of another driver, or of a later call.
func (e *Effects) Add(other Effects) {
	e.Calls = append(e.Calls, other.Calls...)
	e.Timings = append(e.Timings, other.Timings...)
	e.Notes = append(e.Notes, other.Notes...)
}

// Empty reports whether there are neither calls nor timings nor notes.
func (e *Effects) Empty() bool {
	return len(e.Calls) == 0 && len(e.Timings) == 0 && len(e.Notes) == 0
}
