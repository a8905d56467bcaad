package assistant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// shown opens a session, lives until the first step of a stretch, and returns
// the prompt of that step.
func shown(t *testing.T, opening *assistantv1.SessionStart, until int32) *simv1.Prompt {
	client := dial(t, newRetrieval())
	_, err := open(t, client, opening)
	require.NoError(t, err)
	history := live(t, client, opening, 0, until, nil)
	last := int32(-1)
	if len(history) > 0 {
		last = history[len(history)-1].GetStep()
	}
	response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: until, LastStep: last, Observation: life(until), Candidates: 1})
	require.NoError(t, err)
	return response.GetPrompt()
}

func user(p *simv1.Prompt) string { return p.GetMessages()[1].GetContent() }

func withLevel(level simv1.MemoryLevel) *assistantv1.SessionStart {
	s := start("proper")
	s.Method.Memory = level
	return s
}

const evening = day + 20*24 + 5

// TestAMemoryHoldsWhatItsLevelSays reads the prompt of an evening.
func TestAMemoryHoldsWhatItsLevelSays(t *testing.T) {
	none := user(shown(t, start("none"), evening))
	a := user(shown(t, withLevel(simv1.MemoryLevel_MEMORY_LEVEL_A), evening))
	ar := user(shown(t, start("ar"), evening))
	ars := user(shown(t, start("ars"), evening))

	require.Equal(t, "Now, day 2 20:12: work, being at it, in the living room, for 12 min.", none)
	for text, holds := range map[string][3]bool{a: {true, false, false}, ar: {true, true, false}, ars: {true, true, true}} {
		require.Equal(t, holds[0], strings.Contains(text, "Last minutes:\n20:02 "), text)
		require.Equal(t, holds[1], strings.Contains(text, ", said: "), text)
		require.Equal(t, holds[1], strings.Contains(text, "spoke "), text)
		require.Equal(t, holds[1], strings.Contains(text, "Similar moments:\n"), text)
		require.Equal(t, holds[2], strings.Contains(text, "score"), text)
		require.True(t, strings.HasSuffix(text, none), text)
	}
}

// TestTheDayIsKeptInSummary finds four blocks of an hour, and before them
// blocks of four hours back to the first of the day.
func TestTheDayIsKeptInSummary(t *testing.T) {
	text := user(shown(t, start("ar"), evening))
	var blocks []string
	for _, line := range strings.Split(text, "\n") {
		if head, _, ok := strings.Cut(line, "h: "); ok {
			blocks = append(blocks, head)
		}
	}
	require.Equal(t, []string{"05-09", "09-13", "13-17", "17-18", "18-19", "19-20", "20-21"}, blocks)
	require.Equal(t, 4, strings.Count(text, "\n20:"), "ten minutes are four steps")
}

func TestNothingOfYesterdayIsKept(t *testing.T) {
	early := user(shown(t, start("ar"), day+7*24))
	require.NotContains(t, early, "Today")
	require.NotContains(t, early, "Last minutes")
	require.Contains(t, early, "day 2 07:00")
}

func TestThePromptStaysSmall(t *testing.T) {
	day2, day3 := shown(t, start("ars"), evening), shown(t, start("ars"), evening+day)
	for _, p := range []*simv1.Prompt{day2, day3} {
		require.Less(t, len(user(p)), 1500)
		require.Less(t, len(p.GetFeatures().GetIndex()), 30+len(content.Topics()))
		require.NoError(t, policy.CheckFeatures(p.GetFeatures()))
	}
	require.InDelta(t, len(user(day2)), len(user(day3)), 400, "it does not grow with the days")
}

// TestFeaturesKnowTheTimeSinceARecommendation reads the features of a session with a
// history of recommendations.
func TestFeaturesKnowTheTimeSinceARecommendation(t *testing.T) {
	said := &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "x", Topic: "films", Tone: "calm"}}}
	silent := &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
	client := dial(t, newRetrieval())
	var history []*simv1.PastStep
	step := func(at int32, kind string, delivered *simv1.Candidate) {
		history = append(history, &simv1.PastStep{Step: at, Observation: &simv1.Observation{Kind: kind, StartedStep: at}, Delivered: delivered})
	}
	step(200, "yoga", silent)
	step(201, "yoga", said)
	step(202, "reading", silent)
	step(203, "reading", said)
	_, err := open(t, client, start("ar"), history...)
	require.NoError(t, err)
	active := func(at int32, kind string) map[string]int {
		response, err := client.Recommend(t.Context(), &assistantv1.RecommendRequest{RunId: "run", Step: at, LastStep: 203, Observation: &simv1.Observation{Kind: kind, StartedStep: at - 1}, Candidates: 1})
		require.NoError(t, err)
		out := map[string]int{}
		for _, i := range response.GetPrompt().GetFeatures().GetIndex() {
			for _, b := range policy.Layout() {
				if int(i) >= b.From && int(i) < b.To {
					out[b.Name] = int(i) - b.From
				}
			}
		}
		return out
	}
	soon := active(204, "reading")
	require.Equal(t, 0, soon["since-given"], "below five minutes")
	require.Equal(t, 1, soon["given-today"], "two")
	require.Contains(t, soon, "given-activity")
	require.NotContains(t, soon, "clock", "something was said just now")
	later := active(218, "work")
	require.Equal(t, 3, later["since-given"], "below an hour: 37.5 minutes")
	require.NotContains(t, later, "given-activity")
	rested := active(203+80, "work")
	require.Equal(t, 7, rested["since-given"], "below four hours: 200 minutes")
	require.Contains(t, rested, "clock")
	next := active(day+200, "reading")
	require.Contains(t, next, "clock")
	require.NotContains(t, next, "since-given")
	require.NotContains(t, next, "given-today")
	require.NotContains(t, next, "ended")
}

// TestSimilarMomentsAreFoundOncePerEpisode counts the requests to the index: a search
// for each task that has something before it, a point for each that has ended, and
// none for walking.
func TestSimilarMomentsAreFoundOncePerEpisode(t *testing.T) {
	index := newRetrieval()
	client := dial(t, index)
	_, err := open(t, client, start("ar"))
	require.NoError(t, err)
	live(t, client, start("ar"), 0, day, nil)
	tasks := 16 * 2
	require.Len(t, index.points["run"], tasks-1, "the last one has not ended")
	require.Equal(t, tasks-1, index.upserts)
	require.Len(t, index.searches, tasks-2)
	for _, s := range index.searches {
		require.EqualValues(t, 5, s.GetLimit())
		require.Equal(t, "run", s.GetTenant())
		require.NotNil(t, s.Before)
	}
	for _, method := range []string{"none", "silent", "constant", "persona-given"} {
		index := newRetrieval()
		client := dial(t, index)
		_, err := open(t, client, start(method))
		require.NoError(t, err)
		live(t, client, start(method), 0, 300, nil)
		require.Empty(t, index.searches, method)
		require.Empty(t, index.points["run"], method)
	}
}
