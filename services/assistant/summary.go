package assistant

import (
	"strconv"

	"github.com/propersim/propersim/pkg/activity"
)

const (
	// hourBlocks and longBlocks are how much of the day a memory keeps in
	// summary: four blocks of one hour, the present one included, and before
	// them three of four hours (paper, section 3).
	hourBlocks = 4
	longBlocks = 3
	longHours  = 4
	// kindsTold is how many activities a summary names.
	kindsTold = 2
)

// hour adds up a stretch of a day.
type hour struct {
	steps    [40]int16 // by activity.Index
	seen     int       // steps
	said     int
	scoreSum int32
	scored   int
}

func (h *hour) add(kind int) {
	h.seen++
	if kind >= 0 {
		h.steps[kind]++
	}
}

func (h *hour) merge(other *hour) {
	for i, n := range other.steps {
		h.steps[i] += n
	}
	h.seen += other.seen
	h.said += other.said
	h.scoreSum += other.scoreSum
	h.scored += other.scored
}

// summarise appends a line on the hours [from, to) of today, or nothing where
// none was seen.
func (m *memory) summarise(out []byte, from, to int) []byte {
	block := &m.hours[from]
	if to > from+1 {
		block = &hour{}
		for h := from; h < to; h++ {
			block.merge(&m.hours[h])
		}
	}
	if block.seen == 0 {
		return out
	}
	out = appendTwo(append(out, '\n'), from)
	out = appendTwo(append(out, '-'), to)
	out = append(out, "h:"...)
	out = m.appendKinds(out, block)
	if holdsGiven(m.level) {
		out = strconv.AppendInt(append(out, "; spoke "...), int64(block.said), 10)
		out = append(out, 'x')
	}
	if block.scored > 0 {
		out = strconv.AppendFloat(append(out, ", mean score "...), float64(block.scoreSum)/float64(block.scored), 'f', 1, 64)
	}
	return out
}

// appendKinds names the activities that took the most steps, with minutes.
func (m *memory) appendKinds(out []byte, block *hour) []byte {
	var told [kindsTold]int
	for n := range told {
		best := -1
		for i, steps := range block.steps[:len(kindNames)] {
			if steps > 0 && (best < 0 || steps > block.steps[best]) && !in(told[:n], i) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		told[n] = best
		if n > 0 {
			out = append(out, ',')
		}
		out = append(append(out, ' '), kindNames[best]...)
		out = strconv.AppendInt(append(out, ' '), int64(m.scale.Minutes(int32(block.steps[best]))+0.5), 10)
		out = append(out, 'm')
	}
	return out
}

func in(list []int, x int) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// summaries appends today's blocks before the present hour, oldest first.
func (m *memory) summaries(out []byte, now int) []byte {
	first := now - hourBlocks + 1 // of the hour blocks
	for n := longBlocks; n >= 1; n-- {
		from, to := first-n*longHours, first-(n-1)*longHours
		if to > 0 {
			out = m.summarise(out, max(from, 0), to)
		}
	}
	for h := max(first, 0); h < now; h++ {
		out = m.summarise(out, h, h+1)
	}
	return out
}

var kindNames = activity.Kinds()

func appendTwo(out []byte, n int) []byte { return append(out, byte('0'+n/10), byte('0'+n%10)) }

// appendClock appends a second of the day as hours and minutes.
func appendClock(out []byte, second int32) []byte {
	out = appendTwo(out, int(second/3600))
	return appendTwo(append(out, ':'), int(second/60%60))
}
