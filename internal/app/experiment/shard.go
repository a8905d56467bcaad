package experiment

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/propersim/propersim/pkg/persona"
)

// Shard is one of several equal parts of an experiment, each conducted by a
// process of its own: every Count-th of the chosen people from number Index on.
// The zero value is the whole.
type Shard struct {
	// Index is 0-based, as JOB_COMPLETION_INDEX of a Kubernetes Job.
	Index int
	// Count is the number of parts; 0 means 1.
	Count int
}

// ParseShard reads "INDEX/COUNT", such as "0/32"; "" is the whole.
func ParseShard(text string) (Shard, error) {
	if text == "" {
		return Shard{}, nil
	}
	first, second, found := strings.Cut(text, "/")
	index, errIndex := strconv.Atoi(first)
	count, errCount := strconv.Atoi(second)
	if !found || errIndex != nil || errCount != nil || count < 1 || index < 0 || index >= count {
		return Shard{}, fmt.Errorf("found %q, want INDEX/COUNT with INDEX from 0 to COUNT-1, e.g. 0/32", text)
	}
	return Shard{Index: index, Count: count}, nil
}

// Of returns the people of the part, in their order.
func (s Shard) Of(people []persona.Numbered) []persona.Numbered {
	if s.Count <= 1 {
		return people
	}
	var out []persona.Numbered
	for i := s.Index; i < len(people); i += s.Count {
		out = append(out, people[i])
	}
	return out
}
