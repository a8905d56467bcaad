package rubric

import (
	"strings"

	"pgregory.net/rapid"
)

// part is a clause of a composed text and what it may come to.
type part struct {
	item  int      // what it speaks of: the place in the list of items; -1 for nothing that can be read
	sense polarity // of the rule that it may make; unset: it may make none
	from  int      // place in the text
	to    int
	verb  bool // it has a verb or a verdict of its own, and takes its sense from no list
	list  int  // the number of the list that it belongs to
}

// grammar is the ways in which the clauses of one field are said; % stands for
// the item.
type grammar struct {
	wishes       []string // the wish precedes the item
	verdicts     []string // the wish follows the item
	refusals     []string
	lateRefusals []string
	unknown      []string // things with an unknown name
	obstacles    []string // clauses that nobody can read
	remarks      []string // reasons and remarks, which end a sentence
}

// composer makes a text of clauses. It knows which sense a person would give to
// each clause, and lets no clause have another one.
type composer struct {
	*rapid.T
	g     grammar
	items []string
	text  strings.Builder
	parts []part
	next  int      // the next item
	list  int      // the list that is being written
	sense polarity // of the list so far
	base  polarity // of the list before its first exception
	doubt bool     // a bare clause may make no rule
}

// Words between clauses, from the vocabulary. Left out are those that say more,
// or something else between the clauses that are composed here.
var (
	andLinks    = without(separatorsOf("and"), "besides", "followed by", "then")
	butLinks    = without(separatorsOf("but"), "but only", "while otherwise", "so")
	exceptLinks = without(separatorsOf("except"), "any time but", "anything but", "everything but", "unless", "but for")
	notLinks    = without(separatorsOf("not"), "or not", "minus")
)

// compose draws a text about all items, in their order.
func compose(t *rapid.T, g grammar, items []string) (string, []part) {
	c := &composer{T: t, g: g, items: items}
	c.begin()
	for c.next < len(items) {
		c.following()
	}
	c.text.WriteString(".")
	return c.text.String(), c.parts
}

// write appends a clause about the next item, or about none where item is false.
func (c *composer) write(pattern string, item bool, sense polarity, verb bool) {
	p := part{item: -1, sense: sense, from: c.text.Len(), verb: verb, list: c.list}
	name := ""
	if item {
		p.item, name = c.next, c.items[c.next]
		c.next++
	}
	c.text.WriteString(fill(pattern, name))
	p.to = c.text.Len()
	c.parts = append(c.parts, p)
}

// begin writes the first clause of a sentence.
func (c *composer) begin() {
	c.list++
	c.sense, c.base, c.doubt = unset, unset, false
	switch rapid.IntRange(0, 5).Draw(c.T, "begins with") {
	case 0:
		c.refusal()
	case 1:
		c.write(anyOf(c.T, "unknown", c.g.unknown), false, unset, false)
	case 2:
		c.write("%", true, positive, false)
	default:
		c.wish()
	}
}

func (c *composer) wish() {
	patterns := c.g.wishes
	if c.sense == unset && !c.doubt {
		patterns = append(patterns[:len(patterns):len(patterns)], c.g.verdicts...)
	}
	c.write(anyOf(c.T, "wish", patterns), true, positive, true)
	c.sense, c.base, c.doubt = positive, unset, false
}

// refusal writes a clause that refuses. A verdict behind a list of bare clauses
// refuses all of them.
func (c *composer) refusal() {
	if rapid.Bool().Draw(c.T, "verdict") {
		for k := range c.parts {
			if p := &c.parts[k]; p.list == c.list && !p.verb && c.sense == unset && p.item >= 0 {
				p.sense = negative
			}
		}
		c.write(anyOf(c.T, "refusal", c.g.lateRefusals), true, negative, true)
	} else {
		c.write(anyOf(c.T, "refusal", c.g.refusals), true, negative, true)
	}
	c.sense, c.base, c.doubt = negative, unset, false
}

// bare writes a clause that takes its sense from the list.
func (c *composer) bare(sense polarity) {
	if c.doubt {
		sense = unset
	} else if sense == unset {
		sense = positive
	}
	c.write("%", true, sense, false)
}

// following writes a separator and the clause behind it.
func (c *composer) following() {
	switch rapid.IntRange(0, 8).Draw(c.T, "goes on with") {
	case 0:
		c.text.WriteString(anyOf(c.T, "end", []string{". ", "! ", "\n\n"}))
		c.begin()
	case 1:
		c.semicolon()
	case 2:
		c.turn()
	case 3:
		c.exception()
	case 4:
		c.aside()
	case 5:
		c.text.WriteString(anyOf(c.T, "link", []string{", ", ", and ", " and "}))
		if rapid.Bool().Draw(c.T, "refuse") {
			c.refusal()
		} else {
			c.wish()
		}
	case 6:
		c.text.WriteString(" or ")
		c.bare(c.sense)
	default:
		link := " " + anyOf(c.T, "and", andLinks) + " "
		if rapid.Bool().Draw(c.T, "comma") {
			link = ", "
		}
		c.text.WriteString(link)
		c.bare(c.sense)
	}
}

// semicolon begins a sentence. What is bare behind a refusal is in doubt.
func (c *composer) semicolon() {
	refused := c.sense == negative || c.doubt
	c.text.WriteString("; ")
	c.list++
	c.sense, c.base, c.doubt = unset, unset, refused
	if rapid.Bool().Draw(c.T, "bare") {
		c.bare(unset)
		return
	}
	c.wish()
}

// turn writes "but": the other sense than before.
func (c *composer) turn() {
	c.text.WriteString(anyOf(c.T, "comma", []string{", ", " "}) + anyOf(c.T, "but", butLinks) + " ")
	before := c.sense
	c.list++
	c.sense, c.base, c.doubt = unset, unset, false
	switch {
	case before != negative:
		c.refusal()
	case rapid.Bool().Draw(c.T, "bare"):
		c.bare(unset)
	default:
		c.wish()
	}
}

// exception writes what a list leaves out. A second exception leaves out as well.
func (c *composer) exception() {
	if rapid.Bool().Draw(c.T, "not") {
		c.text.WriteString(anyOf(c.T, "comma", []string{", ", " "}) + anyOf(c.T, "not", notLinks) + " ")
		c.write("%", true, negative, false)
		c.sense, c.base, c.doubt = negative, unset, false
		return
	}
	c.text.WriteString(anyOf(c.T, "comma", []string{", ", " "}) + anyOf(c.T, "except", exceptLinks) + " ")
	if c.base == unset {
		c.base = c.sense
	}
	sense := -c.base
	switch {
	case c.doubt:
		sense = unset
	case c.base == unset:
		sense = negative
	}
	c.write("%", true, sense, false)
	c.sense = sense
}

// aside writes something that makes no rule: a thing with an unknown name, which
// the list runs past, a clause that nobody can read, which ends it, or a remark.
func (c *composer) aside() {
	switch rapid.IntRange(0, 2).Draw(c.T, "aside") {
	case 0:
		c.text.WriteString(", ")
		c.write(anyOf(c.T, "unknown", c.g.unknown), false, unset, false)
	case 1:
		c.text.WriteString(anyOf(c.T, "link", []string{", ", ", and "}))
		c.write(anyOf(c.T, "obstacle", c.g.obstacles), false, unset, true)
		c.list++
		c.sense, c.base, c.doubt = unset, unset, true
	default:
		c.text.WriteString(anyOf(c.T, "link", []string{", ", " – ", ". "}) + anyOf(c.T, "remark", c.g.remarks) + ". ")
		c.begin()
	}
}
