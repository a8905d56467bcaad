package rubric

// gapLeadRules read the words before the length of a distance, one at a time.
// read returns the number of tokens, 0 if the rule does not match.
var gapLeadRules = []struct {
	name string
	read func(*gapReader) int
}{
	{"a word that begins a distance", func(g *gapReader) int {
		names, begins := distances[g.s.text(g.at)]
		g.lead = g.lead || names
		return tokensIf(begins)
	}},
	{"a bound on the distance", func(g *gapReader) int {
		if !g.begun() {
			return 0
		}
		return g.readBound()
	}},
	{"a filler", func(g *gapReader) int {
		w := g.s.text(g.at)
		return tokensIf(g.begun() && (distanceFillers[w] || w == "a" && !isUnit(g.s.text(g.at+1))))
	}},
	{"an article before a distance", func(g *gapReader) int {
		return tokensIf(g.s.text(g.at) == "a" && distances[g.s.text(g.at+1)])
	}},
}

// begun reports whether part of the distance has been read.
func (g *gapReader) begun() bool { return g.lead || g.at > g.start }

// tokensIf returns the length of one token if ok, else 0.
func tokensIf(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// distances begin a distance in time. The value says whether the word also names
// the distance, so that no "apart" is needed.
var distances = map[string]bool{
	"gap": true, "pause": true, "break": true, "interval": true, "intervals": true, "distance": true, "wait": true, "spaced": true, "spacing": true,
	"leave": false, "space": false,
}

// Words around the length of a distance.
var (
	// between a word that begins the distance and its length
	distanceFillers = map[string]bool{"of": true, "them": true, "about": true, "around": true, "roughly": true, "me": true, "for": true, "it": true, "out": true}
	// after the length, to say that it is a distance
	apartWords = map[string]bool{"apart": true, "between": true, "inbetween": true, "since": true}
	// after those, for what the distance lies between
	betweenWords = map[string]bool{"them": true, "two": true, "one": true, "the": true, "next": true, "each": true, "any": true, "your": true, "last": true, "another": true, "from": true, "other": true}
)
