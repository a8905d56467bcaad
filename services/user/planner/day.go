package planner

import (
	"slices"
	"sort"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	shortest = 10 * minute // of a task
	longest  = 30 * minute
)

// block is a stretch of one activity. Seconds from the midnight before waking.
type block struct {
	from, to int
	kind     activity.Kind
	subject  string // of a requirement
	interest string // that it follows
	fixed    bool   // a requirement, a meal or the morning and evening routine
}

// purposes of the draws of a day.
const (
	forWake = iota
	forBed
	forAnchors
	forRoutine
	forMoods
	forFill
	forCuts
	forWords
	forSpots
)

// blocks lays out a day from getting up to going to bed.
func (p *Planner) blocks(src seeded.Source) (wake, bedtime int, out []block) {
	l := p.frame(src)
	p.fill(src, l)
	l.closeGaps()
	return l.from, l.to, l.blocks
}

// frame lays out what is certain of a day: requirements, meals, and the routine
// of morning and evening. The gaps are free.
func (p *Planner) frame(src seeded.Source) *layout {
	loose := 1.0 // how loosely the clock is kept
	if p.persona.GetBigFive().GetConscientiousness() == simv1.TraitLevel_TRAIT_LEVEL_HIGH {
		loose = 0.35
	}
	wake := p.rhythm.wake + jitter(src, forWake, 10*loose)
	bedtime := p.rhythm.bed + jitter(src, forBed, 14*loose)
	for _, a := range p.rhythm.anchors { // a fixed time early in the day wakes the person
		if a.timed && a.from-shortest >= p.rhythm.wake-shortest {
			wake = min(wake, max(a.from-shortest, p.rhythm.wake-shortest))
		}
	}
	l := &layout{from: wake, to: bedtime}

	anchors := slices.Clone(p.rhythm.anchors)
	for i := range anchors {
		a := &anchors[i]
		switch {
		case a.to >= p.rhythm.bed: // what closes the day moves with the hour of going to bed
			if !a.timed {
				a.from += bedtime - p.rhythm.bed
			}
			a.from, a.to = min(a.from, bedtime-shortest), bedtime
			continue
		case !a.timed:
			shift := jitter(src.At(forAnchors), i, 20)
			a.from, a.to = a.from+shift, a.to+shift
		case a.kind != activity.Meeting && a.from > wake+20*minute:
			a.from += jitter(src.At(forAnchors), i, 3*loose)
		}
	}
	// The longer ones first, so that lunch cuts the work day and not the other
	// way round.
	sort.SliceStable(anchors, func(i, k int) bool { return anchors[i].to-anchors[i].from > anchors[k].to-anchors[k].from })
	for _, a := range anchors {
		l.paint(block{from: a.from, to: a.to, kind: a.kind, subject: a.subject, fixed: true})
	}
	p.routine(src.At(forRoutine), l)
	return l
}

// jitter is a normal draw of so many minutes, cut at two deviations, in seconds.
func jitter(src seeded.Source, purpose int, minutes float64) int {
	return int(min(2, max(-2, src.Normal(purpose))) * minutes * minute)
}

// routine adds what nearly every day has and the persona did not mention:
// getting up, washing, dressing, meals, and winding down.
func (p *Planner) routine(src seeded.Source, l *layout) {
	short := func(i, least, most int) int { return (least + src.Intn(most-least+1, i)) * minute }
	l.offer(activity.WakeUp, l.from, short(0, 10, 14), 10*minute)
	l.offer(activity.Hygiene, l.from+10*minute, short(1, 12, 18), 90*minute)
	l.offer(activity.Dressing, l.from+20*minute, short(2, 10, 12), 90*minute)
	wind := short(3, 30, 55)
	if !p.rhythm.has(activity.WindDown) {
		l.offer(activity.WindDown, l.to-wind, wind, 0)
	}
	l.offer(activity.Hygiene, l.to-wind-15*minute, short(4, 10, 15), 45*minute)
	meals := []struct {
		kind activity.Kind
		from int
	}{
		{activity.Breakfast, l.from + 35*minute},
		{activity.Lunch, max(12*hour+30*minute, l.from+3*hour+30*minute)},
		{activity.Dinner, max(18*hour+45*minute, l.from+9*hour)},
	}
	for i, meal := range meals {
		if !p.rhythm.has(meal.kind) {
			l.offer(meal.kind, meal.from+jitter(src, 10+i, 10), usualMinutes[meal.kind]*minute, 90*minute)
		}
	}
	if !p.rhythm.has(activity.Cooking) && src.Float64(20) < 0.7 {
		for _, b := range l.blocks {
			if b.kind == activity.Dinner {
				l.offer(activity.Cooking, b.from-35*minute, 35*minute, 30*minute)
				break
			}
		}
	}
}

// fill spends the gaps on what the persona likes at that time of day.
func (p *Planner) fill(src seeded.Source, l *layout) {
	moods := p.taste.moods(src.At(forMoods))
	done := make([]int, len(leisures))
	var previous activity.Kind
	for i := 0; ; i++ {
		gap, before, ok := l.gap()
		if !ok {
			return
		}
		if before != "" {
			previous = before
		}
		d := src.At(forFill, i)
		n := p.choose(d, moods, done, previous, gap)
		choice := leisures[n]
		done[n]++
		lasts := (choice.least + d.Intn(choice.most-choice.least+1, 1)) * minute
		if gap.to-gap.from-lasts < shortest {
			lasts = gap.to - gap.from
		}
		b := block{from: gap.from, to: gap.from + lasts, kind: choice.kind}
		if subjects := p.taste.interests[choice.kind]; len(subjects) > 0 && d.Float64(2) < 0.6 {
			b.interest = subjects[d.Intn(len(subjects), 3)]
		}
		l.insert(b)
		previous = choice.kind
	}
}

// choose draws a leisure for a gap.
func (p *Planner) choose(src seeded.Source, moods []float64, done []int, previous activity.Kind, gap block) int {
	total := 0.0
	weights := make([]float64, len(leisures))
	for i := range leisures {
		l := &leisures[i]
		if l.kind == previous || done[i] >= l.daily || len(p.plan.Spots(l.kind)) == 0 || gap.to-gap.from < l.least*minute*2/3 && l.least > 20 {
			continue
		}
		weights[i] = moods[i] * l.at(gap.from) / float64(1+2*done[i])
		total += weights[i]
	}
	if total > 0 {
		x := src.Float64(0) * total
		for i, w := range weights {
			if x -= w; x < 0 && w > 0 {
				return i
			}
		}
	}
	for i := range leisures { // everything was done or nothing fits: rest
		if leisures[i].kind == activity.Relaxing {
			return i
		}
	}
	return 0
}
