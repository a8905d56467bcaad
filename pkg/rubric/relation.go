package rubric

// relation says how a moment lies to what it is named by.
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

// relations are the words that begin a moment.
var relations = newLexicon(map[string]relation{
	"during": relDuring, "while": relWhen, "whilst": relWhen, "in the middle of": relDuring, "throughout": relDuring, "amid": relDuring,
	"in the course of": relDuring, "when": relWhen, "whenever": relWhen, "if": relWhen, "every time i am": relWhen, "any time i am": relWhen, "as i": relWhen,
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
