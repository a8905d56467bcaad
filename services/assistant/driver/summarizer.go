package driver

import (
	"context"

	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Summarizer puts a part of a day into words. Safe for concurrent use; many
// sessions share one.
type Summarizer interface {
	// Summarize returns one line of text about a block, without the hours: the
	// memory writes these before it. Ids of calls contain Block.Name, so that they
	// stay unique when several blocks are summarized in one step.
	// ErrUnavailable when a model cannot be reached, ErrExhausted when a limit or
	// a budget is used up, ErrInternal for an answer that cannot be read after the
	// allowed repairs, ErrCanceled or ErrDeadline when ctx ends.
	Summarize(ctx context.Context, b *Block) (string, role.Effects, error)
	// Repeatable reports whether the same block always gives the same text. The
	// session keeps each text of any other summarizer as a note, so that it gets it
	// back when it is opened again.
	Repeatable() bool
	// Backend describes the driver, as the identity of a run records it.
	Backend() *simv1.Backend
}

// Block is a part of one day in whole hours, as the memory knows it. A summarizer
// must not change it.
type Block struct {
	// Name is unique within the run: "3/09-13" is day 3 from 9 to 13.
	Name string
	// Run is the opaque handle of the run. It may label what a driver does; no
	// decision may depend on it.
	Run string
	// AskedAt is the step at which the summary is first needed.
	AskedAt int32
	// Day of the run, 1-based.
	Day int32
	// From and To are hours of the day: [From, To), at most 4.
	From, To int
	// Scale is the simulated length of a step.
	Scale simtime.Scale
	// Memory says what the block contains: below AR nothing that was said, below
	// ARS no scores.
	Memory simv1.MemoryLevel
	// Counts of the block.
	Counts
	// Lines are its waking steps, ascending.
	Lines []Line
}

// Line is one waking step.
type Line struct {
	// Step number from the beginning of the run, 0-based.
	Step int32
	// Kind of the activity, see package activity.
	Kind string
	// Description of it, in words; may be empty.
	Description string
	// Room; empty when the user is out of sight.
	Room string
	// Said is what was recommended; empty for silence.
	Said string
	// Score of what was said, 0 to 4; -1 where it is not known.
	Score int32
}

// Counts adds up steps of a day. The zero value is empty.
type Counts struct {
	// Kinds has the waking steps by activity.Index.
	Kinds [40]int16
	// Steps is the number of waking steps.
	Steps int
	// Said is the number of recommendations.
	Said int
	// ScoreSum adds up the scores of Scored recommendations.
	ScoreSum int32
	// Scored is the number of recommendations with a score.
	Scored int
}

// Add counts a step by activity.Index; a negative one is an unknown activity.
func (c *Counts) Add(kind int) {
	c.Steps++
	if kind >= 0 {
		c.Kinds[kind]++
	}
}

// Merge adds the counts of other.
func (c *Counts) Merge(other *Counts) {
	for i, n := range other.Kinds {
		c.Kinds[i] += n
	}
	c.Steps += other.Steps
	c.Said += other.Said
	c.ScoreSum += other.ScoreSum
	c.Scored += other.Scored
}
