package rubric

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// vocabulary mixes words with a meaning, words without, numbers and marks.
var vocabulary = strings.Fields(`once twice three 2-3 five a day per hour every two to four hours at most least no more than never not don't ,
	. ; : ( ) — and or but except unless between 6 9 am pm 18:00 around after before until from while I'm cooking reading in the morning evening
	before bed lunch when hosting only books films no sports politics anything food otherwise warm formal short under 20 words exclamation marks
	pressure please I like hate xyzzy ideally about apart gap slots each meal a fourth again more less often daily 3.5 10:61 25:00 99 zero none week`)

func prose(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 40).Draw(t, label), " ")
}

func TestAnyProseReadsIntoALegalSpec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &simv1.Rubric{
			PersonalPreference: prose(t, "preference"), Timing: prose(t, "timing"),
			Frequency: prose(t, "frequency"), CommunicationSafety: prose(t, "communication"),
		}
		requireSound(t, r)
	})
}

func TestANumberReadsAsItself(t *testing.T) {
	words := []string{"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		hours := rapid.IntRange(1, 12).Draw(t, "hours")
		spec, warnings := Compile(rubricOf(fieldFrequency, "At most "+words[n]+" every "+words[hours]+" hours, please."))
		require.Empty(t, warnings)
		require.Empty(t, spec.GetFrequency().GetAtLeast())
		require.True(t, proto.Equal(trailing(int32(n), int32(hours*60)), spec.GetFrequency().GetAtMost()[0]))
	})
}

func TestAClockReadsAsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int32Range(0, 22).Draw(t, "from")
		to := rapid.Int32Range(from+1, 23).Draw(t, "to")
		minute := rapid.Int32Range(0, 59).Draw(t, "minute")
		clock := func(h int32) string {
			return digits(h/10) + digits(h%10) + ":" + digits(minute/10) + digits(minute%10)
		}
		spec, warnings := Compile(rubricOf(fieldTiming, "from "+clock(from)+" to "+clock(to)))
		if from < 10 || from >= 13 { // 10, 11 and 12 leave the half of the day open
			require.Empty(t, warnings)
		}
		got := spec.GetTiming().GetReceptive()[0].GetClock()
		require.Equal(t, from*60+minute, got.GetFromMinute())
		require.Equal(t, to*60+minute, got.GetToMinute())
	})
}

// requireSound checks what must be true of the reading of any text.
func requireSound(t require.TestingT, r *simv1.Rubric) {
	spec, warnings := Compile(r)
	again, warningsAgain := Compile(proto.CloneOf(r))
	require.True(t, proto.Equal(spec, again), "two readings of the same text differ")
	require.True(t, proto.Equal(&userv1.CompileRubricResponse{Warnings: warnings}, &userv1.CompileRubricResponse{Warnings: warningsAgain}))
	requireLegal(t, spec)
	require.NotEmpty(t, Describe(spec))
	for _, w := range warnings {
		require.Contains(t, fieldNames[:], w.GetField())
		require.NotEmpty(t, w.GetReason())
		_, err := proto.Marshal(w)
		require.NoError(t, err)
	}
	strict, _, _ := CompileStrict(r, "rubric")
	require.True(t, proto.Equal(spec, strict))
}

func FuzzCompile(f *testing.F) {
	for _, p := range people(f) {
		f.Add(p.rubric.GetPersonalPreference(), p.rubric.GetTiming(), p.rubric.GetFrequency(), p.rubric.GetCommunicationSafety())
	}
	f.Add("", "", "", "")
	f.Add("books \xff films", "after 9 \xc3", "3–4 / day…", "‘must’ “should”")
	f.Add("1) books\n2) films\n- no sports", "- 6.30 pm\n\n* 25:61", "0.5 a day, 1e9 an hour", "a.m. p.m. e.g. 99999999999999999999 words")
	f.Add("otherwise books", "from midnight to midnight, 24:00 to 0:00", "once every 0 hours", "under 0 words")
	f.Fuzz(func(t *testing.T, preference, timing, frequency, communication string) {
		if len(preference)+len(timing)+len(frequency)+len(communication) > 1<<15 {
			t.Skip("longer than the contract allows")
		}
		requireSound(t, &simv1.Rubric{PersonalPreference: preference, Timing: timing, Frequency: frequency, CommunicationSafety: communication})
	})
}
