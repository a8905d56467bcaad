package satisfy_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func spec(t *testing.T, text string) *simv1.PreferenceSpec {
	t.Helper()
	s := &simv1.PreferenceSpec{}
	require.NoError(t, protojson.Unmarshal([]byte(text), s), text)
	return s
}

func TestASpecThatNobodyCanMeetIsRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct{ spec, path, reason string }{
		"bounds apart":               {`{"frequency":{"at_least":[{"count":3,"day":{}}],"at_most":[{"count":2,"day":{}}]}}`, "frequency.at_least[0]", "at least 3 a day, but at most 2 a day"},
		"bounds apart over minutes":  {`{"frequency":{"at_least":[{"count":3,"trailing_minutes":60}],"at_most":[{"count":2,"trailing_minutes":90}]}}`, "frequency.at_least[0]", "at most 2 in any 90 minutes"},
		"slots above the day":        {`{"frequency":{"at_least":[{"count":2,"slots":{"slots":[{"clock":{"from_minute":360,"to_minute":480}},{"clock":{"from_minute":1200,"to_minute":1320}}]}}],"at_most":[{"count":3,"day":{}}]}}`, "frequency.at_least[0]", "ask for at least 4 a day"},
		"slot bounds apart":          {`{"frequency":{"at_least":[{"count":2,"slots":{"slots":[{"clock":{"from_minute":360,"to_minute":480}}]}}],"at_most":[{"count":1,"slots":{"slots":[{"clock":{"from_minute":360,"to_minute":480}}]}}]}}`, "frequency.at_least[0]", "at least 2, but at most 1"},
		"nothing open":               {`{"timing":{"receptive":[{"clock":{"from_minute":360,"to_minute":720}}],"protected":[{"clock":{"from_minute":0,"to_minute":720}}]}}`, "timing", "no moment is open"},
		"nothing open by activity":   {`{"timing":{"receptive":[{"activity":{"kinds":["lunch"],"relation":"ACTIVITY_RELATION_DURING"}}],"protected":[{"activity":{"kinds":["lunch","dinner"],"relation":"ACTIVITY_RELATION_DURING"}}]}}`, "timing", "no moment is open"},
		"asleep":                     {`{"timing":{"receptive":[{"name":"in bed","activity":{"kinds":["sleep"],"relation":"ACTIVITY_RELATION_DURING"}}]}}`, "timing.receptive[0]", "asleep"},
		"never meet":                 {`{"timing":{"receptive":[{"activity":{"kinds":["dinner"],"relation":"ACTIVITY_RELATION_DURING"},"clock":{"from_minute":360,"to_minute":600}}]}}`, "timing.receptive[0]", "never meet"},
		"never meet behind":          {`{"timing":{"receptive":[{"activity":{"kinds":["breakfast"],"relation":"ACTIVITY_RELATION_AFTER","within_minutes":30},"clock":{"from_minute":1200,"to_minute":1320}}]}}`, "timing.receptive[0]", "never meet"},
		"a topic's time never comes": {`{"content":{"liked":[{"topics":["films"],"when":{"activity":{"kinds":["wind_down"],"relation":"ACTIVITY_RELATION_DURING"},"clock":{"from_minute":600,"to_minute":700}}}]}}`, "content.liked[0].when", "never meet"},
		"a wanted slot is closed":    {`{"frequency":{"at_least":[{"count":1,"slots":{"slots":[{"name":"at noon","clock":{"from_minute":690,"to_minute":750}}]}}]},"timing":{"protected":[{"clock":{"from_minute":600,"to_minute":900}}]}}`, "frequency.at_least[0].slots.slots[0]", "closed: \"at noon\""},
		"likes are disliked":         {`{"content":{"liked":[{"topics":["books"]}],"disliked":[{"topics":["books"]}]}}`, "content", "no topic can pass"},
		"likes cross a boundary":     {`{"content":{"liked":[{"topics":["budgeting","investing"]}]},"communication":{"boundaries":["BOUNDARY_NO_MONEY"]}}`, "content", "no topic can pass"},
		"likes at closed times":      {`{"content":{"liked":[{"topics":["books"],"when":{"clock":{"from_minute":1200,"to_minute":1320}}}]},"timing":{"receptive":[{"clock":{"from_minute":480,"to_minute":600}}]}}`, "content", "no topic can pass"},
		"too many for the time":      {`{"frequency":{"at_least":[{"count":8,"day":{}}],"at_most":[{"count":1,"trailing_minutes":120}]},"timing":{"receptive":[{"clock":{"from_minute":480,"to_minute":600}}]}}`, "frequency.at_least[0]", "leave room for 1"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := satisfy.Check(spec(t, c.spec))
			require.Len(t, faults, 1)
			require.Equal(t, c.path, faults[0].Path)
			require.Contains(t, faults[0].Reason, c.reason)
			var v errs.Violations
			require.ErrorAs(t, satisfy.Error(spec(t, c.spec), "persona.spec"), &v)
			require.Equal(t, "persona.spec."+c.path, v[0].Field)
		})
	}
}

func TestWhatSomeDayCanBringIsNotRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing asked":             `{}`,
		"dinner at eleven at night": `{"timing":{"receptive":[{"activity":{"kinds":["dinner"],"relation":"ACTIVITY_RELATION_DURING"},"clock":{"from_minute":1380,"to_minute":1440}}]}}`,
		"after a late breakfast":    `{"timing":{"receptive":[{"activity":{"kinds":["breakfast"],"relation":"ACTIVITY_RELATION_AFTER","within_minutes":60},"clock":{"from_minute":740,"to_minute":770}}]}}`,
		"lunch open, one protected": `{"timing":{"receptive":[{"activity":{"kinds":["lunch"],"relation":"ACTIVITY_RELATION_DURING"}}],"protected":[{"clock":{"from_minute":700,"to_minute":780}}]}}`,
		"overlapping slots":         `{"frequency":{"at_least":[{"count":1,"slots":{"slots":[{"clock":{"from_minute":360,"to_minute":720}},{"clock":{"from_minute":690,"to_minute":810}}]}}],"at_most":[{"count":1,"day":{}}]}}`,
		"a night over midnight":     `{"timing":{"receptive":[{"clock":{"from_minute":1320,"to_minute":360}}],"protected":[{"clock":{"from_minute":1320,"to_minute":240}}]}}`,
		"all but one topic refused": `{"content":{"liked":[{"topics":["books","films"]}],"disliked":[{"topics":["books"]}]}}`,
	} {
		require.Empty(t, satisfy.Check(spec(t, text)), name)
	}
}

func TestTheBuiltinPeopleCanBePleased(t *testing.T) {
	all, err := persona.Builtin()
	require.NoError(t, err)
	for _, n := range all {
		s, _ := rubric.Compile(n.Persona.GetRubric())
		require.Empty(t, satisfy.Check(s), n.Persona.GetId())
		p := satisfy.On(s)
		require.Positive(t, p.Topical, n.Persona.GetId())
		require.LessOrEqual(t, p.Topical, p.Open, n.Persona.GetId())
		for _, low := range s.GetFrequency().GetAtLeast() {
			if low.GetDay() != nil {
				require.GreaterOrEqual(t, p.Can, int(low.GetCount()), n.Persona.GetId())
			}
		}
	}
}

func TestAPreviewCountsATypicalDay(t *testing.T) {
	s := spec(t, `{"timing":{"receptive":[{"clock":{"from_minute":480,"to_minute":600}},{"activity":{"kinds":["lunch"],"relation":"ACTIVITY_RELATION_DURING"}}],"protected":[{"clock":{"from_minute":480,"to_minute":510}}]},
		"content":{"liked":[{"topics":["books"],"when":{"activity":{"kinds":["lunch"],"relation":"ACTIVITY_RELATION_DURING"}}}]},"frequency":{"at_most":[{"count":1,"trailing_minutes":20}]}}`)
	require.Equal(t, satisfy.Preview{Open: 90 + 45, Topical: 45, Can: 3}, satisfy.On(s))
}
