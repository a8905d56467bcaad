// Package summarizertest is the conformance suite of driver.Summarizer: every
// driver must pass it.
package summarizertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

// maxBytes bounds a summary: a prompt shows up to six of them.
const maxBytes = 2000

var tests = []struct {
	name string
	run  func(*testing.T, driver.Summarizer)
}{
	{"names its backend", names},
	{"one line for each block", lines},
	{"says nothing that the memory level forbids", levels},
	{"the block stays as it is", unchanged},
	{"a repeatable summarizer repeats itself", repeats},
	{"concurrent blocks", concurrent},
	{"a context that has ended", ended},
}

// Run checks the summarizer that open returns. It calls open once for each test.
func Run(t *testing.T, open func(t *testing.T) driver.Summarizer) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Block returns a block of a working morning on day 3, as a memory makes it at a
// level. Every fourth step of reading has a recommendation with a score.
func Block(level simv1.MemoryLevel, from, to int) *driver.Block {
	const scale = simtime.Scale(150)
	b := &driver.Block{Name: fmt.Sprintf("3/%02d-%02d", from, to), Day: 3, From: from, To: to, Scale: scale, Memory: level}
	first := scale.FirstStep(3)
	for step := first + int32(from*24); step < first+int32(to*24); step++ {
		line := driver.Line{Step: step, Kind: string(activity.Work), Description: "answering letters", Room: "study", Score: -1}
		if step%24 >= 16 {
			line = driver.Line{Step: step, Kind: string(activity.Reading), Description: "reading a novel", Room: "living room", Score: -1}
		}
		b.Add(activity.Index(activity.Kind(line.Kind)))
		if step%24 >= 16 && step%4 == 0 && level >= simv1.MemoryLevel_MEMORY_LEVEL_AR {
			line.Said = "A walk in the park would do you good."
			b.Said++
			if level >= simv1.MemoryLevel_MEMORY_LEVEL_ARS {
				line.Score = 2
				b.ScoreSum += line.Score
				b.Scored++
			}
		}
		b.Lines = append(b.Lines, line)
	}
	return b
}

// sizes are hours, [from, to): the shortest and the longest block, and one that
// begins at midnight.
var sizes = [][2]int{{9, 10}, {9, 13}, {0, 3}}

var allLevels = []simv1.MemoryLevel{
	simv1.MemoryLevel_MEMORY_LEVEL_A, simv1.MemoryLevel_MEMORY_LEVEL_AR, simv1.MemoryLevel_MEMORY_LEVEL_ARS,
}

func summarize(t *testing.T, s driver.Summarizer, b *driver.Block) string {
	t.Helper()
	text, effects, err := s.Summarize(context.Background(), b)
	require.NoError(t, err)
	requireEffects(t, b, effects)
	return text
}

func requireEffects(t *testing.T, b *driver.Block, effects role.Effects) {
	t.Helper()
	ids := map[string]bool{}
	for _, c := range effects.Calls {
		require.Contains(t, c.GetId(), b.Name, "the id of a call contains the name of the block")
		require.False(t, ids[c.GetId()], "two calls have the id %q", c.GetId())
		require.Equal(t, simv1.Role_ROLE_SUMMARIZER, c.GetRole())
		ids[c.GetId()] = true
	}
	for _, timing := range effects.Timings {
		require.True(t, ids[timing.GetCallId()], "a timing of the unknown call %q", timing.GetCallId())
	}
	require.Empty(t, effects.Notes, "the session makes the notes")
}

func names(t *testing.T, s driver.Summarizer) {
	require.NotEmpty(t, s.Backend().GetDriver())
	if s.Backend().GetDriver() == role.Embedded {
		require.Empty(t, s.Backend().GetModel(), "an embedded driver has no model")
	} else {
		require.NotEmpty(t, s.Backend().GetModel())
	}
}

func lines(t *testing.T, s driver.Summarizer) {
	for _, level := range allLevels {
		for _, hours := range sizes {
			text := summarize(t, s, Block(level, hours[0], hours[1]))
			require.NotEmpty(t, strings.TrimSpace(text))
			require.NotContains(t, text, "\n")
			require.LessOrEqual(t, len(text), maxBytes)
		}
	}
}

func levels(t *testing.T, s driver.Summarizer) {
	require.NotContains(t, summarize(t, s, Block(simv1.MemoryLevel_MEMORY_LEVEL_A, 9, 10)), "walk in the park")
	require.NotContains(t, summarize(t, s, Block(simv1.MemoryLevel_MEMORY_LEVEL_AR, 9, 10)), "score")
}

func unchanged(t *testing.T, s driver.Summarizer) {
	b := Block(simv1.MemoryLevel_MEMORY_LEVEL_ARS, 9, 13)
	before, lines := *b, slices.Clone(b.Lines)
	summarize(t, s, b)
	require.Equal(t, lines, b.Lines)
	require.Equal(t, before.Counts, b.Counts)
	require.Equal(t, before.Name, b.Name)
}

func repeats(t *testing.T, s driver.Summarizer) {
	if !s.Repeatable() {
		t.Skip("the session keeps its summaries as notes")
	}
	b := Block(simv1.MemoryLevel_MEMORY_LEVEL_ARS, 9, 13)
	require.Equal(t, summarize(t, s, b), summarize(t, s, b))
}

func concurrent(t *testing.T, s driver.Summarizer) {
	var group errgroup.Group
	ids := make([][]*simv1.ModelCall, 8)
	for i := range ids {
		group.Go(func() error {
			_, effects, err := s.Summarize(context.Background(), Block(simv1.MemoryLevel_MEMORY_LEVEL_AR, 8+i, 9+i))
			ids[i] = effects.Calls
			return err
		})
	}
	require.NoError(t, group.Wait())
	seen := map[string]bool{}
	for _, calls := range ids {
		for _, c := range calls {
			require.False(t, seen[c.GetId()], "two blocks have a call %q", c.GetId())
			seen[c.GetId()] = true
		}
	}
}

func ended(t *testing.T, s driver.Summarizer) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := s.Summarize(ctx, Block(simv1.MemoryLevel_MEMORY_LEVEL_AR, 9, 10))
	require.ErrorIs(t, err, errs.ErrCanceled)
}
