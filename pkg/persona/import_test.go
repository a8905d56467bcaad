package persona_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const scratch = `{
  "vision_r": 8, "curr_time": null, "act_address": ["home", "kitchen"],
  "name": "Nora Lind", "age": 47,
  "big_five_personality_traits": "High in Extraversion, Low in Agreeableness, High in Conscientiousness, Low in Neuroticism, High in Openness to Experience",
  "background": "Nora tunes pianos in Malmö.",
  "current_interests": "Nora enjoys 1) just intonation, 2) winter swimming, and 3) Danish crime novels.",
  "lifestyle": "Nora prefers 1) waking up at 6:30, 2) dinner at 19:00 and 3) going to bed at 22:30",
  "daily_plan_req": "1) Breakfast at 7:00. 2) Work at the bench from 8:30 to 12:00. 3) Swim (if the ice permits) at 16:30",
  "long_term_goals": "1. Restore a square piano. 2. Swim to Denmark.",
  "criteria": {
    "Personal_Preference": "Nora likes 1) books in the morning and 2) music in the evening",
    "Timing": "Between 7:00 and 8:30 AM, or around 8pm.",
    "Frequency": "Twice a day, no more than three times.",
    "Communication_&_Safety": "Direct, under 30 words.",
    "Mood": "cheerful"
  }
}`

func TestImportGenerativeAgents(t *testing.T) {
	p, warnings, err := persona.ImportGenerativeAgents(strings.NewReader(scratch))
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], `"Mood"`)
	require.Equal(t, "nora-lind", p.GetId())
	require.Equal(t, int32(47), p.GetAge())
	require.Equal(t, simv1.TraitLevel_TRAIT_LEVEL_HIGH, p.GetBigFive().GetOpenness())
	require.Equal(t, simv1.TraitLevel_TRAIT_LEVEL_LOW, p.GetBigFive().GetNeuroticism())
	require.Equal(t, []string{"just intonation", "winter swimming", "Danish crime novels"}, p.GetCurrentInterests())
	require.Equal(t, "Nora prefers waking up at 6:30; dinner at 19:00; going to bed at 22:30.", p.GetLifestyle())
	require.Equal(t, []string{"Breakfast at 7:00", "Work at the bench from 8:30 to 12:00", "Swim (if the ice permits) at 16:30"}, p.GetDailyPlanRequirements())
	require.Equal(t, []string{"Restore a square piano", "Swim to Denmark"}, p.GetLongTermGoals())
	require.Equal(t, "Nora likes books in the morning; music in the evening.", p.GetRubric().GetPersonalPreference())
	require.Equal(t, "Direct, under 30 words.", p.GetRubric().GetCommunicationSafety())
	require.NoError(t, persona.Validate(p))
	requireRoundTrip(t, p)
}

// edited is the scratch file with one key set to a value, or removed for nil.
func edited(t *testing.T, key string, value any) string {
	t.Helper()
	var tree map[string]any
	require.NoError(t, json.Unmarshal([]byte(scratch), &tree))
	if value == nil {
		delete(tree, key)
	} else {
		tree[key] = value
	}
	data, err := json.Marshal(tree)
	require.NoError(t, err)
	return string(data)
}

func TestImportReadsLists(t *testing.T) {
	tests := map[string]struct {
		value any
		want  []string
	}{
		"array":             {[]string{"tea at 9:00", "walk"}, []string{"tea at 9:00", "walk"}},
		"numbered":          {"1) tea at 9:00 2) walk", []string{"tea at 9:00", "walk"}},
		"in parentheses":    {"(1) tea; (2) a walk", []string{"tea", "a walk"}},
		"one":               {"Nora wants 1) tea", []string{"tea"}},
		"lines":             {"tea at 9:00\nwalk at 10:00\n", []string{"tea at 9:00", "walk at 10:00"}},
		"semicolons":        {"tea; walk", []string{"tea", "walk"}},
		"sentences":         {"Tea at 9:00. Then a walk.", []string{"Tea at 9:00", "Then a walk"}},
		"timed, commas":     {"tea at 9:00, work from 10 to 12, and dinner at 19:00", []string{"tea at 9:00", "work from 10 to 12", "dinner at 19:00"}},
		"untimed, commas":   {"tea, then a walk at 10:00", []string{"tea, then a walk at 10:00"}},
		"numbers out of it": {"9) tea", []string{"9) tea"}},
		"end of a sentence": {"Become number 1. Stay there", []string{"Become number 1", "Stay there"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, _, err := persona.ImportGenerativeAgents(strings.NewReader(edited(t, "daily_plan_req", tt.value)))
			require.NoError(t, err)
			require.Equal(t, tt.want, p.GetDailyPlanRequirements())
		})
	}
}

func TestImportReadsTraits(t *testing.T) {
	const others = "; low in neuroticism & openness"
	tests := map[string]struct {
		traits, field, says string
	}{
		"grouped":       {"High in Extraversion, Agreeableness and Conscientiousness" + others, "", ""},
		"unknown":       {"High in Extraversion, High in Humility, Low in Agreeableness, Conscientiousness" + others, "persona.big_five", "Humility"},
		"missing":       {"High in Extraversion, Low in Agreeableness" + others, "persona.big_five.conscientiousness", "missing"},
		"no level":      {"Extraversion, Low in Agreeableness, Conscientiousness" + others, "persona.big_five.extraversion", "no level"},
		"contradiction": {"High in Extraversion, Agreeableness, Conscientiousness, Low in Extraversion" + others, "persona.big_five.extraversion", "both"},
		"other level":   {"Medium in Extraversion, Low in Agreeableness, Conscientiousness" + others, "persona.big_five", "Medium"},
		"empty":         {"", "persona.big_five.openness", "missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, _, err := persona.ImportGenerativeAgents(strings.NewReader(edited(t, "big_five_personality_traits", tt.traits)))
			if tt.field == "" {
				require.NoError(t, err)
				require.Equal(t, simv1.TraitLevel_TRAIT_LEVEL_HIGH, p.GetBigFive().GetConscientiousness())
				require.Equal(t, simv1.TraitLevel_TRAIT_LEVEL_LOW, p.GetBigFive().GetOpenness())
				return
			}
			require.Contains(t, messageOf(t, err, tt.field), tt.says)
		})
	}
}

func TestImportRefuses(t *testing.T) {
	tests := map[string]struct{ file, field string }{
		"not JSON":     {"name: Ada", "persona"},
		"an array":     {"[]", "persona"},
		"no name":      {edited(t, "name", nil), "persona.name"},
		"name number":  {edited(t, "name", 7), "persona.name"},
		"age word":     {edited(t, "age", "old"), "persona.age"},
		"age fraction": {edited(t, "age", 4.5), "persona.age"},
		"no age":       {edited(t, "age", nil), "persona.age"},
		"no criteria":  {edited(t, "criteria", nil), "persona.rubric.timing"},
		"goals object": {edited(t, "long_term_goals", map[string]any{"a": 1}), "persona.long_term_goals"},
		"too long":     {edited(t, "background", strings.Repeat("long ", 13<<10)), "persona.background"},
		"huge":         {strings.Repeat(" ", 2<<20), "persona"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := persona.ImportGenerativeAgents(strings.NewReader(tt.file))
			require.ErrorIs(t, err, errs.ErrInvalid)
			messageOf(t, err, tt.field)
		})
	}
	p, _, err := persona.ImportGenerativeAgents(strings.NewReader(edited(t, "age", "52")))
	require.NoError(t, err)
	require.Equal(t, int32(52), p.GetAge())
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(scratch))
	f.Add([]byte(`{"criteria":null,"age":"1","name":["x"]}`))
	f.Add([]byte(`{"current_interests":"1) 2) 3) ","daily_plan_req":"(1) (2) "}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, _, err := persona.ImportGenerativeAgents(strings.NewReader(string(data)))
		if err != nil {
			require.ErrorIs(t, err, errs.ErrInvalid)
			return
		}
		require.NoError(t, persona.Validate(p))
	})
}

func TestImportSaysOnceThatAFileIsNotJSON(t *testing.T) {
	_, err := persona.ImportDraft(strings.NewReader("{"))
	require.EqualError(t, err, "persona: is not a scratch file: unexpected end of JSON input")
}
