// Package counts is the embedded summarizer: it counts, and needs no model. A
// summary names the activities that took the most time, how often something was
// said, and the mean score.
package counts

import (
	"context"
	"slices"
	"strconv"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

// named is the number of activities that a summary names.
const named = 2

var kinds = activity.Kinds()

// Summarizer is a driver.Summarizer. The zero value is ready for use.
type Summarizer struct{}

// Summarize implements driver.Summarizer. It fails only when ctx has ended.
func (Summarizer) Summarize(ctx context.Context, b *driver.Block) (string, role.Effects, error) {
	if err := errs.FromContext(ctx); err != nil {
		return "", role.Effects{}, err
	}
	return string(Append(nil, &b.Counts, b.Scale, b.Memory)), role.Effects{}, nil
}

// Repeatable implements driver.Summarizer.
func (Summarizer) Repeatable() bool { return true }

// Backend implements driver.Summarizer.
func (Summarizer) Backend() *simv1.Backend { return role.EmbeddedBackend() }

// Append appends counts in words, as far as the memory level allows.
func Append(out []byte, c *driver.Counts, scale simtime.Scale, level simv1.MemoryLevel) []byte {
	out = appendKinds(out, c, scale)
	if level >= simv1.MemoryLevel_MEMORY_LEVEL_AR {
		out = strconv.AppendInt(append(out, "; spoke "...), int64(c.Said), 10)
		out = append(out, 'x')
	}
	if c.Scored > 0 {
		out = strconv.AppendFloat(append(out, ", mean score "...), float64(c.ScoreSum)/float64(c.Scored), 'f', 1, 64)
	}
	return out
}

// appendKinds names the activities that took the most steps, with minutes.
func appendKinds(out []byte, c *driver.Counts, scale simtime.Scale) []byte {
	var done [named]int
	for n := range done {
		best := -1
		for i, steps := range c.Kinds[:len(kinds)] {
			if steps > 0 && (best < 0 || steps > c.Kinds[best]) && !slices.Contains(done[:n], i) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		done[n] = best
		if n > 0 {
			out = append(out, ", "...)
		}
		out = append(append(out, kinds[best]...), ' ')
		out = strconv.AppendInt(out, int64(scale.Minutes(int32(c.Kinds[best]))+0.5), 10)
		out = append(out, 'm')
	}
	return out
}
