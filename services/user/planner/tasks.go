package planner

import (
	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/world"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// maker turns blocks into tasks, walking from place to place.
type maker struct {
	planner *Planner
	day     *Day
	src     seeded.Source
	room    int // where the person is
	spoken  map[activity.Kind]int
}

// instead is what is done where a world affords no place for an activity; what
// is not named here becomes rest.
var instead = map[activity.Kind]activity.Kind{
	activity.Meeting: activity.Work, activity.Work: activity.Study, activity.Study: activity.Reading, activity.Writing: activity.Work,
	activity.Planning: activity.Work, activity.Journaling: activity.Reading, activity.Yoga: activity.Exercise,
	activity.Art: activity.Craft, activity.Craft: activity.Art, activity.Breakfast: activity.Snack, activity.Lunch: activity.Snack,
	activity.Dinner: activity.Lunch, activity.Hosting: activity.FamilyCare, activity.Gaming: activity.Screen, activity.Prayer: activity.Meditation,
	activity.WindDown: activity.WakeUp, activity.Dressing: activity.WakeUp, activity.Relaxing: activity.WakeUp,
}

// place binds a kind to a spot: mostly the nearest, sometimes another. A kind
// that the world does not afford is replaced by a similar one, and finally by
// getting up at the bed, which every world has.
func (m *maker) place(kind activity.Kind, number int) (activity.Kind, world.Spot) {
	for range 4 {
		if len(m.planner.plan.Spots(kind)) > 0 {
			break
		}
		next, ok := instead[kind]
		if !ok {
			next = activity.Relaxing
		}
		kind = next
	}
	spots := m.planner.plan.Spots(kind)
	if len(spots) == 0 {
		kind = activity.WakeUp
		spots = m.planner.plan.Spots(kind)
	}
	if d := m.src.At(forSpots, number); d.Float64(0) < 0.35 {
		return kind, spots[d.Intn(len(spots), 1)]
	}
	spot, _ := m.planner.plan.ObjectFor(kind, m.room)
	return kind, spot
}

// block adds the tasks of a block. The walk to its place is taken from the end
// of the task before, so that a requirement begins on time.
func (m *maker) block(number int, b block) {
	kind, spot := m.place(b.kind, number)
	m.walk(spot)
	for i, cut := range m.cuts(number, b) {
		action := &simv1.Action{
			Kind: string(kind), Description: m.describe(kind, b, i), Room: spot.RoomID, Object: spot.ObjectID,
			StartedStep: m.planner.firstStep(m.day.Number, cut[0]),
		}
		m.add(Task{From: cut[0], To: cut[1], Required: b.subject != "" && kind == b.kind, Action: action}, spot.Private)
	}
	m.room = spot.Room
}

// walk ends the last task early by the time that the floor plan asks for, at
// most by half of the task.
func (m *maker) walk(to world.Spot) {
	tasks := m.day.Tasks
	seconds := int(m.planner.plan.WalkSeconds(m.room, to.Room))
	if seconds == 0 || len(tasks) == 0 {
		return
	}
	last := &tasks[len(tasks)-1]
	end := last.To
	last.To -= min(seconds, (last.To-last.From)/2)
	from := m.planner.plan.Room(m.room)
	action := &simv1.Action{
		Kind: string(activity.Walking), Description: "walking to the " + m.planner.plan.Room(to.Room).GetName(),
		Room: from.GetId(), StartedStep: m.planner.firstStep(m.day.Number, last.To), Walking: true,
	}
	m.add(Task{From: last.To, To: end, Action: action}, from.GetPrivate())
}

func (m *maker) add(t Task, private bool) {
	a := t.Action
	t.Observation = &simv1.Observation{
		Kind: a.GetKind(), Description: a.GetDescription(), Room: a.GetRoom(), Object: a.GetObject(),
		StartedStep: a.GetStartedStep(), Walking: a.GetWalking(),
	}
	if private {
		t.Observation = &simv1.Observation{Kind: string(activity.Private), Description: "out of sight", StartedStep: a.GetStartedStep()}
	}
	m.day.Tasks = append(m.day.Tasks, t)
}

// cuts divides a block into tasks of 10 to 30 minutes of uneven length.
func (m *maker) cuts(number int, b block) [][2]int {
	total := b.to - b.from
	n := taskCount(total)
	d := m.src.At(forCuts, number)
	even := float64(total) / float64(n)
	play := max(0, min(even-shortest, longest-even)) / 2
	out := make([][2]int, n)
	at := b.from
	for i := range out {
		end := b.to
		if i < n-1 {
			end = b.from + int(even*float64(i+1)+play*(2*d.Float64(i)-1))
		}
		out[i] = [2]int{at, end}
		at = end
	}
	return out
}

// taskCount is how many tasks a stretch of so many seconds has.
func taskCount(total int) int {
	return max(1, (total+longest-1)/longest, min(total/shortest, (total+10*minute)/(20*minute)))
}

// describe returns the words for a task. No description is used twice on a day
// before all of its kind were used.
func (m *maker) describe(kind activity.Kind, b block, i int) string {
	if b.interest != "" && i == 0 {
		return follow(kind, b.interest)
	}
	table := descriptions[kind]
	n := m.spoken[kind]
	m.spoken[kind]++
	order := m.src.Perm(len(table), forWords, activity.Index(kind), n/len(table))
	text := table[order[n%len(table)]]
	if b.subject != "" && kind == b.kind && specific[kind] {
		return lowerFirst(b.subject) + ": " + text
	}
	return text
}

// specific are the activities of which a requirement says more than the kind
// does.
var specific = map[activity.Kind]bool{
	activity.Work: true, activity.Meeting: true, activity.Study: true, activity.Writing: true, activity.Repair: true,
	activity.Craft: true, activity.Art: true, activity.Music: true, activity.Planning: true, activity.Exercise: true,
}
