package rubric

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// example is a phrase with the reading that a person would give.
type example struct {
	kind    string
	field   field
	text    string
	want    [][]string      // of each, one of several atoms has to be read
	may     map[string]bool // atoms that may be read
	refused bool            // the rubric has to be refused
	mayFail bool            // or may be
	unread  bool            // a part of it is not read, and is named
}

var parts = [...]string{"content", "timing", "frequency", "communication"}

func examples(t testing.TB, path string) []example {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var out []example
	kind := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		head, rest, _ := strings.Cut(line, " ")
		switch head {
		case "##":
			kind = rest
		case "P", "T", "F", "C":
			out = append(out, example{kind: kind, field: field(strings.Index("PTFC", head)), text: strings.ReplaceAll(rest, `\n`, "\n"), may: map[string]bool{}})
		case "?":
			out[len(out)-1].unread = true
		case "=", "~":
			last := &out[len(out)-1]
			switch {
			case rest == "!" && head == "=":
				last.refused = true
			case rest == "!":
				last.mayFail = true
			default:
				last.add(rest, head == "=")
			}
		default:
			t.Fatalf("%s: %q", path, line)
		}
	}
	return out
}

// add adds a rule: one that has to be read, or one that may be.
func (e *example) add(rule string, required bool) {
	alternatives := strings.Split(rule, " | ")
	for k, one := range alternatives {
		if part, _, ok := strings.Cut(one, ":"); !ok || !slices.Contains(parts[:], part) {
			alternatives[k] = parts[e.field] + ": " + one
		}
		for _, a := range atoms(alternatives[k : k+1]) {
			e.may[a] = true
			if required && len(alternatives) == 1 {
				e.want = append(e.want, []string{a})
			}
		}
	}
	if len(alternatives) > 1 {
		e.want = append(e.want, alternatives)
	}
}

// atoms parts the lines of Describe into single claims: one topic, one slot.
func atoms(lines []string) []string {
	var out []string
	for _, line := range lines {
		part, rest, _ := strings.Cut(line, ": ")
		if empties[rest] {
			continue
		}
		verb, list, _ := strings.Cut(rest, " ")
		switch {
		case part == "content" && (verb == "likes" || verb == "dislikes") && !strings.Contains(rest, " but "):
			topics, when := list, ""
			for _, w := range []string{" from ", " during ", " within "} {
				if i := strings.Index(list, w); i >= 0 && i < len(topics) {
					topics, when = list[:i], list[i:]
				}
			}
			for _, topic := range strings.Split(topics, ", ") {
				out = append(out, part+": "+verb+" "+topic+when)
			}
		case part == "frequency" && strings.Contains(rest, " each "):
			head, slots, _ := strings.Cut(rest, " each ")
			for _, slot := range strings.Split(slots, ", ") {
				out = append(out, part+": "+head+" "+slot)
			}
		default:
			out = append(out, part+": "+rest)
		}
	}
	return out
}

// standard are the texts of the fields that an example says nothing about.
func standard(f field, text string) *simv1.Rubric {
	r := &simv1.Rubric{PersonalPreference: "I like books and films.", Timing: "Any time is fine.", Frequency: "Two to three times a day.", CommunicationSafety: "Friendly."}
	switch f {
	case fieldPreference:
		r.PersonalPreference = text
	case fieldTiming:
		r.Timing = text
	case fieldFrequency:
		r.Frequency = text
	case fieldCommunication:
		r.CommunicationSafety = text
	}
	return r
}

type outcome uint8

const (
	right  outcome = iota // what a person would read
	named                 // less than that, with a word about it
	silent                // something lost without a word
	wrong                 // a rule that nobody would read, with a word about it
	lie                   // a rule that nobody would read, without a word about it
)

var outcomes = [...]string{"right", "named", "silent", "wrong", "lie"}

// judgeExample compares a reading with the one a person would give.
func judgeExample(e example) (outcome, string) {
	base, _ := Compile(standard(e.field, ""))
	given := map[string]bool{}
	for _, a := range atoms(Describe(base)) {
		given[a] = true
	}
	spec, warnings, err := CompileStrict(standard(e.field, e.text), "rubric")
	var words []string
	for _, w := range warnings {
		words = append(words, fmt.Sprintf("%q %s", w.GetPhrase(), w.GetReason()))
	}
	got := map[string]bool{}
	for _, a := range atoms(Describe(spec)) {
		if !given[a] {
			got[a] = true
		}
	}
	var extra, lost []string
	for a := range got {
		if !e.may[a] {
			extra = append(extra, a)
		}
	}
	for _, one := range e.want {
		if !slices.ContainsFunc(one, func(a string) bool { return got[a] }) {
			lost = append(lost, one[0])
		}
	}
	slices.Sort(extra)
	slices.Sort(lost)
	note := fmt.Sprintf("extra %q, lost %q, warnings %s, refused: %v", extra, lost, words, err)
	heard := len(warnings) > 0 || err != nil
	switch {
	case err != nil && (e.refused || e.mayFail):
		return right, note
	case err != nil && len(got) == 0:
		return named, note
	case e.refused:
		if heard {
			return wrong, note
		}
		return lie, note
	case len(extra) > 0 && heard:
		return wrong, note
	case len(extra) > 0:
		return lie, note
	case len(lost) > 0 && heard:
		return named, note
	case len(lost) > 0:
		return silent, note
	case e.unread && !heard:
		return silent, note
	case len(e.want) == 0 && len(got) == 0 && (len(e.may) > 0 || e.unread):
		if heard {
			return named, note
		}
		return silent, note
	}
	return right, note
}

// TestPhrasesAreReadSoundly checks that nothing is read falsely or lost without a
// word, and that a share of the phrases is read as a person would: half of those
// that the vocabulary was made for, a fifth of those that were new to it. With -v
// it lists those that are not read, with the forms that are not known.
func TestPhrasesAreReadSoundly(t *testing.T) {
	for _, file := range []struct {
		path         string
		least, share int
	}{{"testdata/cases.txt", 35, 2}, {"testdata/phrases.txt", 200, 2}, {"testdata/fresh.txt", 360, 5}} {
		path, count := file.path, map[outcome]int{}
		all := examples(t, path)
		require.GreaterOrEqual(t, len(all), file.least)
		for _, e := range all {
			o, note := judgeExample(e)
			count[o]++
			switch o {
			case named:
				t.Logf("%s not read, and said so: %q: %s; unknown forms %q", e.kind, e.text, note, unknownForms(e.field, e.text))
			case silent, wrong, lie:
				t.Errorf("%s %s: %q: %s", e.kind, outcomes[o], e.text, note)
			}
		}
		t.Logf("%s: %d of %d read as a person would, %d not read and said so", path, count[right], len(all), count[named])
		require.GreaterOrEqual(t, file.share*count[right], len(all), path)
	}
}
