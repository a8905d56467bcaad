package persona_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// familyFile is a scratch.json as that family's own simulations keep it.
const familyFile = `{
  "vision_r": 8, "curr_time": null, "name": null, "first_name": "Ilse", "last_name": "Brandt", "age": 34,
  "innate": "patient, witty", "learned": "Ilse Brandt runs a small bakery and bakes all night.",
  "currently": "Ilse is trying out rye starters for the autumn fair.",
  "lifestyle": "Ilse goes to bed around 9pm, wakes up around 4am.", "living_area": "town:bakery",
  "daily_plan_req": "", "daily_req": ["bake from 5:00 to 9:00", "lunch at 12:00"],
  "act_event": ["Ilse Brandt", null, null], "mood": "fine"
}`

func TestImportOfTheFamilysOwnFile(t *testing.T) {
	draft, err := persona.ImportDraft(strings.NewReader(familyFile))
	require.NoError(t, err)
	p := draft.Persona
	require.Equal(t, "Ilse Brandt", p.GetName())
	require.Equal(t, "ilse-brandt", p.GetId())
	require.Equal(t, "Ilse Brandt runs a small bakery and bakes all night. By nature: patient, witty.", p.GetBackground())
	require.Equal(t, []string{"Ilse is trying out rye starters for the autumn fair."}, p.GetCurrentInterests())
	require.Equal(t, []string{"bake from 5:00 to 9:00", "lunch at 12:00"}, p.GetDailyPlanRequirements())
	require.Equal(t, []string{
		"persona.big_five.extraversion", "persona.big_five.agreeableness", "persona.big_five.conscientiousness", "persona.big_five.neuroticism",
		"persona.big_five.openness", "persona.long_term_goals", "persona.rubric.personal_preference", "persona.rubric.timing",
		"persona.rubric.frequency", "persona.rubric.communication_safety",
	}, draft.Gaps)
	require.Len(t, draft.Warnings, 1)
	require.Contains(t, draft.Warnings[0], `"mood" is not read`)

	_, _, err = persona.ImportGenerativeAgents(strings.NewReader(familyFile))
	messageOf(t, err, "persona.rubric.timing")
}

func TestADraftIsRefusedUntilItsGapsAreFilled(t *testing.T) {
	draft, err := persona.ImportDraft(strings.NewReader(familyFile))
	require.NoError(t, err)
	data, err := draft.Marshal()
	require.NoError(t, err)
	require.Equal(t, len(draft.Gaps), strings.Count(string(data), "# GAP: "), string(data))
	require.Contains(t, string(data), "extraversion: # GAP: high or low")

	_, err = persona.Parse(data, "draft.yaml")
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	var fields []string
	for _, fault := range faults {
		fields = append(fields, fault.Field)
	}
	require.Subset(t, fields, draft.Gaps, "every gap is named, with its line")

	filled := string(data)
	for _, trait := range persona.Traits() {
		filled = strings.Replace(filled, trait+": # GAP: high or low", trait+": high", 1)
	}
	filled = strings.Replace(filled, "long_term_goals: # GAP", "long_term_goals: [a shop of her own] # was GAP", 1)
	for key, text := range map[string]string{"personal_preference": "I like recipes.", "timing": "After lunch.", "frequency": "Twice a day.", "communication_safety": "Short."} {
		filled = strings.Replace(filled, key+": # GAP", key+": "+text+" # was GAP", 1)
	}
	p, err := persona.Parse([]byte(filled), "filled.yaml")
	require.NoError(t, err, filled)
	require.Equal(t, "Ilse Brandt", p.GetName())
}

func TestAFileWithoutGapsIsNoDraft(t *testing.T) {
	draft, err := persona.ImportDraft(strings.NewReader(scratch))
	require.NoError(t, err)
	require.Empty(t, draft.Gaps)
	data, err := draft.Marshal()
	require.NoError(t, err)
	p, err := persona.Parse(data, "nora.yaml")
	require.NoError(t, err)
	require.Equal(t, "Nora Lind", p.GetName())

	nameless, err := persona.ImportDraft(strings.NewReader(edited(t, "name", nil)))
	require.NoError(t, err)
	require.Equal(t, []string{"persona.name"}, nameless.Gaps)
	_, err = persona.ImportDraft(strings.NewReader(edited(t, "age", 900)))
	messageOf(t, err, "persona.age")
}

func TestPeopleWhoShareANameGetDistinctIds(t *testing.T) {
	long := strings.Repeat("a", 64)
	people := []*simv1.Persona{{Id: "jo-lee"}, {Id: "jo-lee"}, {Id: "jo-lee-2"}, {Id: "jo-lee"}, {Id: long}, {Id: long}, {}, {}}
	persona.Distinct(people, map[string]bool{"jo-lee": true})
	var ids []string
	for _, p := range people {
		ids = append(ids, p.GetId())
	}
	require.Equal(t, []string{"jo-lee-2", "jo-lee-3", "jo-lee-2-2", "jo-lee-4", long, long[:62] + "-2", "", ""}, ids)
}
