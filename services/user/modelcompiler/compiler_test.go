package modelcompiler_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/internal/fakemodel/fakeclient"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/driver/compilertest"
	"github.com/propersim/propersim/services/user/modelcompiler"
)

var rubric = &simv1.Rubric{
	PersonalPreference: "I love books, but no sports. And it should smell of adventure.", Timing: "Any time from 18:00 to 20:00, never while I work.",
	Frequency: "Two to three times a day.", CommunicationSafety: "Warm and under 30 words, no exclamation marks.",
}

const good = `{"liked":[{"phrase":"I love books","topics":["books"]}],"disliked":[{"phrase":"no sports","topics":["sports"]}],
"receptive":[{"phrase":"from 18:00 to 20:00","from":1080,"to":1200,"kinds":[],"relation":"DURING"}],
"protected":[{"phrase":"never while I work","from":-1,"to":-1,"kinds":["work"],"relation":"DURING"}],
"at_least":[{"phrase":"Two to three times a day","count":2,"minutes":1440}],"at_most":[{"phrase":"Two to three times a day","count":3,"minutes":1440}],
"tones":[{"phrase":"Warm","tone":"warm"}],"max_words":[{"phrase":"under 30 words","words":29}],"boundaries":[{"phrase":"no exclamation marks","boundary":"NO_EXCLAMATION"}]}`

func open(t *testing.T, answers ...string) (*fakemodel.Server, driver.Compiler) {
	t.Helper()
	server, client := fakeclient.Open(t, fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string { return answers[min(r.Number, len(answers))-1] }})
	set, err := prompts.Load("")
	require.NoError(t, err)
	c, err := modelcompiler.Compilers(client, set)
	require.NoError(t, err)
	return server, c.Compiler
}

func TestEachRuleHasItsPhraseAndTheRestIsListed(t *testing.T) {
	_, c := open(t, good)
	got, effects, err := c.Compile(t.Context(), rubric)
	require.NoError(t, err)
	require.Equal(t, []string{"books"}, got.Spec.GetContent().GetLiked()[0].GetTopics())
	require.EqualValues(t, 1080, got.Spec.GetTiming().GetReceptive()[0].GetClock().GetFromMinute())
	require.EqualValues(t, 2, got.Spec.GetFrequency().GetAtLeast()[0].GetCount())
	require.EqualValues(t, 29, got.Spec.GetCommunication().GetMaxWords())
	require.Len(t, effects.Calls, 1)
	require.Equal(t, simv1.Role_ROLE_RUBRIC_COMPILER, effects.Calls[0].GetRole())
	both := 0
	for _, clause := range got.Clauses {
		text := map[string]string{"personal_preference": rubric.PersonalPreference, "timing": rubric.Timing, "frequency": rubric.Frequency, "communication_safety": rubric.CommunicationSafety}[clause.GetField()]
		require.Equal(t, clause.GetPhrase(), text[clause.GetStart():clause.GetEnd()])
		require.Equal(t, len(clause.GetRules()) == 0, clause.GetWarning() != "")
		both = max(both, len(clause.GetRules()))
	}
	require.Equal(t, 2, both, "one phrase makes two rules")
	require.Equal(t, "And it should smell of adventure", got.Warnings[0].GetPhrase())
}

func TestAPhraseThatIsNotThereIsRepaired(t *testing.T) {
	wrong := `{"liked":[{"phrase":"I adore music","topics":["games"]}],"disliked":[],"receptive":[],"protected":[],"at_least":[],"at_most":[],"tones":[],"max_words":[],"boundaries":[]}`
	server, c := open(t, wrong, good)
	_, effects, err := c.Compile(t.Context(), rubric)
	require.NoError(t, err)
	require.Len(t, effects.Calls[0].GetAttempts(), 2)
	require.Contains(t, server.Requests()[1].Prompt(), "I adore music")
	_, c = open(t, wrong)
	_, _, err = c.Compile(t.Context(), rubric)
	require.ErrorIs(t, err, errs.ErrPrecondition)
	require.ErrorContains(t, err, "copy it exactly")
}

// TestItConforms: the suite of every compiler, on a model that understands plain
// texts and nothing else.
func TestItConforms(t *testing.T) {
	const nothing = `{"liked":[],"disliked":[],"receptive":[],"protected":[],"at_least":[],"at_most":[],"tones":[],"max_words":[],"boundaries":[]}`
	const plain = `{"liked":[{"phrase":"I like books","topics":["books"]}],"disliked":[],
"receptive":[{"phrase":"From 18:00 to 20:00","from":1080,"to":1200,"kinds":[],"relation":"DURING"}],"protected":[],
"at_least":[],"at_most":[{"phrase":"At most three times a day","count":3,"minutes":1440}],"tones":[],"max_words":[{"phrase":"Under 30 words","words":29}],"boundaries":[]}`
	compilertest.Run(t, func(t *testing.T) driver.Compilers {
		_, client := fakeclient.Open(t, fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string {
			if strings.Contains(r.Prompt(), "I like books") {
				return plain
			}
			return nothing
		}})
		set, err := prompts.Load("")
		require.NoError(t, err)
		c, err := modelcompiler.Compilers(client, set)
		require.NoError(t, err)
		return c
	})
}
