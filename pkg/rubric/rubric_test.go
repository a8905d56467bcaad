package rubric

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// same compares two messages, and shows both where they differ.
func same(t *testing.T, want, got proto.Message, about ...any) {
	t.Helper()
	if !proto.Equal(want, got) {
		require.Equal(t, protojson.Format(want), protojson.Format(got), about...)
	}
}

func trailing(count, minutes int32) *simv1.FrequencyBound {
	return &simv1.FrequencyBound{Count: count, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: minutes}}
}

func perDay(count int32) *simv1.FrequencyBound {
	return &simv1.FrequencyBound{Count: count, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}
}

func inSlots(count int32, slots ...*simv1.MomentPattern) *simv1.FrequencyBound {
	return &simv1.FrequencyBound{Count: count, Window: &simv1.FrequencyBound_Slots{Slots: &simv1.Slots{Slots: slots}}}
}

func at(name string, from, to int32) *simv1.MomentPattern {
	return &simv1.MomentPattern{Name: name, Clock: &simv1.ClockInterval{FromMinute: from, ToMinute: to}}
}

func during(name string, kinds ...string) *simv1.MomentPattern {
	return &simv1.MomentPattern{Name: name, Activity: &simv1.ActivityPattern{Kinds: kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING}}
}

func after(name string, within int32, kinds ...string) *simv1.MomentPattern {
	return &simv1.MomentPattern{Name: name, Activity: &simv1.ActivityPattern{Kinds: kinds, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_AFTER, WithinMinutes: within}}
}

// TestTheExactForm compares whole readings with the messages of the contract; the
// other tables compare their descriptions.
func TestTheExactForm(t *testing.T) {
	type bounds = []*simv1.FrequencyBound
	slots := []*simv1.MomentPattern{at("in the morning", 360, 720), at("around lunch", 690, 810), at("before bed", 1260, 1380)}
	frequency := map[string]*simv1.FrequencySpec{
		"about twice every two to three hours":                                  {AtLeast: bounds{trailing(2, 180)}, AtMost: bounds{trailing(2, 120)}},
		"no more than once every two hours, ideally two to three times a day":   {AtLeast: bounds{perDay(2)}, AtMost: bounds{trailing(1, 120), perDay(3)}},
		"once in the morning, once around lunch and once before bed":            {AtLeast: bounds{inSlots(1, slots...)}, AtMost: bounds{inSlots(1, slots...), perDay(3)}},
		"every 3 to 4 hours, at most five a day":                                {AtLeast: bounds{trailing(1, 240)}, AtMost: bounds{trailing(1, 180), perDay(5)}},
		"ideally three a day, never more than five, and at least an hour apart": {AtLeast: bounds{perDay(3)}, AtMost: bounds{perDay(5), trailing(1, 60)}},
	}
	for text, want := range frequency {
		spec, warnings := Compile(rubricOf(fieldFrequency, text))
		require.Empty(t, warnings, text)
		same(t, want, spec.GetFrequency(), text)
	}
	timing := map[string]*simv1.TimingSpec{
		"between 6:00 and 9:00 AM": {Receptive: []*simv1.MomentPattern{at("between 6:00 and 9:00 AM", 360, 540)}},
		"around 8pm":               {Receptive: []*simv1.MomentPattern{at("around 8pm", 1170, 1230)}},
		"late morning":             {Receptive: []*simv1.MomentPattern{at("late morning", 600, 720)}},
		"after my meditation":      {Receptive: []*simv1.MomentPattern{after("after my meditation", 30, "meditation")}},
		"during my lunch break":    {Receptive: []*simv1.MomentPattern{during("during my lunch break", "lunch")}},
		"when I'm hosting":         {Receptive: []*simv1.MomentPattern{during("when I'm hosting", "hosting")}},
		"I'd rather not be interrupted while I'm reading": {Protected: []*simv1.MomentPattern{during("while I'm reading", "reading")}},
	}
	for text, want := range timing {
		spec, warnings := Compile(rubricOf(fieldTiming, text))
		require.Empty(t, warnings, text)
		same(t, want, spec.GetTiming(), text)
	}
	spec, warnings := Compile(rubricOf(fieldPreference, "film tips when I'm winding down, plant care when I'm in the garden; nothing about money"))
	require.Empty(t, warnings)
	same(t, &simv1.ContentSpec{
		Liked: []*simv1.ContentRule{
			{Topics: []string{"films"}, When: during("when I'm winding down", "wind_down")},
			{Topics: []string{"plant-care"}, When: during("when I'm in the garden", "gardening")},
		},
		Disliked: []*simv1.ContentRule{{Topics: []string{"budgeting", "investing", "shopping"}}},
	}, spec.GetContent())
	spec, warnings = Compile(rubricOf(fieldCommunication, "Gentle and encouraging. Under 20 words, no exclamation marks, and never push me."))
	require.Empty(t, warnings)
	same(t, &simv1.CommunicationSpec{
		Tones: []string{"warm", "calm", "encouraging"}, MaxWords: 19,
		Boundaries: []simv1.Boundary{simv1.Boundary_BOUNDARY_NO_EXCLAMATION, simv1.Boundary_BOUNDARY_NO_PRESSURE},
	}, spec.GetCommunication())
}

func TestATextThatSaysNothingIsRefused(t *testing.T) {
	_, warnings, err := CompileStrict(&simv1.Rubric{
		PersonalPreference: "Flurble.", Timing: "When the moon is full.", Frequency: "As often as you like.", CommunicationSafety: "Talk like a pirate.",
	}, "persona.rubric")
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	require.ErrorIs(t, err, errs.ErrInvalid)
	var fields []string
	for _, v := range faults {
		fields = append(fields, v.Field)
		require.NotEmpty(t, v.Message)
	}
	require.Equal(t, []string{"persona.rubric.personal_preference", "persona.rubric.timing", "persona.rubric.frequency"}, fields)
	require.Len(t, warnings, 4)

	_, _, err = CompileStrict(&simv1.Rubric{
		PersonalPreference: "Anything goes.", Timing: "Any time is fine.", Frequency: "At most five a day.", CommunicationSafety: "As you please.",
	}, "rubric")
	require.NoError(t, err)
	_, _, err = CompileStrict(nil, "rubric")
	require.ErrorContains(t, err, "rubric.frequency")
}

func TestTextsReadWhatIsSaidInTheWrongPlace(t *testing.T) {
	spec, warnings := Compile(&simv1.Rubric{
		Timing:              "Twice a day, after lunch and in the evening",
		Frequency:           "At most three a day, never while I'm cooking",
		CommunicationSafety: "Warm. Stay off politics.",
	})
	require.Empty(t, warnings)
	require.Len(t, spec.GetTiming().GetReceptive(), 2)
	require.Equal(t, []string{"cooking"}, spec.GetTiming().GetProtected()[0].GetActivity().GetKinds())
	require.Equal(t, []string{"news-digest"}, spec.GetContent().GetDisliked()[0].GetTopics())
}

func TestPhrasesAreVerbatim(t *testing.T) {
	text := "Films, and Zither-Playing   for “advanced” owls."
	_, warnings := Compile(rubricOf(fieldPreference, text))
	require.NotEmpty(t, warnings)
	for _, w := range warnings {
		require.Contains(t, strings.Join(strings.Fields(text), " "), w.GetPhrase())
	}
}

// TestADashBeforeSeveralSpacesEnds once ran for ever.
func TestADashBeforeSeveralSpacesEnds(t *testing.T) {
	spec, _ := Compile(rubricOf(fieldPreference, "films -   books –  jazz -  "))
	require.Equal(t, []string{"films", "books", "music-listening"}, spec.GetContent().GetLiked()[0].GetTopics())
}
