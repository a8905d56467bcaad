// Package portrait shows a persona to a model: what the prompts of the planner
// and the judge may contain of it.
package portrait

import (
	"strings"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Person is a persona as a prompt shows it.
type Person struct {
	Name, Background, Traits, Lifestyle string
	Age                                 int32
	Interests, Requirements, Goals      []string
}

// Rubric is the persona's own words about the assistant.
type Rubric struct{ Preference, Timing, Frequency, Communication string }

// Of returns the person of a persona.
func Of(p *simv1.Persona) Person {
	return Person{
		Name: p.GetName(), Age: p.GetAge(), Background: p.GetBackground(), Traits: traits(p.GetBigFive()), Lifestyle: p.GetLifestyle(),
		Interests: p.GetCurrentInterests(), Requirements: p.GetDailyPlanRequirements(), Goals: p.GetLongTermGoals(),
	}
}

// RubricOf returns the rubric of a persona.
func RubricOf(r *simv1.Rubric) Rubric {
	return Rubric{Preference: r.GetPersonalPreference(), Timing: r.GetTiming(), Frequency: r.GetFrequency(), Communication: r.GetCommunicationSafety()}
}

// traits puts the Big Five into words.
func traits(b *simv1.BigFive) string {
	var out []string
	for _, t := range []struct {
		level     simv1.TraitLevel
		high, low string
	}{
		{b.GetExtraversion(), "outgoing", "reserved"},
		{b.GetAgreeableness(), "warm and cooperative", "blunt and competitive"},
		{b.GetConscientiousness(), "organized and disciplined", "spontaneous and careless"},
		{b.GetNeuroticism(), "easily worried", "calm and even"},
		{b.GetOpenness(), "curious about new things", "fond of the familiar"},
	} {
		switch t.level {
		case simv1.TraitLevel_TRAIT_LEVEL_HIGH:
			out = append(out, t.high)
		case simv1.TraitLevel_TRAIT_LEVEL_LOW:
			out = append(out, t.low)
		}
	}
	return strings.Join(out, ", ")
}
