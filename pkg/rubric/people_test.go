package rubric

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// person is a whole rubric of somebody with a way of speaking, and its reading.
type person struct {
	rubric *simv1.Rubric
	lines  []string
	unread []string // the phrases that are not read
}

func people(t testing.TB) []person {
	t.Helper()
	data, err := os.ReadFile("testdata/people.txt")
	require.NoError(t, err)
	var out []person
	for _, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		p := person{rubric: &simv1.Rubric{}}
		for _, line := range strings.Split(block, "\n") {
			switch rest := line[2:]; line[0] {
			case 'P':
				p.rubric.PersonalPreference = rest
			case 'T':
				p.rubric.Timing = rest
			case 'F':
				p.rubric.Frequency = rest
			case 'C':
				p.rubric.CommunicationSafety = rest
			case '=':
				p.lines = append(p.lines, rest)
			case '?':
				p.unread = append(p.unread, rest)
			}
		}
		out = append(out, p)
	}
	return out
}

func TestPeopleWhoSpeakForThemselves(t *testing.T) {
	all := people(t)
	require.Len(t, all, 32)
	for _, p := range all {
		spec, warnings, err := CompileStrict(p.rubric, "persona.rubric")
		require.NoError(t, err)
		var unread []string
		for _, w := range warnings {
			unread = append(unread, w.GetPhrase())
		}
		require.Equal(t, p.unread, unread)
		require.Equal(t, p.lines, Describe(spec), p.rubric.GetTiming())
		requireLegal(t, spec)
	}
}

func BenchmarkCompile(b *testing.B) {
	all := people(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		Compile(all[i%len(all)].rubric)
	}
}

// BenchmarkLongestTexts reads texts of the greatest length allowed, made of one
// phrase over and over: the cost must stay linear in the length.
func BenchmarkLongestTexts(b *testing.B) {
	for _, unit := range []string{
		"a few ", "9 to ", "(", "a gap of ", "at most ", "reading in ", "more than five a day ", "flub ",
		"Between 6:30 and 8:00 in the morning I am all ears, but never while I'm cooking or after 9 pm. ",
	} {
		text := strings.Repeat(unit, 16384/len(unit))
		b.Run(strings.TrimSpace(unit), func(b *testing.B) {
			r := &simv1.Rubric{PersonalPreference: text, Timing: text, Frequency: text, CommunicationSafety: text}
			b.SetBytes(int64(4 * len(text)))
			for b.Loop() {
				Compile(r)
			}
		})
	}
}
