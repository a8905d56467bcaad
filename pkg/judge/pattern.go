package judge

import (
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/simtime"
)

const (
	minutesPerDay = 1440
	// defaultWithinMinutes is how long "after X" lasts where nothing is said.
	defaultWithinMinutes = 30
)

// pattern is a compiled MomentPattern. Seconds of the day throughout.
type pattern struct {
	name     string
	clocked  bool
	from, to int32 // [from, to); over midnight where to <= from
	active   bool
	after    bool
	within   int32 // seconds
	kinds    []int8
	set      uint64 // bit per activity.Index
}

// matches reports whether the pattern includes the moment r.
func (p *pattern) matches(r *Reading) bool {
	if p.clocked && !within(r.second, p.from, p.to) {
		return false
	}
	if !p.active {
		return true
	}
	during := r.kind >= 0 && p.set&(1<<r.kind) != 0
	if !p.after {
		return during
	}
	if during {
		return false
	}
	for _, k := range p.kinds {
		ended := r.endedAt(int(k))
		if ended >= r.dayStart && (r.step-ended)*int32(r.history.scale) <= p.within {
			return true
		}
	}
	return false
}

// within reports whether a second of the day lies in [from, to), over midnight
// where to is not after from.
func within(second, from, to int32) bool {
	if to > from {
		return second >= from && second < to
	}
	return second >= from || second < to
}

// clockMinutes is the length of the clock interval, a whole day without one.
func (p *pattern) clockMinutes() float64 {
	if !p.clocked {
		return minutesPerDay
	}
	length := p.to - p.from
	if length <= 0 {
		length += simtime.SecondsPerDay
	}
	return float64(length) / 60
}

// describe names a pattern that has no name in the spec.
func (p *pattern) describe() string {
	var parts []string
	if p.active {
		relation := "during "
		if p.after {
			relation = "after "
		}
		names := make([]string, len(p.kinds))
		for i, k := range p.kinds {
			names[i] = strings.ReplaceAll(string(activity.Kinds()[k]), "_", " ")
		}
		parts = append(parts, relation+strings.Join(names, " or "))
	}
	if p.clocked {
		parts = append(parts, simtime.Clock(p.from)+"-"+simtime.Clock(p.to))
	}
	if len(parts) == 0 {
		return "any time"
	}
	return strings.Join(parts, ", ")
}
