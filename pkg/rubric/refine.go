package rubric

// refine joins a time with the closer time that explains it: "late morning,
// from 11:00 to 12:15, is best", "evenings, ideally from 7 to 8", and reads
// "evening messages should not come before 20:00" as the rest of the evening.
func refine(s *scanner, chs []chunk) []chunk {
	out := append([]chunk(nil), chs...)
	for k := range out {
		if out[k].kind != chunkMoment {
			continue
		}
		b, said := closer(s, out, k)
		if b < 0 {
			remainder(out, k)
			continue
		}
		both, ok := joinTimes(s, out, k, b, said)
		if !ok {
			continue
		}
		out[k].moment, out[k].to = both, out[b].to
		for j := k + 1; j <= b; j++ {
			out[j].kind, out[j].part = chunkFiller, true
		}
	}
	return out
}

// closer finds the time that explains the one at k: the next piece behind a
// separator and words such as "ideally". said reports such a word.
func closer(s *scanner, chs []chunk, k int) (at int, said bool) {
	parted := false
	for j := k + 1; j < len(chs) && j <= k+4; j++ {
		switch c := chs[j]; {
		case c.kind == chunkMoment:
			if !parted && !said {
				return -1, false
			}
			return j, said
		case refinements.length(s.toks, c.from) > 0:
			said = true
		case c.kind == chunkSep && (c.sep == sepComma || c.sep == sepBut && (refinements.length(s.toks, c.to) > 0 || s.text(c.to-1) == "only")):
			parted = true
			said = said || s.text(c.to-1) == "only"
		case c.kind == chunkOnly:
			said = true
		case c.kind == chunkFiller && s.text(c.from) == "precisely", c.kind == chunkFiller && s.text(c.from) == "exactly":
		default:
			return -1, false
		}
	}
	return -1, false
}

func joinTimes(s *scanner, chs []chunk, a, b int, said bool) (moment, bool) {
	first, second := chs[a].moment, chs[b].moment
	if both, ok := limits(s, chs[a], chs[b]); ok {
		return both, true
	}
	if first.clock != nil && first.kinds == nil && first.daypart && second.clock != nil && second.kinds == nil && !second.daypart && overlap(*first.clock, *first.exactly(second).clock) {
		if said {
			return first.narrowed(second), true
		}
		if s.text(chs[a+1].from) == "," || s.text(chs[a+1].from) == "(" {
			return first.and(second)
		}
		return moment{}, false
	}
	if said {
		return first.and(second)
	}
	// "evenings, when I'm relaxing": both, unless a longer list or a denial follows
	rel, _ := relations.match(s.toks, chs[b].from)
	if rel == relWhen && first.clock != nil && first.kinds == nil && !hasMoment(chs[:a]) && !hasMoment(chs[b+1:]) && !denied(chs[:a]) {
		return first.and(second)
	}
	// "after breakfast, between 7:15 and 8:30, I am in my chair"
	closed := b+1 < len(chs) && chs[b+1].kind == chunkSep && s.text(chs[b+1].from) == ","
	if first.kinds == nil || first.clock != nil || second.clock == nil || second.daypart || second.kinds != nil || !closed || hasMoment(chs[:a]) || hasMoment(chs[b+1:]) {
		return moment{}, false
	}
	return first.and(second)
}

func denied(chs []chunk) bool {
	for _, c := range chs {
		if c.kind == chunkCue && c.cue == negative || c.kind == chunkSep && (c.sep == sepExcept || c.sep == sepNot) {
			return true
		}
	}
	return false
}

// limits joins two limits of the day: "no earlier than 9, no later than 20:00".
func limits(s *scanner, a, b chunk) (moment, bool) {
	if a.moment.openTo {
		a, b = b, a
	}
	if s.text(a.from) != "no" && s.text(a.from) != "not" || a.moment.clock == nil || a.moment.clock.from != 0 || b.moment.clock == nil || !b.moment.openTo {
		return moment{}, false
	}
	v := interval{b.moment.clock.from, a.moment.clock.to}
	return moment{clock: &v}, v.from < v.to
}

func hasMoment(chs []chunk) bool {
	for _, c := range chs {
		if c.kind == chunkMoment {
			return true
		}
	}
	return false
}

// remainder reads a part of the day that a denial shortens: in one clause, a
// part of the day, a denial, and "before" or "after" an hour inside it.
func remainder(chs []chunk, k int) {
	part, denial := chs[k].moment, -1
	if part.clock == nil || part.kinds != nil || !part.daypart || part.clock.to <= part.clock.from {
		return
	}
	for j := k + 1; j < len(chs) && chs[j].kind != chunkSep && chs[j].kind != chunkReason; j++ {
		switch c := chs[j]; {
		case c.kind == chunkCue && c.cue == negative:
			denial = j
		case c.kind == chunkMoment:
			late := part.exactly(c.moment)
			if denial < 0 || late.clock == nil || late.kinds != nil {
				return
			}
			v := *part.clock
			switch {
			case late.clock.from == 0 && late.clock.to > v.from && late.clock.to < v.to:
				v.from = late.clock.to
			case late.openTo && late.clock.from > v.from && late.clock.from < v.to:
				v.to = late.clock.from
			default:
				return
			}
			chs[k].moment.clock, chs[k].moment.daypart = &v, false
			chs[denial].kind, chs[j].kind = chunkFiller, chunkFiller
			chs[denial].part, chs[j].part = true, true
			return
		}
	}
}

func overlap(a, b interval) bool {
	if a.to <= a.from || b.to <= b.from {
		return true
	}
	return a.from < b.to && b.from < a.to
}

// refinements are words that narrow the time before them.
var refinements = phrases("refinements")
