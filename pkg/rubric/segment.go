package rubric

// segment is a stretch of chunks between separators, with its sense.
type segment struct {
	chunks []chunk
	before separator // what stands before it
	noun   bool      // and it denies a noun: "without"
	sense  polarity
}

// segments parts chunks at separators and settles the sense of each segment:
// its own cue, else that of the segment before it, else that of a cue behind
// it ("dinner, prayer and nights are off limits").
func (r *reader) segments(chs []chunk) []segment {
	var out []segment
	current := segment{}
	for _, c := range chs {
		if c.kind == chunkSep {
			if len(current.chunks) > 0 || c.sep > current.before {
				if len(current.chunks) > 0 {
					out = append(out, current)
					current = segment{}
				}
				current.before = max(current.before, c.sep)
				current.noun = current.noun || c.nominal
			}
			continue
		}
		current.chunks = append(current.chunks, c)
	}
	if len(current.chunks) > 0 {
		out = append(out, current)
	}
	settle(out, r.field != fieldCommunication)
	return out
}

// settle gives each segment its sense. verdicts says that a cue alone between
// separators judges what stands before it ("when I'm writing, don't").
func settle(segs []segment, verdicts bool) {
	sense, base, pending := unset, unset, 0
	for k := range segs {
		seg := &segs[k]
		own, late := seg.cue()
		switch seg.before {
		case sepBut:
			sense, base, pending = unset, unset, k
		case sepNot:
			own, base, pending = negative, unset, k
		case sepExcept:
			if base == unset {
				base = sense
			}
			if own == unset || own == positive {
				own = -base
				if base == unset {
					own = negative
				}
			}
			pending = k
		}
		if verdicts && own != unset && seg.before != sepOr && seg.before != sepNot && !seg.has(chunkMoment, chunkTopics, chunkAnyTime, chunkCount) {
			late = true
		}
		if own == unset {
			seg.sense = sense
			continue
		}
		seg.sense, sense = own, own
		if late {
			for j := k - 1; j >= pending && segs[j].sense == unset; j-- {
				segs[j].sense = own
			}
		}
		pending = k + 1
	}
	for k := range segs {
		if segs[k].sense == unset {
			segs[k].sense = positive
		}
	}
}

// cue returns the segment's own sense, and whether its cues stand behind what
// they are about.
func (seg *segment) cue() (polarity, bool) {
	sense, seen, late := unset, false, false
	for _, c := range seg.chunks {
		switch c.kind {
		case chunkCue:
			if sense == unset {
				late = seen
			}
			if c.cue == negative || sense == unset {
				sense = c.cue
			}
		case chunkMoment, chunkTopics, chunkAnyTime:
			seen = true
		}
	}
	return sense, late
}

// has reports whether the segment holds a chunk of a kind.
func (seg *segment) has(kinds ...chunkKind) bool {
	for _, c := range seg.chunks {
		for _, k := range kinds {
			if c.kind == k {
				return true
			}
		}
	}
	return false
}
