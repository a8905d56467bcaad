package rubric

// momentForm says in which calls of simpleMoment a rule applies.
type momentForm uint8

const (
	anyForm  momentForm = iota
	bareForm            // only where a moment needs no relation word
	fullForm            // only where a moment needs one
)

// simpleRule is one way to read a simple moment. read returns the length in
// tokens, 0 if the rule does not match.
type simpleRule struct {
	name string
	form momentForm
	read func(s *scanner, i int) (moment, int)
}

// simpleMoment reads a moment of one part at token i. The first rule that
// matches counts: measured stretches and relation words must come before the
// plain times and activities that they contain.
func (s *scanner) simpleMoment(i int, bare bool) (moment, int) {
	if i >= len(s.toks) {
		return moment{}, 0
	}
	form := fullForm
	if bare {
		form = bareForm
	}
	for _, rule := range simpleRules() {
		if rule.form != anyForm && rule.form != form {
			continue
		}
		if m, n := rule.read(s, i); n > 0 {
			return m, n
		}
	}
	return moment{}, 0
}

// simpleRules returns the rules in their order. It is a function because an
// activity may contain a moment, and Go rejects a variable that refers to itself.
func simpleRules() [10]simpleRule {
	return [...]simpleRule{
		{"a measured stretch", anyForm, (*scanner).measuredMoment},
		{"once, with a subject", anyForm, (*scanner).onceMoment},
		{"a relation word", anyForm, (*scanner).relatedMoment},
		{"the shorter of two relation words", anyForm, (*scanner).shorterRelation},
		{"a named point of the day", bareForm, (*scanner).namedPoint},
		{"a range of plain numbers", bareForm, (*scanner).plainRange},
		{"a time of the clock", anyForm, func(s *scanner, i int) (moment, int) { return s.clockRange(i, false) }},
		{"every part of a day", fullForm, (*scanner).everyDaypart},
		{"a part of the day", bareForm, (*scanner).bareDaypart},
		{"an activity", bareForm, (*scanner).bareActivity},
	}
}

// measuredMoment reads "within an hour of dinner".
func (s *scanner) measuredMoment(i int) (moment, int) {
	if kind := s.toks[i].kind; kind != word && kind != number {
		return moment{}, 0
	}
	return s.measured(i)
}

// onceMoment reads "once I am home", where "once" means "as soon as".
func (s *scanner) onceMoment(i int) (moment, int) {
	if s.toks[i].kind != word || s.text(i) != "once" || !subjects[s.text(i+1)] {
		return moment{}, 0
	}
	m, n := s.related(i+1, relWhen)
	return behind(1, m, n)
}

// relatedMoment reads the longest relation word and what follows it.
func (s *scanner) relatedMoment(i int) (moment, int) {
	if s.toks[i].kind != word {
		return moment{}, 0
	}
	rel, length := relations.match(s.toks, i)
	if s.namesDaypart(i, length) {
		rel, length = relations.match(s.toks[:i+1], i)
	}
	if length == 0 {
		return moment{}, 0
	}
	m, n := s.related(i+length, rel)
	return behind(length, m, n)
}

// namesDaypart reports whether the name of a part of the day begins inside the
// relation words at token i and reaches further: "in the middle of the night" and
// "at the end of the afternoon" are no moments in or after the night.
func (s *scanner) namesDaypart(i, length int) bool {
	for k := i + 1; k < i+length; k++ {
		if k+dayparts.length(s.toks, k) > i+length {
			return true
		}
	}
	return false
}

// shorterRelation reads "in between meetings" by its first word alone.
func (s *scanner) shorterRelation(i int) (moment, int) {
	if s.toks[i].kind != word || relations.length(s.toks, i) < 2 {
		return moment{}, 0
	}
	rel, length := relations.match(s.toks[:i+1], i)
	if length == 0 {
		return moment{}, 0
	}
	m, n := s.related(i+1, rel)
	return behind(1, m, n)
}

// behind adds the tokens before a moment to its length.
func behind(before int, m moment, n int) (moment, int) {
	if n == 0 {
		return moment{}, 0
	}
	return m, before + n
}

// namedPoint reads "noon" without a relation word as the middle of the day.
func (s *scanner) namedPoint(i int) (moment, int) {
	v, n := dayparts.match(s.toks, i)
	if n == 0 || clockWords.length(s.toks, i) != n || v.to <= v.from {
		return moment{}, 0
	}
	return moment{clock: &interval{v.from, v.to}, daypart: true, bare: true}, n
}

// everyWords turn a part of the day into a moment without a relation word.
var everyWords = map[string]bool{"every": true, "each": true, "most": true}

// everyDaypart reads "every morning".
func (s *scanner) everyDaypart(i int) (moment, int) {
	if !everyWords[s.text(i)] {
		return moment{}, 0
	}
	m, n := s.daypartAt(i + 1)
	return behind(1, m, n)
}

// bareArticles may precede a moment without a relation word.
var bareArticles = map[string]bool{
	"the": true, "my": true, "our": true, "every": true, "each": true, "most": true, "a": true, "an": true,
}

// skipArticles returns the first token at or after i that is no article.
func (s *scanner) skipArticles(i int) int {
	for bareArticles[s.text(i)] {
		i++
	}
	return i
}

// bareDaypart reads "the evening", and "my morning meditation" with its activity.
func (s *scanner) bareDaypart(i int) (moment, int) {
	at := s.skipArticles(i)
	m, n := s.daypartAt(at)
	if n == 0 {
		return moment{}, 0
	}
	n += s.roundOf(at + n)
	if a, k := s.activityAt(at+n, 0); k > 0 && s.text(at+n) != "free" {
		if both, ok := m.and(a); ok && len(activityAfter(s, at, n)) == 0 {
			m, n = both, n+k
		}
	}
	m.bare = true
	return m, at + n - i
}

// bareActivity reads "dinner".
func (s *scanner) bareActivity(i int) (moment, int) {
	at := s.skipArticles(i)
	m, n := s.activityAt(at, 0)
	if n == 0 {
		return moment{}, 0
	}
	m.bare = true
	return m, at + n - i
}

// roundOf returns the length of "round of" or a similar phrase before an
// activity, else 0.
func (s *scanner) roundOf(i int) int {
	if n := rounds.length(s.toks, i); n > 0 && activityWords.length(s.toks, i+n) > 0 {
		return n
	}
	return 0
}
