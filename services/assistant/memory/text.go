package memory

import (
	"strconv"

	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

// appendPresent appends the present step: when, and what the user is seen to do.
func appendPresent(out []byte, scale simtime.Scale, step int32, seen *simv1.Observation) []byte {
	out = strconv.AppendInt(append(out, "Now, day "...), int64(scale.Day(step)), 10)
	out = AppendClock(append(out, ' '), scale.SecondOfDay(step))
	out = append(append(out, ": "...), seen.GetKind()...)
	if d := seen.GetDescription(); d != "" {
		out = append(append(out, ", "...), d...)
	}
	if seen.GetWalking() {
		out = append(out, ", walking"...)
	}
	if r := seen.GetRoom(); r != "" {
		out = append(append(out, ", in the "...), r...)
	}
	if o := seen.GetObject(); o != "" {
		out = append(append(out, ", at the "...), o...)
	}
	out = strconv.AppendInt(append(out, ", for "...), int64(scale.Minutes(step-seen.GetStartedStep())), 10)
	return append(out, " min."...)
}

// appendLine appends a past step on a line of its own.
func appendLine(out []byte, scale simtime.Scale, line *driver.Line) []byte {
	out = AppendClock(append(out, '\n'), scale.SecondOfDay(line.Step))
	out = append(append(out, ' '), line.Kind...)
	if line.Said != "" {
		out = append(append(append(out, ", said: "...), line.Said...), ' ')
	}
	if line.Score >= 0 {
		out = strconv.AppendInt(append(out, "(score "...), int64(line.Score), 10)
		out = append(out, ')')
	}
	return out
}

// appendHours begins the line of a block.
func appendHours(out []byte, s span) []byte {
	out = appendTwo(append(out, '\n'), s.from)
	out = appendTwo(append(out, '-'), s.to)
	return append(out, "h: "...)
}

func appendTwo(out []byte, n int) []byte { return append(out, byte('0'+n/10), byte('0'+n%10)) }

// AppendClock appends a second of the day as hours and minutes.
func AppendClock(out []byte, second int32) []byte {
	out = appendTwo(out, int(second/3600))
	return appendTwo(append(out, ':'), int(second/60%60))
}
