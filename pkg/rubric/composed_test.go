package rubric

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// subject is a topic as it is named in a text, perhaps with a condition.
type subject struct {
	id   string
	text string
	when *meant
}

// drawSubjects draws different topics. In half of the texts a third of them has a
// condition; the topics of those are no activities, which could continue it.
func drawSubjects(t *rapid.T, n int) []subject {
	out := make([]subject, n)
	conditional := rapid.Bool().Draw(t, "conditional")
	for k, i := range rapid.Permutation(indices(len(topicNames))).Draw(t, "topics")[:n] {
		name := anyOf(t, "name", topicNames[i])
		if conditional && activityWords.length(tokenize(name), 0) > 0 {
			name = "tips about " + name
		}
		out[k] = subject{id: content.Topics()[i].ID, text: name}
		if !conditional || rapid.IntRange(0, 2).Draw(t, "has a condition") > 0 {
			continue
		}
		m := drawMoment(t)
		out[k].when = &m
		out[k].text = name + " " + m.text
	}
	return out
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestComposedLikesAreReadAsTheyAreMeant composes wishes, refusals, lists,
// exceptions and asides. No topic may be liked that was not wished for, none be
// refused that was not refused, none have the condition of another clause, and
// none be lost without a word.
func TestComposedLikesAreReadAsTheyAreMeant(t *testing.T) {
	g := grammar{
		wishes:       []string{"I like %", "I love %", "tell me about %", "I'm interested in %", "I'd like to hear about %", "I enjoy %", "please talk about %"},
		verdicts:     []string{"% would be lovely", "% is fine", "% interests me", "% is always welcome"},
		refusals:     slices.Concat(plainly(refusals), plainly(refusals), plainly(cuesBefore(negativeCues)), cuesBefore(phrasesUnder("cues_preference", "negative"))),
		lateRefusals: slices.Concat(suffixed(refusals), cuesBehind(verdictCues)),
		unknown:      unknowns, obstacles: obstacles, remarks: reasonsOf,
	}
	rapid.Check(t, func(t *rapid.T) {
		subjects := drawSubjects(t, rapid.IntRange(2, 5).Draw(t, "topics"))
		items := make([]string, len(subjects))
		for k, s := range subjects {
			items[k] = s.text
		}
		text, parts := compose(t, g, items)
		result := Read(rubricOf(fieldPreference, text))
		c := likesChecker{T: t, text: text, subjects: subjects, parts: parts, result: result}
		c.rules(result.Spec.GetContent().GetLiked(), positive)
		c.rules(result.Spec.GetContent().GetDisliked(), negative)
		c.nothingLost()
	})
}

// likesChecker compares the reading of a composed text with what it means.
type likesChecker struct {
	*rapid.T
	text     string
	subjects []subject
	parts    []part
	result   Result
}

// rules requires that each rule is that of a clause with this sense, under a
// condition that the clause may have.
func (c *likesChecker) rules(list []*simv1.ContentRule, sense polarity) {
	for _, rule := range list {
		for _, id := range rule.GetTopics() {
			k := slices.IndexFunc(c.parts, func(p part) bool { return p.item >= 0 && c.subjects[p.item].id == id })
			require.GreaterOrEqual(c, k, 0, "%q: nobody spoke of %s: %s", c.text, id, Describe(c.result.Spec))
			require.True(c, sense == c.parts[k].sense || sense == positive && c.cutOff(k), "%q: %s: %s", c.text, id, Describe(c.result.Spec))
			require.True(c, c.mayDepend(k, rule.GetWhen()), "%q: %s %s: %s", c.text, id, When(rule.GetWhen()), Describe(c.result.Spec))
		}
	}
}

// cutOff reports whether a bare clause k may be a wish although a verdict behind
// its list refuses: a clause that was not understood, and is named, ends the list.
func (c *likesChecker) cutOff(k int) bool {
	if c.parts[k].verb {
		return false
	}
	for _, p := range c.parts[k+1:] {
		if p.list != c.parts[k].list {
			return false
		}
		if isNamed(c.result, fieldPreference, p) {
			return true
		}
	}
	return false
}

// mayDepend reports whether the topic of clause k may have the condition p: its
// own, or that of a bare clause that ends its list. It may lose its condition
// where that is named.
func (c *likesChecker) mayDepend(k int, p *simv1.MomentPattern) bool {
	own := c.subjects[c.parts[k].item].when
	switch {
	case p == nil:
		return own == nil || isNamed(c.result, fieldPreference, c.parts[k])
	case own != nil:
		return own.same(p)
	}
	for _, other := range c.parts[k+1:] {
		if other.item < 0 && !other.verb {
			continue
		}
		if other.list != c.parts[k].list || other.verb || other.sense != c.parts[k].sense {
			return false
		}
		if when := c.subjects[other.item].when; when != nil {
			return when.same(p)
		}
	}
	return false
}

// nothingLost requires that each clause made its rule, or is named.
func (c *likesChecker) nothingLost() {
	for k, p := range c.parts {
		if isNamed(c.result, fieldPreference, p) {
			continue
		}
		require.GreaterOrEqual(c, p.item, 0, "%q: %q is neither read nor named: %v", c.text, c.text[p.from:p.to], c.result.Readings)
		list := c.result.Spec.GetContent().GetLiked()
		if p.sense == negative {
			list = c.result.Spec.GetContent().GetDisliked()
		}
		if p.sense == negative && c.cutOff(k) {
			list = slices.Concat(list, c.result.Spec.GetContent().GetLiked())
		}
		require.True(c, p.sense != unset && slices.ContainsFunc(list, func(r *simv1.ContentRule) bool {
			return slices.Contains(r.GetTopics(), c.subjects[p.item].id)
		}), "%q: %q is neither read nor named: %v", c.text, c.text[p.from:p.to], c.result.Readings)
	}
}

// isNamed reports whether a clause is shown as not read, or with a warning.
func isNamed(result Result, f field, p part) bool {
	return slices.ContainsFunc(result.Readings, func(rd Reading) bool {
		return rd.Field == f.String() && rd.Start < p.to && rd.End > p.from && rd.Warning != ""
	})
}

// TestComposedTimesAreReadAsTheyAreMeant is the same for times: none may be open
// that was not wished for, or closed that was not refused.
func TestComposedTimesAreReadAsTheyAreMeant(t *testing.T) {
	g := grammar{
		wishes:       []string{"talk to me %", "I like to hear from you %", "catch me %", "I welcome messages %", "you can reach me %", "speak to me %", "I'm happy to listen %"},
		verdicts:     []string{"% is fine", "% suits me", "% is best", "% would be good", "% I am all ears"},
		refusals:     slices.Concat(plainly(denials), plainly(denials), plainly(cuesBefore(negativeCues)), cuesBefore(phrasesUnder("cues_timing", "negative"))),
		lateRefusals: slices.Concat(suffixed(denials), cuesBehind(verdictCues), cuesBehind(phrasesUnder("cues_timing", "negative"))),
		unknown:      []string{"during falconry", "while numismatics", "after beekeeping", "when I'm at the zither"}, obstacles: obstacles, remarks: reasonsOf,
	}
	rapid.Check(t, func(t *rapid.T) {
		moments := drawMoments(t, rapid.IntRange(2, 5).Draw(t, "moments"))
		items := make([]string, len(moments))
		for k, m := range moments {
			items[k] = m.text
		}
		text, parts := compose(t, g, items)
		result := Read(rubricOf(fieldTiming, text))
		sense := func(same func(meant) bool) polarity {
			k := slices.IndexFunc(parts, func(p part) bool { return p.item >= 0 && same(moments[p.item]) })
			require.GreaterOrEqual(t, k, 0, "%q: nobody spoke of one of these: %s", text, Describe(result.Spec))
			return parts[k].sense
		}
		for _, p := range result.Spec.GetTiming().GetReceptive() {
			require.Equal(t, positive, sense(func(m meant) bool { return m.same(p) }), "%q opens %s: %s", text, When(p), Describe(result.Spec))
		}
		for _, p := range result.Spec.GetTiming().GetProtected() {
			require.Equal(t, negative, sense(func(m meant) bool { return m.sameRefused(p) }), "%q closes %s: %s", text, When(p), Describe(result.Spec))
		}
		for _, p := range parts {
			if isNamed(result, fieldTiming, p) {
				continue
			}
			lists := map[polarity][]*simv1.MomentPattern{positive: result.Spec.GetTiming().GetReceptive(), negative: result.Spec.GetTiming().GetProtected()}
			require.True(t, p.item >= 0 && slices.ContainsFunc(lists[p.sense], moments[max(p.item, 0)].sameRefused), "%q: %q is neither read nor named: %v", text, text[p.from:p.to], result.Readings)
		}
	})
}

// drawMoments draws different moments of one kind: activities, parts of the day
// or times of the clock. A time beside a part of the day would narrow it.
func drawMoments(t *rapid.T, n int) []meant {
	kind := rapid.IntRange(0, 2).Draw(t, "kind")
	var out []meant
	for len(out) < n {
		var m meant
		for found := false; !found; {
			m = drawMoment(t)
			daypart := strings.HasPrefix(m.text, "in the ") && m.pattern.GetClock() != nil
			switch kind {
			case 0:
				found = m.pattern.GetActivity() != nil
			case 1:
				found = daypart
			default:
				m, found = drawClock(t), true
			}
		}
		if !slices.ContainsFunc(out, func(o meant) bool { return o.same(m.pattern) }) {
			out = append(out, m)
		}
	}
	return out
}

// plainly are the prefixed patterns that mean the same behind "and" and "but", and
// within a text.
func plainly(patterns []string) []string {
	return without(prefixed(patterns), append(cuesBefore(phrasesUnder("separators", "")), "not %", "never %", "no more %", "🚫 %", "👎 %")...)
}

// prefixed are the patterns in which the item comes last, suffixed those in which
// it comes first.
func prefixed(patterns []string) []string {
	return slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return !strings.HasSuffix(p, "%") })
}

func suffixed(patterns []string) []string {
	return slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return !strings.HasPrefix(p, "%") })
}

func cuesBefore(cues []string) []string {
	out := make([]string, len(cues))
	for k, c := range cues {
		out[k] = c + " %"
	}
	return out
}

func cuesBehind(cues []string) []string {
	out := make([]string, len(cues))
	for k, c := range cues {
		out[k] = "% " + c
	}
	return out
}
