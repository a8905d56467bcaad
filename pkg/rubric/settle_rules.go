package rubric

// step says where settle goes after a rule.
type step bool

const (
	nextRule   step = false
	nextClause step = true
)

// senseRule is one step in finding the sense of a clause.
type senseRule struct {
	name    string
	applies func(*clauseList) bool
	apply   func(*clauseList) step
}

// senseRules run in this order on each clause, until one ends the clause. The
// order matters: separators set the sense that cues and lists build on, and a
// clause that was not understood must end the list before it can inherit from it.
var senseRules = []senseRule{
	{"a remark makes no rule", func(l *clauseList) bool { return l.cl.role == roleRemark }, (*clauseList).skip},
	{"please between commas judges nothing", func(l *clauseList) bool {
		return l.isRule() && !l.cl.content() && l.cl.polite(l.s)
	}, (*clauseList).skip},
	// "if I answer, one more in the evening"
	{"a count under a condition that was not read", func(l *clauseList) bool {
		return l.field == fieldFrequency && l.k > 0 && l.isRule() && (l.cl.before == sepComma || l.cl.follows(l.s)) && l.cls[l.k-1].why == whyCondition && !l.cls[l.k-1].content()
	}, (*clauseList).dropDependent},
	// "from noon on, but stop at 17h30"
	{"an exception that was not read leaves what it limits in doubt", func(l *clauseList) bool {
		return l.k > 0 && l.cl.role == roleUnread && l.cl.limits()
	}, (*clauseList).dropLimited},
	{"but begins a new list", func(l *clauseList) bool { return l.cl.before == sepBut }, (*clauseList).restart},
	{"not refuses what follows", func(l *clauseList) bool { return l.cl.before == sepNot }, (*clauseList).refuse},
	{"an exception depends on what was not understood", func(l *clauseList) bool {
		return l.cl.before == sepExcept && l.blocked && l.isRule()
	}, (*clauseList).dropDependent},
	{"an exception reverses the sense of the list", func(l *clauseList) bool { return l.cl.before == sepExcept }, (*clauseList).except},
	{"a cue without content judges what precedes it", func(l *clauseList) bool {
		topical := l.field == fieldPreference || l.field == fieldTiming
		return topical && l.own != unset && l.cl.before != sepOr && l.cl.before != sepNot && !l.cl.content()
	}, (*clauseList).judgeBack},
	// "when I have guests, hush": the conditions depend on the unknown clause
	{"conditions of an unknown clause", func(l *clauseList) bool {
		return l.cl.role == roleUnread && l.field == fieldTiming && l.dependsOnNext(l.pending)
	}, (*clauseList).dropPending},
	{"an unknown verdict ends the list before it", func(l *clauseList) bool {
		return l.isObstacle() && l.cl.before != sepBut && (l.late && l.own == negative || l.cl.leads())
	}, (*clauseList).dropPending},
	// "gym: maybe"
	{"a clause in an unknown form may judge what precedes it", func(l *clauseList) bool {
		return l.isObstacle() && l.cl.why == whyForm && !l.cl.content() && l.cl.before != sepBut
	}, (*clauseList).dropPending},
	{"the condition right before an unknown clause", func(l *clauseList) bool {
		return l.isObstacle() && l.dependsOnNext(max(l.k-1, 0))
	}, (*clauseList).dropPrevious},
	{"an unknown clause ends the list", (*clauseList).isObstacle, (*clauseList).block},
	// "don't wake me and talk to me at six"
	{"a demand after a refused verb is ambiguous", func(l *clauseList) bool {
		return l.k > 0 && l.cl.before == sepAnd && l.demands() && l.cls[l.k-1].forbids(l.s)
	}, func(l *clauseList) step { l.drop(whyNeither); return l.block() }},
	// "no sports, bring on the music"
	{"a demand after a refusal is a wish", func(l *clauseList) bool {
		return l.own == unset && l.sense == negative && l.cl.before != sepOr && l.demands()
	}, func(l *clauseList) step { l.own = positive; return nextRule }},
	// "calligraphy, nor tea"
	{"nor without a refusal before it", func(l *clauseList) bool {
		return l.own == unset && l.sense != negative && l.isRule() && l.cl.joinedByNor(l.s)
	}, (*clauseList).dropDependent},
	{"a bare clause depends on what was not understood", func(l *clauseList) bool {
		return l.own == unset && l.blocked && l.cl.before != sepBut && l.cl.content() && l.isRule() && !l.independent(l.s, l.cl)
	}, (*clauseList).dropDependent},
	{"a bare clause inherits the sense of the list", func(l *clauseList) bool { return l.own == unset }, (*clauseList).inherit},
	{"a cue sets the sense of the list", func(*clauseList) bool { return true }, (*clauseList).judge},
}

func (l *clauseList) skip() step { return nextClause }

func (l *clauseList) restart() step {
	l.sense, l.base, l.pending, l.blocked = unset, unset, l.k, false
	return nextRule
}

func (l *clauseList) refuse() step {
	l.own, l.base, l.pending = negative, unset, l.k
	return nextRule
}

func (l *clauseList) dropDependent() step {
	l.drop(whyDepends)
	return nextClause
}

// except keeps the sense before the first exception, so that a second exception
// does not reverse the first. Without any sense an exception is a refusal.
func (l *clauseList) except() step {
	if l.base == unset {
		l.base = l.sense
	}
	if l.own != negative {
		l.own = -l.base
		if l.base == unset {
			l.own = negative
		}
	}
	l.pending = l.k
	return nextRule
}

func (l *clauseList) judgeBack() step {
	l.late = true
	return nextRule
}

// dropLimited drops the wishes of the list before an exception.
func (l *clauseList) dropLimited() step {
	for j := l.k - 1; j >= 0; j-- {
		if cl := &l.cls[j]; cl.role == roleRule && cl.content() {
			if cl.sense == negative {
				break
			}
			cl.role, cl.why = roleUnread, whyDepends
		}
		if l.cls[j].before == sepBut || l.cls[j].before == sepExcept {
			break
		}
	}
	return nextRule
}

func (l *clauseList) dropPending() step {
	unread(l.cls[l.pending:l.k], whyDepends)
	return nextRule
}

func (l *clauseList) dropPrevious() step {
	unread(l.cls[l.k-1:l.k], whyDepends)
	return nextRule
}

func (l *clauseList) block() step {
	l.sense, l.pending, l.blocked = unset, l.k+1, true
	return nextClause
}

func (l *clauseList) inherit() step {
	l.cl.sense = l.sense
	return nextClause
}

func (l *clauseList) judge() step {
	l.cl.sense, l.sense, l.blocked = l.own, l.own, false
	if l.cl.before != sepExcept { // "art, except dance, no sports, except tennis"
		l.base = unset
	}
	if l.late {
		for j := l.k - 1; j >= l.pending && l.cls[j].sense == unset; j-- {
			l.cls[j].sense = l.own
		}
	}
	l.pending = l.k + 1
	return nextClause
}

// wishDoubts say why a clause that no cue judges is no wish; the first one that
// applies counts.
var wishDoubts = []struct {
	why     string
	applies func(*reader, *scanner, *clause) bool
}{
	{whySelf, func(r *reader, s *scanner, cl *clause) bool {
		return r.field == fieldTiming && cl.has(chunkMoment) && cl.speaksOfSelf(s)
	}},
	{whyNeither, func(r *reader, s *scanner, cl *clause) bool {
		return r.field == fieldTiming && cl.has(chunkMoment) && cl.disturbs(s)
	}},
	{whySelf, func(_ *reader, s *scanner, cl *clause) bool {
		return selves[cl.first(s)] && cl.has(chunkMoment, chunkTopics, chunkTone, chunkBoundary) && !cl.has(chunkCount)
	}},
}
