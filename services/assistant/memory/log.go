package memory

import (
	"fmt"
	"iter"
	"sort"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/counts"
	"github.com/propersim/propersim/services/assistant/driver"
)

const (
	// verbatimMinutes is how far back a step is shown as it was (paper, section
	// 3).
	verbatimMinutes = 10
	// hourBlocks and longBlocks say how much of the day is shown in summary: four
	// blocks of one hour, the present one included, and before them three of four
	// hours (paper, section 3).
	hourBlocks = 4
	longBlocks = 3
	longHours  = 4
	// blockName is the format of driver.Block.Name: day, from, to.
	blockName = "%d/%02d-%02d"
)

// log has the waking steps of today, their counts by the hour, and the summaries
// of finished hours.
type log struct {
	level simv1.MemoryLevel
	scale simtime.Scale

	day   int32         // of the last step, 1-based
	lines []driver.Line // of today, and of yesterday the last verbatimMinutes
	hours [24]driver.Counts
	short [24]summary // of one hour, by that hour
	long  [25]summary // of up to longHours, by the hour at which they end
}

// summary is the text of a block. It counts as long as the block has as many
// steps; 0 steps mean that there is none.
type summary struct {
	Steps int    `json:"steps"`
	Text  string `json:"text"`
}

// span is a block by its hours: [from, to).
type span struct{ from, to int }

func (l *log) observe(past *simv1.PastStep) {
	step, seen := past.GetStep(), past.GetObservation()
	if day := l.scale.Day(step); day != l.day {
		l.newDay(day, step)
	}
	now := driver.Line{Step: step, Kind: seen.GetKind(), Description: seen.GetDescription(), Room: seen.GetRoom(), Score: -1}
	hour := &l.hours[l.hour(step)]
	hour.Add(activity.Index(activity.Kind(seen.GetKind())))
	if said := past.GetDelivered().GetRecommendation(); said != nil && l.level >= simv1.MemoryLevel_MEMORY_LEVEL_AR {
		now.Said = said.GetText()
		hour.Said++
		if l.level >= simv1.MemoryLevel_MEMORY_LEVEL_ARS && past.Score != nil {
			now.Score = past.GetScore()
			hour.ScoreSum += now.Score
			hour.Scored++
		}
	}
	l.lines = append(l.lines, now)
}

// newDay drops yesterday but for the minutes that are still shown verbatim. The
// lines get a new array: blocks that are being summarized refer to the old one.
func (l *log) newDay(day, step int32) {
	kept := l.verbatim(step)
	l.lines = append(make([]driver.Line, 0, len(l.lines)+len(kept)), kept...)
	l.day = day
	clear(l.hours[:])
	clear(l.short[:])
	clear(l.long[:])
}

// verbatim returns the lines of the last verbatimMinutes before a step.
func (l *log) verbatim(step int32) []driver.Line {
	from := len(l.lines)
	for from > 0 && l.scale.Minutes(step-l.lines[from-1].Step) <= verbatimMinutes {
		from--
	}
	return l.lines[from:]
}

func (l *log) hour(step int32) int { return int(l.scale.SecondOfDay(step)) / 3600 }

// shown yields the finished blocks that are shown in an hour, oldest first.
func shown(hour int) iter.Seq[span] {
	return func(yield func(span) bool) {
		first := hour - hourBlocks + 1 // of the blocks of one hour
		for n := longBlocks; n >= 1; n-- {
			from, to := first-n*longHours, first-(n-1)*longHours
			if to > 0 && !yield(span{max(from, 0), to}) {
				return
			}
		}
		for h := max(first, 0); h < hour; h++ {
			if !yield(span{h, h + 1}) {
				return
			}
		}
	}
}

// steps returns the number of waking steps of a block.
func (l *log) steps(s span) int {
	n := 0
	for h := s.from; h < s.to; h++ {
		n += l.hours[h].Steps
	}
	return n
}

// summaryOf returns where the summary of a block is kept.
func (l *log) summaryOf(s span) *summary {
	if s.to == s.from+1 {
		return &l.short[s.from]
	}
	return &l.long[s.to]
}

func (l *log) missing(step int32) []*driver.Block {
	if l.day != l.scale.Day(step) {
		return nil
	}
	var out []*driver.Block
	for s := range shown(l.hour(step)) {
		if n := l.steps(s); n > 0 && l.summaryOf(s).Steps != n {
			out = append(out, l.block(s))
		}
	}
	return out
}

func (l *log) block(s span) *driver.Block {
	b := &driver.Block{
		Name: fmt.Sprintf(blockName, l.day, s.from, s.to), Day: l.day, From: s.from, To: s.to, Scale: l.scale, Memory: l.level,
	}
	for h := s.from; h < s.to; h++ {
		b.Merge(&l.hours[h])
	}
	first := func(hour int) int {
		step := l.scale.FirstStep(l.day) + int32((hour*3600+int(l.scale)-1)/int(l.scale))
		return sort.Search(len(l.lines), func(i int) bool { return l.lines[i].Step >= step })
	}
	b.Lines = l.lines[first(s.from):first(s.to):first(s.to)]
	return b
}

// summarize ignores a block of another day: it is not shown any more.
func (l *log) summarize(day int32, from, to int, text summary) {
	if day == l.day {
		*l.summaryOf(span{from, to}) = text
	}
}

// append appends what is shown of today at a step: the summaries of finished
// blocks, the counts of the present hour, and the last minutes.
func (l *log) append(out []byte, step int32) []byte {
	if l.day != l.scale.Day(step) {
		return out
	}
	out = append(out, "Today:"...)
	now := l.hour(step)
	for s := range shown(now) {
		if text := l.summaryOf(s); l.steps(s) > 0 {
			out = append(appendHours(out, s), text.Text...)
		}
	}
	if l.hours[now].Steps > 0 {
		out = counts.Append(appendHours(out, span{now, now + 1}), &l.hours[now], l.scale, l.level)
	}
	out = append(out, "\nLast minutes:"...)
	for _, line := range l.verbatim(step) {
		out = appendLine(out, l.scale, &line)
	}
	return append(out, '\n')
}
