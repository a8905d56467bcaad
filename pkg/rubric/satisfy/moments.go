package satisfy

import (
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	day          = 1440
	defaultAfter = 30 // minutes that "after" lasts where nothing is said
	step         = 5  // distance between the minutes that are looked at
)

// usual are the hours, in minutes after midnight, in which an activity can
// begin or go on; from after to runs over midnight. Those not named here happen
// at any hour. The hours are wide: they exclude only what nobody would call by
// that name.
var usual = map[activity.Kind][2]int{
	activity.WakeUp:    {180, 720},
	activity.Breakfast: {240, 720},
	activity.Lunch:     {630, 960},
	activity.Dinner:    {960, 1410},
	activity.WindDown:  {1140, 180},
}

// kinds is a set of activities, a bit for each.
type kinds uint64

func setOf(k activity.Kind) kinds {
	if i := activity.Index(k); i >= 0 {
		return 1 << i
	}
	return 0
}

// going are the activities that can go on at each step of the day.
var going = func() (out [day / step]kinds) {
	for _, k := range activity.Kinds() {
		hours, limited := usual[k]
		for i := range out {
			if !limited || inside(i*step, hours[0], hours[1]) {
				out[i] |= setOf(k)
			}
		}
	}
	return out
}()

// inside reports whether a minute lies in [from, to), over midnight where to is
// not after from.
func inside(at, from, to int) bool {
	if from < to {
		return at >= from && at < to
	}
	return at >= from || at < to
}

// pattern is a MomentPattern made ready for matching.
type pattern struct {
	name     string
	clocked  bool
	from, to int
	active   bool
	after    bool
	lasts    int // minutes after the activity
	kinds    kinds
}

func compile(p *simv1.MomentPattern) pattern {
	out := pattern{name: p.GetName(), clocked: p.GetClock() != nil, from: int(p.GetClock().GetFromMinute()), to: int(p.GetClock().GetToMinute())}
	if a := p.GetActivity(); a != nil {
		out.active, out.after = true, a.GetRelation() == simv1.ActivityRelation_ACTIVITY_RELATION_AFTER
		out.lasts = int(a.GetWithinMinutes())
		if out.lasts == 0 {
			out.lasts = defaultAfter
		}
		for _, k := range a.GetKinds() {
			out.kinds |= setOf(activity.Kind(k))
		}
	}
	return out
}

func compileAll(list []*simv1.MomentPattern) []pattern {
	out := make([]pattern, len(list))
	for i, p := range list {
		out[i] = compile(p)
	}
	return out
}

// moment is one thing that a day can bring: what the person does at a minute, and what
// has ended so many minutes before it.
type moment struct {
	at    int
	kind  kinds // one of them
	ended kinds // one of them or none
	ago   int
}

// matches reports whether the pattern applies to a moment.
func (p *pattern) matches(m moment) bool {
	switch {
	case p.clocked && !inside(m.at, p.from, p.to):
		return false
	case !p.active:
		return true
	case !p.after:
		return p.kinds&m.kind != 0
	}
	return p.kinds&m.kind == 0 && p.kinds&m.ended != 0 && m.ago <= p.lasts
}

func matchesAny(list []pattern, m moment) bool {
	for i := range list {
		if list[i].matches(m) {
			return true
		}
	}
	return false
}

// meets reports whether the pattern can ever apply.
func (p *pattern) meets() bool {
	if !p.active || !p.clocked {
		return true
	}
	for i := range going {
		if !inside(i*step, p.from, p.to) {
			continue
		}
		if !p.after && going[i]&p.kinds != 0 || p.after && endedBy(i, p.lasts)&p.kinds != 0 {
			return true
		}
	}
	return false
}

// endedBy are the activities that can have ended at most so many minutes before
// a step of the day.
func endedBy(i, lasts int) kinds {
	var out kinds
	for back := 0; back <= min(lasts/step, len(going)-1); back++ {
		out |= going[(i-back+len(going))%len(going)]
	}
	return out
}

// Meets reports whether a pattern can ever apply: whether its activity can happen,
// or can have ended, at its time of the clock. A pattern without either always
// can.
func Meets(p *simv1.MomentPattern) bool {
	c := compile(p)
	return c.meets()
}

// Asleep reports a pattern that applies only while the person sleeps.
func Asleep(p *simv1.MomentPattern) bool {
	c := compile(p)
	return c.active && !c.after && c.kinds == setOf(activity.Sleep)
}

func same(a, b *simv1.MomentPattern) bool {
	return proto.Equal(a.GetClock(), b.GetClock()) && proto.Equal(a.GetActivity(), b.GetActivity())
}

// disjoint counts slots no two of which can be served by one recommendation.
func disjoint(slots []*simv1.MomentPattern) int32 {
	var chosen []pattern
next:
	for _, s := range compileAll(slots) {
		for i := range chosen {
			if !excludes(&s, &chosen[i]) {
				continue next
			}
		}
		chosen = append(chosen, s)
	}
	return int32(len(chosen))
}

// excludes reports two patterns that cannot apply at once.
func excludes(a, b *pattern) bool {
	if a.clocked && b.clocked {
		meet := false
		for at := 0; at < day && !meet; at += step {
			meet = inside(at, a.from, a.to) && inside(at, b.from, b.to)
		}
		if !meet {
			return true
		}
	}
	return a.active && b.active && !a.after && !b.after && a.kinds&b.kinds == 0
}
