package rubric

import simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"

// mode says which side of a number is meant.
type mode uint8

const (
	modePlain mode = iota
	modeMost
	modeLeast
	modeNever   // "never two within an hour"
	modeMore    // "more than": too many, or at least one more, by what follows
	modeLess    // "less than": likewise
	modeUnclear // "more than", and no word of whether that is too many
)

// windowKind says what a number refers to.
type windowKind uint8

const (
	windowNone windowKind = iota
	windowTrailing
	windowDay
	windowSlots
)

// statement is one thing said about how often.
type statement struct {
	count    span
	mode     mode
	ideal    bool
	about    bool
	gap      bool // a distance in time, not a count
	vague    bool // "often": used only where no number is said
	floating bool // a number that belongs to the moment before it
	daily    bool // without a window it means the day
	inherits bool // took its window from the statement before it
	window   windowKind
	minutes  span // of a trailing window
	slots    []moment
	patterns []*simv1.MomentPattern // slots that were read elsewhere
	names    []string
	phrase   string
	wished   bool                    // "I want" precedes it
	counted  bool                    // a number was said, as against "every two hours"
	least    []*simv1.FrequencyBound // what it came to
	most     []*simv1.FrequencyBound
}

// windowAt reads "a day", "every two to three hours", "per morning", "daily".
func (s *scanner) windowAt(i int) (statement, int) {
	switch s.text(i) {
	case "daily":
		return statement{window: windowDay}, 1
	case "hourly":
		return statement{window: windowTrailing, minutes: one(60)}, 1
	}
	_, n := windowLeads.match(s.toks, i)
	for ; n > 0; n-- { // a shorter lead may leave room for the unit: "in a couple of hours"
		at := i + n
		for s.text(at) == "about" || s.text(at) == "roughly" || s.text(at) == "around" || s.text(at) == "approximately" || s.text(at) == "waking" {
			at++
		}
		if d, k := durationAt(s.toks, at, true); k > 0 {
			end := at + k
			if s.text(end) == "or" && s.text(end+1) == "so" {
				end += 2
			}
			if w := s.text(end); w == "after" || w == "before" || w == "apart" || w == "between" || w == "of" && n > 0 && s.text(i) == "within" {
				return statement{}, 0 // "in the hour after dinner" is a moment
			}
			if d.lo == 1440 && d.hi == 1440 {
				return statement{window: windowDay}, end - i
			}
			return statement{window: windowTrailing, minutes: d}, end - i
		}
		if w := s.text(i); w == "a" || w == "per" || w == "each" || w == "every" || w == "for" {
			if m, k := s.daypartAt(at); k > 0 {
				m.from, m.to = i, at+k
				return statement{window: windowSlots, slots: []moment{m}}, at + k - i
			}
			if m, k := s.activityAt(at, 0); k > 0 && w != "a" && w != "for" {
				m.from, m.to = i, at+k
				return statement{window: windowSlots, slots: m.each()}, at + k - i
			}
		}
	}
	return statement{}, 0
}

// each parts a moment of several activities into one of each: "after each meal"
// is after breakfast, after lunch and after dinner.
func (m moment) each() []moment {
	if len(m.kinds) < 2 {
		return []moment{m}
	}
	out := make([]moment, len(m.kinds))
	for k, kind := range m.kinds {
		out[k] = m
		out[k].kinds = []string{kind}
	}
	return out
}
