// Package memory is what the assistant knows of a run: a fold over its committed
// waking steps, bounded by one day. From it follow the text and the features that
// a policy gets.
//
// A Memory has two parts. The log (log.go) has the steps of today, for the text.
// The stats (stats.go) have what is counted, for the features.
package memory

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

// Memory is the memory of one run. At level NONE it stays empty. It is not safe
// for concurrent use.
type Memory struct {
	level simv1.MemoryLevel
	scale simtime.Scale
	log   log
	stats stats
	text  []byte // of the last View; reused
}

// Similar is what was found in the past: the number of similar moments, at how
// many of them something was said, and the same in words.
type Similar struct {
	Found, Given int
	Text         string
}

// New returns an empty memory.
func New(level simv1.MemoryLevel, scale simtime.Scale) *Memory {
	return &Memory{level: level, scale: scale, log: log{level: level, scale: scale}, stats: newStats(level, scale)}
}

// Observe folds in a committed waking step, after the last one.
func (m *Memory) Observe(past *simv1.PastStep) {
	if m.level < simv1.MemoryLevel_MEMORY_LEVEL_A {
		return
	}
	m.log.observe(past)
	m.stats.observe(past)
}

// View returns all that the memory shows at a step after the last one: the text
// and the features of the same. Every block that Missing returns must have got its
// summary before. similar is nil for methods that do not search the past.
func (m *Memory) View(step int32, seen *simv1.Observation, similar *Similar) (text string, features *simv1.Features) {
	m.text = m.text[:0]
	if m.level >= simv1.MemoryLevel_MEMORY_LEVEL_A {
		m.text = m.log.append(m.text, step)
	}
	if similar != nil && similar.Found > 0 {
		m.text = append(append(append(m.text, "Similar moments:"...), similar.Text...), '\n')
	}
	m.text = appendPresent(m.text, m.scale, step, seen)
	numbers := m.stats.numbers(step, seen)
	if similar != nil {
		numbers.Similar, numbers.SimilarGiven = similar.Found, similar.Given
	}
	return string(m.text), policy.Extract(&numbers)
}

// Features returns the features of a step after the last one, without those of
// similar moments.
func (m *Memory) Features(step int32, seen *simv1.Observation) *simv1.Features {
	numbers := m.stats.numbers(step, seen)
	return policy.Extract(&numbers)
}

// Missing returns the blocks of today that View shows at a step and that have no
// summary yet, oldest first.
func (m *Memory) Missing(step int32) []*driver.Block {
	if m.level < simv1.MemoryLevel_MEMORY_LEVEL_A {
		return nil
	}
	return m.log.missing(step)
}

// Summarize stores the summary of a block that Missing returned.
func (m *Memory) Summarize(b *driver.Block, text string) {
	m.log.summarize(b.Day, b.From, b.To, summary{Steps: b.Steps, Text: text})
}

// notePrefix begins the key of each note that has a summary; the name of the block
// follows.
const notePrefix = "summary/"

// Note returns the note that keeps the summary of a block.
func Note(b *driver.Block, text string) (*simv1.Note, error) {
	content, err := json.Marshal(summary{Steps: b.Steps, Text: text})
	if err != nil {
		return nil, fmt.Errorf("note of block %s: %w", b.Name, err)
	}
	return &simv1.Note{Role: simv1.Role_ROLE_SUMMARIZER, Key: notePrefix + b.Name, Content: content}, nil
}

// Restore stores the summary of a note again. It ignores notes of others and of
// past days. It returns an errs.ErrInvalid for a summary that cannot be read.
func (m *Memory) Restore(note *simv1.Note) error {
	name, found := strings.CutPrefix(note.GetKey(), notePrefix)
	if !found || note.GetRole() != simv1.Role_ROLE_SUMMARIZER {
		return nil
	}
	var day int32
	var from, to int
	var kept summary
	if n, err := fmt.Sscanf(name, blockName, &day, &from, &to); err != nil || n != 3 || from < 0 || from >= to || to > 24 || to-from > longHours {
		return errs.Invalid("notes", "found the key %q, want %sDAY/FROM-TO", note.GetKey(), notePrefix)
	}
	if err := json.Unmarshal(note.GetContent(), &kept); err != nil {
		return errs.Invalid("notes", "the content of %q cannot be read: %v", note.GetKey(), err)
	}
	m.log.summarize(day, from, to, kept)
	return nil
}
