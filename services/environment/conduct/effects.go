package conduct

import (
	"slices"

	"google.golang.org/protobuf/proto"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	maxNoteKey = 200       // bytes, as in the contract
	maxNote    = 256 << 10 // bytes of one note's content, as in the contract
	// maxNotes bounds the notes of one session in one step, bytes: its history must
	// fit into messages of 4 MiB.
	maxNotes = 2 << 20
)

// effects are what an answer brings beside its content.
type effects struct {
	calls   []*simv1.ModelCall
	timings []*simv1.CallTiming
	notes   []*simv1.Note
}

// answer is any answer of the user or the assistant.
type answer interface {
	GetCalls() []*simv1.ModelCall
	GetTimings() []*simv1.CallTiming
	GetNotes() []*simv1.Note
}

// rolesOf are the roles that a service plays.
type rolesOf []simv1.Role

var (
	userRoles      = rolesOf{simv1.Role_ROLE_PLANNER, simv1.Role_ROLE_JUDGE}
	assistantRoles = rolesOf{simv1.Role_ROLE_ASSISTANT, simv1.Role_ROLE_SUMMARIZER, simv1.Role_ROLE_EMBEDDER}
)

// draft is a step in progress.
type draft struct {
	step    *environmentv1.Step
	timings []*simv1.CallTiming // beside the chain
	began   bool                // it has calls, timings or notes
}

// take adds what came with an answer to the step. notes is the step's list for
// the service that answered.
func (d *draft) take(notes *[]*simv1.Note, a answer) {
	if len(a.GetCalls()) == 0 && len(a.GetTimings()) == 0 && len(a.GetNotes()) == 0 {
		return // every answer of an embedded driver
	}
	d.began = true
	d.step.Calls = append(d.step.Calls, a.GetCalls()...)
	d.timings = append(d.timings, a.GetTimings()...)
	*notes = append(*notes, a.GetNotes()...)
}

// keep puts what came with an answer aside for the next step. prefix is put
// before the ids of its calls, which are unique within their own step alone.
func (p *peer) keep(prefix string, a answer) {
	for _, call := range a.GetCalls() {
		call.Id = prefix + call.GetId()
		p.pending.calls = append(p.pending.calls, call)
	}
	for _, timing := range a.GetTimings() {
		timing.CallId = prefix + timing.GetCallId()
		p.pending.timings = append(p.pending.timings, timing)
	}
	p.pending.notes = append(p.pending.notes, a.GetNotes()...)
}

func (e *effects) empty() bool { return len(e.calls) == 0 && len(e.timings) == 0 && len(e.notes) == 0 }

// seal adds to a step what was put aside for it, and checks all of it. The step
// is then ready to be committed; settle follows the commit.
func (r *runner) seal(d *draft) error {
	if r.user.pending.empty() && r.assistant.pending.empty() && !d.began {
		return nil
	}
	s, user, assistant := d.step, &r.user.pending, &r.assistant.pending
	s.Calls = slices.Concat(user.calls, assistant.calls, s.Calls)
	d.timings = slices.Concat(user.timings, assistant.timings, d.timings)
	s.UserNotes = slices.Concat(user.notes, s.UserNotes)
	s.AssistantNotes = slices.Concat(assistant.notes, s.AssistantNotes)
	if err := checkNotes("the user", s.GetUserNotes(), userRoles); err != nil {
		return err
	}
	if err := checkNotes("the assistant", s.GetAssistantNotes(), assistantRoles); err != nil {
		return err
	}
	return checkCalls(s.GetCalls(), d.timings)
}

// settle forgets what was put aside once it is handed in with a step.
func (r *runner) settle() {
	r.user.pending, r.assistant.pending = effects{}, effects{}
}

func checkNotes(who string, notes []*simv1.Note, allowed rolesOf) error {
	total := 0
	for _, note := range notes {
		total += proto.Size(note)
		switch {
		case !slices.Contains(allowed, note.GetRole()):
			return broken("%s returned a note of role %v", who, note.GetRole())
		case note.GetKey() == "" || len(note.GetKey()) > maxNoteKey:
			return broken("%s returned a note whose key has %d bytes, want 1 to %d", who, len(note.GetKey()), maxNoteKey)
		case len(note.GetContent()) > maxNote:
			return broken("note %q of %s has %d bytes, want at most %d", note.GetKey(), who, len(note.GetContent()), maxNote)
		}
	}
	if total > maxNotes {
		return broken("the notes of %s for one step have %d bytes, want at most %d", who, total, maxNotes)
	}
	return nil
}

// checkCalls checks that every call of a step has an id of its own, and every
// timing the id of a call.
func checkCalls(calls []*simv1.ModelCall, timings []*simv1.CallTiming) error {
	ids := make(map[string]bool, len(calls))
	for _, call := range calls {
		if id := call.GetId(); id == "" || ids[id] {
			return broken("call id %q is empty or was used twice in the step", id)
		}
		ids[call.GetId()] = true
	}
	for _, timing := range timings {
		if !ids[timing.GetCallId()] {
			return broken("a timing names call %q, which the step does not have", timing.GetCallId())
		}
	}
	return nil
}
