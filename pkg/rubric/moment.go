package rubric

import (
	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// dayEnd is where "after nine in the evening" ends, and lateEnd where it ends
// when nobody is to speak: the night belongs to it.
const (
	dayEnd  = 1440
	lateEnd = 240
)

// Readings of words that bound a moment without a number, in minutes.
const (
	afterMinutes  = 30 // "after X"
	rightAfter    = 15 // "right after X"
	aroundMinutes = 30 // "around eight" is half past seven to half past eight
	atMinutes     = 15 // "at eight" is a quarter to until a quarter past
)

// moment is a pattern as it was read.
type moment struct {
	clock    *interval
	kinds    []string
	after    bool  // the activity has ended
	within   int32 // minutes after it
	always   bool  // "any time": matches everything
	openTo   bool  // "after nine": the clock interval has no written end
	unsure   bool  // the clock could have meant the other half of the day
	daypart  bool  // the clock comes from a name such as "evening"
	gerund   bool
	bare     bool // no relation word was written
	from, to int  // tokens
}

type relation uint8

const (
	relNone relation = iota
	relDuring
	relWhen
	relAfter
	relRightAfter
	relBefore
	relUntil
	relAround
	relAt
	relFrom
	relBetween
	relIn
)

var relations = newLexicon(map[string]relation{
	"during": relDuring, "while": relWhen, "whilst": relWhen, "in the middle of": relDuring, "throughout": relDuring, "amid": relDuring,
	"in the course of": relDuring, "when": relWhen, "whenever": relWhen, "if": relWhen, "every time i am": relWhen, "as i": relWhen,
	"as soon as": relWhen, "the moment": relWhen, "as long as": relWhen, "so long as": relWhen, "over": relIn, "on": relIn, "in": relIn, "with": relIn, "at": relAt,
	"after": relAfter, "following": relAfter, "at the end of": relAfter, "any time after": relAfter, "anywhere after": relAfter, "later than": relAfter, "past": relAfter, "beyond": relAfter,
	"no earlier than": relAfter, "not earlier than": relAfter, "the end of": relAfter, "on finishing": relAfter, "having finished": relAfter, "once i am done with": relAfter,
	"right after": relRightAfter, "straight after": relRightAfter, "just after": relRightAfter, "shortly after": relRightAfter, "immediately after": relRightAfter, "soon after": relRightAfter, "directly after": relRightAfter,
	"right before": relBefore, "just before": relBefore, "shortly before": relBefore, "before": relBefore, "prior to": relBefore, "ahead of": relBefore, "any time before": relBefore, "no later than": relBefore, "not later than": relBefore, "earlier than": relBefore, "by": relBefore,
	"until": relUntil, "till": relUntil, "up until": relUntil, "up to": relUntil,
	"around": relAround, "about": relAround, "near": relAround, "towards": relAround, "toward": relAround, "roughly at": relAround, "at around": relAround, "at about": relAround, "at roughly": relAround, "close to": relAround, "somewhere around": relAround, "some time around": relAround, "sometime around": relAround,
	"from": relFrom, "starting at": relFrom, "starting from": relFrom, "from about": relFrom, "from around": relFrom, "any time from": relFrom, "since": relFrom,
	"between": relBetween, "in between": relBetween, "any time between": relBetween, "anywhere between": relBetween, "somewhere between": relBetween, "from between": relBetween, "sometime between": relBetween, "some time between": relBetween,
})

// subjects may follow "once" where it means "as soon as".
var subjects = set("i we the my our everyone everybody they he she it that dinner lunch breakfast supper work")

// padding may stand between a relation and what it is about.
var padding = set(`the my our a an i am we are have has had having is being be it busy still just with in of doing at on making some
	any every each daily usual little own been engaged absorbed deep actually already out another there get got getting go going gone to up
	working taking sitting down spending time first last long quiet short weekly regular nightly favourite favorite enjoying really immersed
	caught both people someone somebody own home alone lost sat settled curled started start starting begin middle deeply fully hands full
	finally so that this these those one all`)

// endings say that the activity before or after them is over.
var endings = set("finished finish finishing done completed complete over through ended end ends finishes had wrapped stop stopped put gone left")

var finals = newLexicon(map[string]bool{
	"is over": true, "are over": true, "is done": true, "are done": true, "is finished": true, "are finished": true, "ends": true, "has ended": true,
	"have ended": true, "is out of the way": true, "are out of the way": true, "is behind me": true, "have left": true, "has left": true, "are gone": true,
	"have gone": true, "finishes": true, "is through": true, "comes to an end": true, "is complete": true, "has finished": true, "have finished": true, "are asleep": true,
	"are in bed": true, "is asleep": true, "is in bed": true, "have gone home": true, "are put away": true, "is cleared away": true,
})

// trailers may follow an activity without changing it.
var trailers = newLexicon(map[string]bool{
	"session": true, "sessions": true, "routine": true, "hour": true, "practice": true, "time": true, "round": true, "here": true,
	"period": true, "block": true, "blocks": true, "stretch": true, "myself": true, "for the day": true, "for the night": true, "is going on": true, "are here": true, "are over": true, "are around": true,
	"are round": true, "is on": true, "is here": true, "at home": true, "around": true, "ritual": true, "rituals": true, "sessions are on": true, "hours": true, "duties": true, "in general": true, "in peace": true, "visit": true,
	"with friends": true, "with a friend": true, "with family": true, "are visiting": true, "are in": true, "are in the house": true, "in the house": true, "at all": true, "of mine": true, "or so": true,
	"is in full swing": true, "at the table": true, "at my desk": true, "in the kitchen": true, "together": true, "over": true,
})

// scanner reads tokens of one text.
type scanner struct {
	toks   []token
	uses24 bool // the rubric writes hours of the afternoon as 13 to 24
	strict bool // topics are near: "on painting" and "with wine" are no moments
}

func (s *scanner) text(i int) string {
	if i < 0 || i >= len(s.toks) {
		return ""
	}
	return s.toks[i].text
}

// momentAt reads one moment at token i: a clock interval, an activity, or both
// ("after dinner in the evening"). bare says whether it may do without a
// relation word ("mornings", "6-9am", "dinner").
func (s *scanner) momentAt(i int, bare bool) (moment, int) {
	m, n := s.simpleMoment(i, bare)
	if n == 0 {
		return m, 0
	}
	m.from, m.to = i, i+n
	for {
		at := m.to
		open := s.text(at) == "("
		if open || s.text(at) == "—" {
			at++
		}
		if w := s.text(at); w == "mostly" || w == "ideally" || w == "preferably" || w == "say" || w == "roughly" || w == "especially" {
			at++
		}
		next, n := s.simpleMoment(at, open)
		if n == 0 || s.text(m.to) == "—" && next.clock == nil {
			return m, m.to - i
		}
		both, ok := m.and(next)
		if !ok {
			return m, m.to - i
		}
		both.from, both.to = i, at+n
		if open && s.text(both.to) == ")" {
			both.to++
		}
		m = both
	}
}

// and joins two neighbouring patterns into one that needs both; false where
// they contradict each other or say the same kind of thing twice.
func (m moment) and(o moment) (moment, bool) {
	switch {
	case m.always || o.always:
		return m, false
	case m.clock == nil && o.clock != nil && o.kinds == nil:
		m.clock, m.unsure, m.daypart, m.openTo = o.clock, o.unsure, o.daypart, o.openTo
		return m, true
	case m.kinds == nil && o.kinds != nil && o.clock == nil:
		m.kinds, m.after, m.within, m.gerund = o.kinds, o.after, o.within, o.gerund
		return m, true
	case m.clock != nil && o.clock != nil && m.kinds == nil && o.kinds == nil && (m.daypart != o.daypart):
		part, exact := m, o
		if o.daypart {
			part, exact = o, m
		}
		if exact.unsure && part.clock.from >= 720 {
			exact.clock = &interval{(exact.clock.from + 720) % 1440, min(exact.clock.to+720, 1440)}
		}
		exact.unsure = false
		return exact, true
	}
	return m, false
}

func (s *scanner) simpleMoment(i int, bare bool) (moment, int) {
	if i >= len(s.toks) {
		return moment{}, 0
	}
	if s.toks[i].kind == word {
		if m, n := s.measured(i); n > 0 {
			return m, n
		}
		if s.text(i) == "once" && subjects[s.text(i+1)] {
			if m, n := s.related(i+1, relWhen); n > 0 {
				return m, n + 1
			}
		}
		if rel, n := relations.match(s.toks, i); n > 0 {
			if m, k := s.related(i+n, rel); k > 0 {
				return m, n + k
			}
			if n > 1 { // "in between meetings": try the shorter relation
				if rel, k := relations.match(s.toks[:i+1], i); k > 0 {
					if m, k := s.related(i+1, rel); k > 0 {
						return m, k + 1
					}
				}
			}
		}
	} else if s.toks[i].kind == number {
		if m, n := s.measured(i); n > 0 {
			return m, n
		}
	}
	if bare {
		if v, n := dayparts.match(s.toks, i); n > 0 && clockWords.length(s.toks, i) == n && v.to > v.from {
			return moment{clock: &interval{v.from, v.to}, daypart: true, bare: true}, n // "noon" said alone is the middle of the day
		}
		if m, n := s.plainRange(i); n > 0 {
			return m, n
		}
	}
	if m, n := s.clockRange(i, false); n > 0 {
		return m, n
	}
	if !bare {
		if w := s.text(i); w == "every" || w == "each" || w == "most" {
			if m, n := s.daypartAt(i + 1); n > 0 {
				return m, n + 1
			}
		}
		return moment{}, 0
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" || s.text(at) == "our" || s.text(at) == "every" || s.text(at) == "each" || s.text(at) == "most" || s.text(at) == "a" || s.text(at) == "an" {
		at++
	}
	if m, n := s.daypartAt(at); n > 0 {
		if a, k := s.activityAt(at+n, 0); k > 0 { // "morning meditation"
			if both, ok := m.and(a); ok && len(activityAfter(s, at, n)) == 0 {
				both.bare = true
				return both, at + n + k - i
			}
		}
		m.bare = true
		return m, at + n - i
	}
	m, n := s.activityAt(at, 0)
	if n == 0 {
		return m, 0
	}
	m.bare = true
	return m, at + n - i
}

// activityAfter returns the activity whose phrase itself begins at the daypart
// ("morning paper"), which then wins over the daypart.
func activityAfter(s *scanner, at, n int) []string {
	kinds, k := activityWords.match(s.toks, at)
	if k > n {
		return kinds
	}
	return nil
}

// related reads what stands after a relation word.
func (s *scanner) related(i int, rel relation) (moment, int) {
	switch rel {
	case relBetween:
		return s.between(i)
	case relFrom:
		return s.fromClock(i)
	case relAfter, relRightAfter:
		return s.afterSomething(i, rel)
	case relBefore, relUntil:
		return s.beforeSomething(i)
	case relAround:
		return s.aroundSomething(i)
	case relAt:
		if w, n := writtenAt(s.toks, i, true); n > 0 {
			at, unsure := w.settle(s.uses24)
			return moment{clock: about(at, atMinutes), unsure: unsure}, n
		}
	}
	skipped := i
	for skipped < i+3 && (s.text(skipped) == "the" || s.text(skipped) == "my" || s.text(skipped) == "an" || s.text(skipped) == "a" || s.text(skipped) == "it" || s.text(skipped) == "is" || s.text(skipped) == "every" || s.text(skipped) == "each") {
		skipped++
	}
	if m, n := s.daypartAt(skipped); n > 0 && len(activityAfter(s, skipped, n)) == 0 {
		if a, k := s.activityAt(skipped+n, 0); k > 0 {
			if both, ok := m.and(a); ok {
				return both, skipped + n + k - i
			}
		}
		return m, skipped + n - i
	}
	if rel == relIn || rel == relAt {
		// "in", "on" and "at" lead to an activity only by their own phrases or
		// an article: "at lunch", "on the phone", "over dinner", "in meetings".
		if m, n := s.activityAt(i-1, 0); n > 1 {
			return m, n - 1
		}
		m, n := s.activityAt(skipped, skipped-i)
		if s.strict && !meals(m.kinds) {
			return moment{}, 0
		}
		return m, n
	}
	return s.activityNear(i)
}

// meals says that all kinds are sat down to, so that "over" and "with" fit.
func meals(kinds []string) bool {
	for _, k := range kinds {
		switch activity.Kind(k) {
		case activity.Breakfast, activity.Lunch, activity.Dinner, activity.Snack, activity.Meeting, activity.Phone:
		default:
			return false
		}
	}
	return len(kinds) > 0
}

// activityNear finds an activity behind words that only lead up to it: "I'm
// busy with my", "I have finished".
func (s *scanner) activityNear(i int) (moment, int) {
	over := false
	for k := i; k < len(s.toks) && k < i+9; k++ {
		if m, n := s.activityAt(k, k-i); n > 0 && !(over && endings[s.text(k)]) {
			if over {
				m.after, m.within = true, afterMinutes
			}
			return m, n
		}
		if endings[s.text(k)] {
			over = true
			continue
		}
		if m, n := s.daypartAt(k); n > 0 && k > i { // "after my morning coffee"
			if a, j := s.activityAt(k+n, k+n-i); j > 0 {
				if both, ok := m.and(a); ok {
					if over {
						both.after, both.within = true, afterMinutes
					}
					return both, j
				}
			}
			if s.text(k-1) == "is" { // "when it is late"
				return m, k + n - i
			}
			return moment{}, 0
		}
		if s.toks[k].kind != word || !padding[s.text(k)] {
			return moment{}, 0
		}
	}
	return moment{}, 0
}

// activityAt reads an activity phrase with what may trail it; skipped is added
// to the length.
func (s *scanner) activityAt(i, skipped int) (moment, int) {
	kinds, n := activityWords.match(s.toks, i)
	if n == 0 {
		return moment{}, 0
	}
	first := s.text(i)
	m := moment{kinds: kinds, gerund: len(first) > 4 && first[len(first)-3:] == "ing"}
	at := i + n
	if m.gerund {
		at = s.object(at)
	}
	if _, k := finals.match(s.toks, at); k > 0 {
		m.after, m.within = true, afterMinutes
		return m, at + k - i + skipped
	}
	for {
		_, k := trailers.match(s.toks, at)
		if k == 0 {
			return m, s.tail(at) - i + skipped
		}
		at += k
	}
}

// tail skips with whom, where or on what an activity goes on: "on the phone
// with a customer", "relaxing in my chair".
func (s *scanner) tail(i int) int {
	if s.strict {
		return i
	}
	switch s.text(i) {
	case "with", "to", "about", "of", "in", "at", "on", "under", "making", "for":
	default:
		return i
	}
	if _, n := s.simpleMoment(i, false); n > 0 {
		return i
	}
	for k := i + 1; k <= i+4; k++ {
		if k == len(s.toks) || s.toks[k].kind == mark || s.text(k) == "or" || s.text(k) == "and" || s.text(k) == "but" {
			if k > i+1 {
				return k
			}
			return i
		}
		if s.toks[k].kind != word || fillers[s.text(k)] && !possessives[s.text(k)] || weighty[s.text(k)] || isNumberWord(s.text(k)) {
			return i
		}
		if _, n := cues.match(s.toks, k); n > 0 {
			return i
		}
	}
	return i
}

var possessives = set("my our the a an your some them him her people someone somebody")

// object skips what a gerund is done to: "cooking dinner", "watering my roses".
func (s *scanner) object(i int) int {
	at := i
	for s.text(at) == "the" || s.text(at) == "my" || s.text(at) == "a" || s.text(at) == "an" || s.text(at) == "some" || s.text(at) == "our" {
		at++
	}
	if _, n := activityWords.match(s.toks, at); n > 0 {
		if _, k := relations.match(s.toks, at); k == 0 {
			return at + n
		}
	}
	if at > i && at < len(s.toks) && s.toks[at].kind == word && (at+1 >= len(s.toks) || s.toks[at+1].kind == mark || s.text(at+1) == "or" || s.text(at+1) == "and") {
		return at + 1
	}
	return i
}

func (s *scanner) daypartAt(i int) (moment, int) {
	v, n := dayparts.match(s.toks, i)
	if n == 0 {
		return moment{}, 0
	}
	return moment{clock: &interval{v.from, v.to}, daypart: true}, n
}

// measured reads "within an hour of dinner", "in the half hour after lunch",
// "for ten minutes after waking", "the hour before bed".
func (s *scanner) measured(i int) (moment, int) {
	at := i
	switch s.text(at) {
	case "within", "in", "for", "during", "inside":
		at++
	case "up":
		if s.text(at+1) != "to" {
			return moment{}, 0
		}
		at += 2
	}
	for w := s.text(at); w == "the" || w == "first" || w == "about" || w == "roughly" || w == "last" || w == "my"; w = s.text(at) {
		at++
	}
	d, n := durationAt(s.toks, at, at > i)
	if n == 0 {
		return moment{}, 0
	}
	at += n
	for w := s.text(at); w == "or" && s.text(at+1) == "so"; w = s.text(at) {
		at += 2
	}
	if w := s.text(at); w == "right" || w == "just" || w == "straight" {
		at++
	}
	switch w := s.text(at); {
	case w == "after" || w == "following" || w == "of" || w == "once":
		m, n := s.activityNear(at + 1)
		if n == 0 || m.kinds == nil {
			return moment{}, 0
		}
		m.after, m.within = true, min(round(d.hi), 1440)
		return m, at + 1 + n - i
	case w == "before":
		m, n := s.beforeSomething(at + 1)
		if n == 0 || m.clock == nil {
			return moment{}, 0
		}
		m.clock = &interval{(m.clock.to - min(round(d.hi), 1380) + 1440) % 1440, m.clock.to}
		return m, at + 1 + n - i
	}
	return moment{}, 0
}

func (s *scanner) afterSomething(i int, rel relation) (moment, int) {
	within := int32(afterMinutes)
	if rel == relRightAfter {
		within = rightAfter
	}
	if w, n := writtenAt(s.toks, i, true); n > 0 {
		at, unsure := w.settle(s.uses24)
		return moment{clock: &interval{at % 1440, dayEnd}, openTo: true, unsure: unsure}, n
	}
	if s.text(i) == "dark" || s.text(i) == "nightfall" {
		return moment{clock: &interval{hm(19, 0), dayEnd}, openTo: true}, 1
	}
	if m, n := s.activityNear(i); n > 0 && m.kinds != nil {
		m.after, m.within = true, within
		return m, n
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" {
		at++
	}
	if m, n := s.daypartAt(at); n > 0 && m.clock.to > m.clock.from {
		return moment{clock: &interval{m.clock.to, dayEnd}, openTo: true}, at + n - i
	}
	return moment{}, 0
}

func (s *scanner) beforeSomething(i int) (moment, int) {
	if w, n := writtenAt(s.toks, i, true); n > 0 {
		at, unsure := w.settle(s.uses24)
		if at == 0 {
			at = 1440
		}
		_ = unsure // a bare morning hour after "before" is not in doubt
		return moment{clock: &interval{0, at}}, n
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" || s.text(at) == "our" || s.text(at) == "i" && s.text(at+1) == "have" {
		at++
	}
	for _, from := range [2]int{i, at} {
		if v, n := befores.match(s.toks, from); n > 0 {
			return moment{clock: &interval{v.from, v.to}, daypart: true}, from + n - i
		}
	}
	if m, n := s.daypartAt(at); n > 0 && m.clock.from > 0 {
		return moment{clock: &interval{0, m.clock.from}}, at + n - i
	}
	return moment{}, 0
}

func (s *scanner) aroundSomething(i int) (moment, int) {
	if m, n := s.clockRange(i, true); n > 0 {
		return m, n
	}
	if w, n := writtenAt(s.toks, i, true); n > 0 {
		if w.meridiem == "" && !w.full && s.toks[i].kind != clock {
			// "about five a day", "around 8": only a plain hour at the end of a
			// thought is a time.
			if next := s.text(i + n); next != "" && s.toks[i+n].kind == word && next != "or" && next != "and" && next != "is" {
				return moment{}, 0
			}
		}
		at, unsure := w.settle(s.uses24)
		return moment{clock: about(at, aroundMinutes), unsure: unsure}, n
	}
	at := i
	for s.text(at) == "the" || s.text(at) == "my" || s.text(at) == "our" {
		at++
	}
	if v, n := arounds.match(s.toks, at); n > 0 {
		for s.text(at+n) == "time" || s.text(at+n) == "break" || s.text(at+n) == "hour" {
			n++
		}
		return moment{clock: &interval{v.from, v.to}, daypart: true}, at + n - i
	}
	if m, n := s.daypartAt(at); n > 0 {
		return m, at + n - i
	}
	return moment{}, 0
}

// clockRange reads "6-9am", "18:00 to 20:00", "8pm" without a relation word; a
// single time needs a mark of time (am, pm, a colon), unless lone is false.
func (s *scanner) clockRange(i int, lone bool) (moment, int) {
	a, n := writtenAt(s.toks, i, true)
	if n == 0 {
		return moment{}, 0
	}
	at := i + n
	if w := s.text(at); w == "to" || w == "until" || w == "till" || w == "-" || w == "through" || w == "—" {
		b, k := writtenAt(s.toks, at+1, true)
		if k > 0 && (s.isTime(i, n, a) || s.isTime(at+1, k, b)) {
			v, unsure := settlePair(a, b, s.uses24)
			return moment{clock: &v, unsure: unsure}, at + 1 + k - i
		}
	}
	if lone || !s.isTime(i, n, a) {
		return moment{}, 0
	}
	v, unsure := a.settle(s.uses24)
	return moment{clock: about(v, atMinutes), unsure: unsure}, n
}

// plainRange reads "10 to 12" where only a time can stand.
func (s *scanner) plainRange(i int) (moment, int) {
	a, n := writtenAt(s.toks, i, true)
	if n == 0 || s.toks[i].kind != number {
		return moment{}, 0
	}
	at := i + n
	if w := s.text(at); w != "to" && w != "-" && w != "until" && w != "till" {
		return moment{}, 0
	}
	b, k := writtenAt(s.toks, at+1, true)
	if k == 0 || s.unitFollows(at+1+k) {
		return moment{}, 0
	}
	v, unsure := settlePair(a, b, s.uses24)
	return moment{clock: &v, unsure: unsure}, at + 1 + k - i
}

// isTime tells a written time that can be nothing else from a plain number.
func (s *scanner) isTime(i, n int, w written) bool {
	if w.meridiem != "" {
		// "two in the morning" counts things unless am, pm or a colon stands there.
		last := s.text(i + n - 1)
		if last == "am" || last == "pm" {
			return true
		}
	}
	for k := i; k < i+n; k++ {
		if s.toks[k].kind == clock || s.text(k) == "oclock" || s.text(k) == "past" || s.text(k) == "noon" || s.text(k) == "midnight" {
			return true
		}
	}
	return false
}

// between reads "between 6 and 9 am", "between lunch and dinner", "between
// meetings".
func (s *scanner) between(i int) (moment, int) {
	start := i
	for s.text(i) == "about" || s.text(i) == "around" || s.text(i) == "roughly" {
		i++
	}
	if a, n := writtenAt(s.toks, i, true); n > 0 {
		at := i + n
		if w := s.text(at); w == "and" || w == "to" || w == "-" || w == "till" || w == "until" {
			if b, k := writtenAt(s.toks, at+1, true); k > 0 {
				v, unsure := settlePair(a, b, s.uses24)
				if !s.unitFollows(at + 1 + k) {
					return moment{clock: &v, unsure: unsure}, at + 1 + k - start
				}
			}
		}
	}
	if a, n := s.anchorAt(i); n > 0 && (s.text(i+n) == "and" || s.text(i+n) == "to") {
		if b, k := s.anchorAt(i + n + 1); k > 0 {
			return moment{clock: &interval{a.to % 1440, b.from}, daypart: true}, i + n + 1 + k - start
		}
	}
	if m, n := s.activityAt(i, 0); n > 0 && s.text(i+n) != "and" {
		m.after, m.within = true, afterMinutes
		return m, i + n - start
	}
	return moment{}, 0
}

// unitFollows says that the numbers before i count something: "a day", "times".
func (s *scanner) unitFollows(i int) bool {
	switch s.text(i) {
	case "a", "per", "each", "every", "times", "an", "minutes", "hours", "daily", "words", "sentences", "suggestions", "recommendations", "tips":
		return true
	}
	return nouns[s.text(i)]
}

func (s *scanner) anchorAt(i int) (interval, int) {
	start := i
	for s.text(i) == "my" || s.text(i) == "the" || s.text(i) == "about" || s.text(i) == "around" {
		i++
	}
	if v, n := anchors.match(s.toks, i); n > 0 {
		return v, i + n - start
	}
	if w, n := writtenAt(s.toks, i, false); n > 0 {
		at, _ := w.settle(s.uses24)
		return interval{at % 1440, at}, i + n - start
	}
	return interval{}, 0
}

// fromClock reads "from 18:00 to 20:00", "from 7 pm on", "from breakfast until
// noon".
func (s *scanner) fromClock(i int) (moment, int) {
	start := i
	for s.text(i) == "about" || s.text(i) == "around" || s.text(i) == "roughly" {
		i++
	}
	if a, n := writtenAt(s.toks, i, true); n > 0 {
		at := i + n
		if w := s.text(at); w == "to" || w == "until" || w == "till" || w == "-" || w == "through" {
			at++
			for s.text(at) == "about" || s.text(at) == "around" || s.text(at) == "roughly" {
				at++
			}
			if b, k := writtenAt(s.toks, at, true); k > 0 && !s.unitFollows(at+k) {
				v, unsure := settlePair(a, b, s.uses24)
				return moment{clock: &v, unsure: unsure}, at + k - start
			}
			if b, k := s.anchorAt(at); k > 0 {
				from, unsure := a.settle(s.uses24)
				return moment{clock: &interval{from % 1440, b.from}, unsure: unsure}, at + k - start
			}
			return moment{}, 0
		}
		if s.unitFollows(at) {
			return moment{}, 0
		}
		from, unsure := a.settle(s.uses24)
		return moment{clock: &interval{from % 1440, dayEnd}, openTo: true, unsure: unsure}, s.onwards(at) - start
	}
	if a, n := s.anchorAt(i); n > 0 {
		at := i + n
		if w := s.text(at); w == "to" || w == "until" || w == "till" {
			if b, k := s.anchorAt(at + 1); k > 0 {
				return moment{clock: &interval{a.from % 1440, b.from}, daypart: true}, at + 1 + k - start
			}
		}
		if end := s.onwards(at); end > at {
			return moment{clock: &interval{a.from % 1440, dayEnd}, openTo: true}, end - start
		}
	}
	at := i
	for s.text(at) == "the" {
		at++
	}
	if m, n := s.daypartAt(at); n > 0 {
		if end := s.onwards(at + n); end > at+n {
			return moment{clock: &interval{m.clock.from, dayEnd}, openTo: true}, end - start
		}
	}
	return moment{}, 0
}

// onwards skips "on", "onward", "onwards".
func (s *scanner) onwards(i int) int {
	switch s.text(i) {
	case "on", "onward", "onwards", "forward":
		return i + 1
	}
	return i
}

func about(at, minutes int32) *interval {
	to := (at + minutes) % 1440
	if to == 0 {
		to = 1440
	}
	return &interval{(at - minutes + 1440) % 1440, to}
}

// pattern turns a moment into the contract's form, named by its own words.
func (m moment) pattern(name string) *simv1.MomentPattern {
	p := &simv1.MomentPattern{Name: name}
	if m.clock != nil {
		from, to := m.clock.from%1440, m.clock.to
		if to <= 0 || to > 1440 {
			to = (to-1+1440)%1440 + 1
		}
		p.Clock = &simv1.ClockInterval{FromMinute: from, ToMinute: to}
	}
	if m.kinds != nil {
		p.Activity = &simv1.ActivityPattern{Kinds: m.kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING}
		if m.after {
			p.Activity.Relation, p.Activity.WithinMinutes = simv1.ActivityRelation_ACTIVITY_RELATION_AFTER, m.within
		}
	}
	return p
}
