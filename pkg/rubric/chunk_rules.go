package rubric

// chunkRule reads one kind of piece. It returns false where there is none.
type chunkRule struct {
	name string
	read func(*cursor) (chunk, bool)
}

// phraseRules run first, in this order: they read phrases whose words would mean
// something else alone.
var phraseRules = []chunkRule{
	{"reason", func(p *cursor) (chunk, bool) { return p.reasonAt(p.s, p.i) }},
	{"what only this field has", func(p *cursor) (chunk, bool) { return p.special(p.s, p.i, p.before) }},
	{"lead-in", (*cursor).leadIn},
	{"any time", (*cursor).anyTime},
	{"moment", func(p *cursor) (chunk, bool) { return p.momentChunk(p.s, p.i, p.before) }},
	{"denial in two parts", func(p *cursor) (chunk, bool) { return p.bracketAt(p.s, p.i, p.before) }},
	{"refinement", (*cursor).refinement},
	{"only", func(p *cursor) (chunk, bool) { return p.take(chunkOnly, onlyAfter.length(p.s.toks, p.i)) }},
}

// wordRules run after phraseRules, in this order, and may compare the lengths of
// frame, cue and separator. What none of them reads is unknown.
var wordRules = []chunkRule{
	{"topics", (*cursor).topicList},
	{"unless without a moment", (*cursor).unlessUnknown},
	{"separator before a longer cue", (*cursor).shortenSeparator},
	{"nor at the start", (*cursor).norAtStart},
	{"so is", (*cursor).soIs},
	{"outside", func(p *cursor) (chunk, bool) {
		n := p.outsideAt(p.s, p.i)
		return chunk{kind: chunkSep, to: p.i + n, sep: sepExcept}, n > 0
	}},
	{"proviso", func(p *cursor) (chunk, bool) {
		topical := p.field == fieldPreference || p.field == fieldTiming
		if topical && provisos.length(p.s.toks, p.i) > 0 {
			return p.unknown(), true
		}
		return chunk{}, false
	}},
	{"without", (*cursor).without},
	{"frame", func(p *cursor) (chunk, bool) {
		if p.frame <= max(p.cueLen, p.sepLen) {
			return chunk{}, false
		}
		return p.take(chunkFiller, p.frame)
	}},
	{"separator", func(p *cursor) (chunk, bool) {
		return chunk{kind: chunkSep, to: p.i + p.sepLen, sep: p.sep}, p.sepLen > 0 && p.sepLen >= p.cueLen
	}},
	{"cue", func(p *cursor) (chunk, bool) {
		w := p.word()
		nominal := w == "no" || w == "without" || w == "free"
		return chunk{kind: chunkCue, to: p.i + p.cueLen, cue: p.cue, nominal: nominal}, p.cueLen > 0
	}},
	{"picture", func(p *cursor) (chunk, bool) {
		sense, _ := approvals.match(p.s.toks, p.i)
		return chunk{kind: chunkCue, to: p.i + 1, cue: sense, nominal: true}, p.s.toks[p.i].kind == picture
	}},
	{"exclusive word", func(p *cursor) (chunk, bool) { return chunk{kind: chunkOnly, to: p.i + 1}, exclusive[p.word()] }},
	{"filler", func(p *cursor) (chunk, bool) { return chunk{kind: chunkFiller, to: p.i + 1}, p.isFiller() }},
}

// exclusive has the words that limit a clause to what it names.
var exclusive = map[string]bool{"only": true, "solely": true, "exclusively": true, "strictly": true, "purely": true}

// leadIn reads a phrase that carries no rule. A separator that reaches further has
// priority: "as well as" over "as well".
func (p *cursor) leadIn() (chunk, bool) {
	n := leadIns.length(p.s.toks, p.i)
	if separators.length(p.s.toks, p.i) > n {
		return chunk{}, false
	}
	return p.take(chunkFiller, n)
}

// anyTime reads "any time". A moment or a separator that reaches further has
// priority.
func (p *cursor) anyTime() (chunk, bool) {
	if p.field != fieldTiming {
		return chunk{}, false
	}
	n := anyTime.length(p.s.toks, p.i)
	if n == 0 || separators.length(p.s.toks, p.i) > n {
		return chunk{}, false
	}
	if _, k := p.s.momentAt(p.i, true); k > n {
		return chunk{}, false
	}
	return p.take(chunkAnyTime, n)
}

// refinement reads a phrase that only makes a moment more exact.
func (p *cursor) refinement() (chunk, bool) {
	if p.field != fieldTiming {
		return chunk{}, false
	}
	n := refinements.length(p.s.toks, p.i)
	if max(cues.length(p.s.toks, p.i), separators.length(p.s.toks, p.i)) >= n { // "rather than" parts
		return chunk{}, false
	}
	return p.take(chunkFiller, n)
}

// topicList reads topics, unless a frame, a cue or a separator is longer.
func (p *cursor) topicList() (chunk, bool) {
	if p.field != fieldPreference && p.field != fieldCommunication {
		return chunk{}, false
	}
	topics, n := p.topicAt(p.s, p.i)
	return chunk{kind: chunkTopics, to: p.i + n, topics: topics}, n > 0 && n >= max(p.cueLen, p.sepLen, p.frame)
}

// unlessUnknown reads "unless" before something that is no moment: a condition
// that is not understood.
func (p *cursor) unlessUnknown() (chunk, bool) {
	if p.word() != "unless" || p.field == fieldPreference || p.sep != sepExcept && p.sep != sepNot {
		return chunk{}, false
	}
	if _, n := p.s.momentAt(p.i+p.sepLen, p.field == fieldTiming); n > 0 {
		return chunk{}, false
	}
	return p.unknown(), true
}

// shortenSeparator reduces "but never" to "but" where the cue continues, as in
// "but never tired of science". It reads no piece itself.
func (p *cursor) shortenSeparator() (chunk, bool) {
	if p.sep == sepNot && p.sepLen > 1 {
		if _, k := p.cueAt(p.s, p.i+p.sepLen-1); k > 1 {
			p.sep, p.sepLen = separators.match(p.s.toks[:p.i+1], p.i)
		}
	}
	return chunk{}, false
}

// norAtStart reads the "nor" that begins a sentence as a refusal.
func (p *cursor) norAtStart() (chunk, bool) {
	return chunk{kind: chunkCue, to: p.i + 1, cue: negative}, p.i == 0 && p.word() == "nor"
}

// soIs reads the "so" of "so is my lunch" as "and". At the start of a sentence
// it refers to another sentence, which is not read.
func (p *cursor) soIs() (chunk, bool) {
	next := p.s.text(p.i + 1)
	if p.word() != "so" || next != "is" && next != "are" && next != "too" {
		return chunk{}, false
	}
	if len(p.before) == 0 {
		return p.take(chunkUnknown, 1)
	}
	return chunk{kind: chunkSep, to: p.i + 1, sep: sepAnd}, true
}

// without reads "without" as a separator among tones. After a topic it makes the
// clause unknown: "recipes without meat" are neither recipes nor a refusal.
func (p *cursor) without() (chunk, bool) {
	switch {
	case p.word() != "without":
		return chunk{}, false
	case p.field == fieldCommunication:
		return chunk{kind: chunkSep, to: p.i + 1, sep: sepNot, nominal: true}, true
	case p.field == fieldPreference && inClause(p.before, chunkTopics):
		return chunk{kind: chunkUnknown, to: clauseEnd(p.s, p.i+1)}, true
	}
	return chunk{}, false
}

// isFiller reports a token that carries no rule: punctuation, a filler word, or
// a number that counts times of the day ("there are three stretches").
func (p *cursor) isFiller() bool {
	t := p.s.toks[p.i]
	switch {
	case t.kind == mark:
		return true
	case t.kind != word:
		return false
	case p.field != fieldFrequency && isNumberWord(t.text) && t.text != "one" && countsTimes(p.s, p.i):
		return true
	}
	return fillers[t.text] && !weighty[t.text]
}
