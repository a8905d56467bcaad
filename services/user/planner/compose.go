package planner

import (
	"fmt"
	"slices"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/world"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Stretch is a part of a waking day that has one activity.
type Stretch struct {
	// From and To are seconds from the midnight before waking.
	From, To int
	// Kind is empty for a free stretch.
	Kind activity.Kind
	// Doing says what exactly, where that is known.
	Doing string
	// Fixed: part of what is certain of the day.
	Fixed bool
}

// Frame is what is certain of a day before anybody plans it: a function of
// persona, seed and day.
type Frame struct {
	// Wake and Bed are seconds from midnight.
	Wake, Bed int
	// Stretches cover [Wake, Bed) in order; those without a kind are free. None is
	// shorter than a task.
	Stretches []Stretch
}

// Frame returns the frame of a day, 1-based: for a planner that fills the free
// stretches by other means.
func (p *Planner) Frame(number int32) Frame {
	l := p.frame(p.source.At(int(number)))
	l.blocks = append(l.blocks, l.gaps()...)
	l.sort()
	l.closeGaps()
	out := Frame{Wake: l.from, Bed: l.to}
	for _, b := range l.blocks {
		out.Stretches = append(out.Stretches, Stretch{From: b.from, To: b.to, Kind: b.kind, Doing: b.subject, Fixed: b.kind != ""})
	}
	return out
}

// Shortest and Longest bound a task, in seconds, the walk after it included.
const (
	Shortest = shortest
	Longest  = longest
)

// Kinds returns the activities that the world affords and that somebody can
// plan, in the order of activity.Kinds.
func (p *Planner) Kinds() []activity.Kind {
	var out []activity.Kind
	for _, kind := range activity.Kinds() {
		switch kind {
		case activity.Sleep, activity.WakeUp, activity.Walking, activity.Private:
			continue
		}
		if len(p.plan.Spots(kind)) > 0 {
			out = append(out, kind)
		}
	}
	return out
}

// Places returns where an activity can be done. An activity that the world does
// not afford is replaced by a similar one, which is returned with its places.
func (p *Planner) Places(kind activity.Kind) (activity.Kind, []world.Spot) {
	m := maker{planner: p, src: p.source, room: p.bed.Room}
	kind, _ = m.place(kind, 0)
	return kind, p.plan.Spots(kind)
}

// Count returns into how many tasks a stretch is divided.
func Count(s Stretch) int { return taskCount(s.To - s.From) }

// Draft is a stretch with everything decided.
type Draft struct {
	Stretch
	// Room and Object are an affordance of the kind.
	Room, Object string
	// Tasks describe the Count tasks of the stretch.
	Tasks []string
}

// Compose makes a day of drafts that cover it. It adds the walks and divides the
// stretches as the embedded planner does. It returns an errs.ErrInvalid for
// drafts that break a rule of Check.
func (p *Planner) Compose(number int32, wake, bed int, drafts []Draft) (*Day, error) {
	d := &Day{Number: number, Wake: wake, Bed: bed}
	d.Night = p.asleep(p.firstStep(number, bed))
	m := maker{planner: p, day: d, src: p.source.At(int(number)), room: p.bed.Room}
	for i, draft := range drafts {
		spots := p.plan.Spots(draft.Kind)
		at := slices.IndexFunc(spots, func(s world.Spot) bool { return s.RoomID == draft.Room && s.ObjectID == draft.Object })
		if at < 0 {
			return nil, errs.Invalid("plan", "%s in %s does not afford %s", draft.Object, draft.Room, draft.Kind)
		}
		cuts := m.cuts(i, block{from: draft.From, to: draft.To})
		if len(cuts) != len(draft.Tasks) {
			return nil, errs.Invalid("plan", "found %d tasks of %s, want %d", len(draft.Tasks), draft.Kind, len(cuts))
		}
		m.walk(spots[at])
		for k, cut := range cuts {
			action := &simv1.Action{
				Kind: string(draft.Kind), Description: draft.Tasks[k], Room: draft.Room, Object: draft.Object,
				StartedStep: p.firstStep(number, cut[0]),
			}
			m.add(Task{From: cut[0], To: cut[1], Required: draft.Fixed && draft.Doing != "", Action: action}, spots[at].Private)
		}
		m.room = spots[at].Room
	}
	m.walk(p.bed)
	if err := Check(d, p.plan.World()); err != nil {
		return nil, fmt.Errorf("plan of day %d: %w: %w", number, err, errs.ErrInvalid)
	}
	return d, nil
}

// At returns what the person does at a second of a day that it is awake.
func (d *Day) At(second int) (*simv1.Action, *simv1.Observation) { return d.at(second) }

// Asleep is the night before the first day.
func (p *Planner) Asleep() *simv1.Action { return p.asleep(0) }
