package personas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// TestTheHardSetIsHardAndFair holds the hard set to what it is for: the same
// factorial as the own set, few topics, several closed times, conditions, and
// specs that can be met.
func TestTheHardSetIsHardAndFair(t *testing.T) {
	all, err := persona.Hard()
	require.NoError(t, err)
	require.Len(t, all, 32)
	own, err := persona.Builtin()
	require.NoError(t, err)
	var topics []int
	conditional, protected := 0, 0
	for i, n := range all {
		p := n.Persona
		name := fmt.Sprintf("%d %s", n.Number, p.GetName())
		require.Equal(t, persona.Own+1+i, n.Number)
		require.True(t, n.Hard())
		for _, trait := range persona.Traits() {
			require.Equal(t, persona.Level(own[i].Persona.GetBigFive(), trait), persona.Level(p.GetBigFive(), trait), "%s: %s", name, trait)
		}
		require.NoError(t, persona.Validate(p), name)
		spec := p.GetSpec()
		require.NotNil(t, spec, name)
		require.Empty(t, satisfy.Check(spec), name)
		_, err := judge.Compile(spec)
		require.NoError(t, err, name)

		liked := map[string]bool{}
		when := false
		for _, rule := range spec.GetContent().GetLiked() {
			when = when || rule.GetWhen() != nil
			for _, topic := range rule.GetTopics() {
				liked[topic] = true
			}
		}
		require.True(t, len(liked) >= 2 && len(liked) <= 9, "%s likes %d topics", name, len(liked))
		require.GreaterOrEqual(t, len(spec.GetTiming().GetProtected()), 2, name)
		require.NotEmpty(t, spec.GetContent().GetDisliked(), name)
		topics = append(topics, len(liked))
		protected += len(spec.GetTiming().GetProtected())
		if when {
			conditional++
		}
		requireHappens(t, name, p)
	}
	slices.Sort(topics)
	require.InDelta(t, 5, float64(topics[15]+topics[16])/2, 0.5, "median of liked topics")
	require.GreaterOrEqual(t, conditional, 16)
	require.GreaterOrEqual(t, protected, 80)
}

// requireHappens holds every activity that a person's spec names to be one that
// the day of that person holds.
func requireHappens(t *testing.T, name string, p *simv1.Persona) {
	day := strings.ToLower(strings.Join(p.GetDailyPlanRequirements(), "\n"))
	words := map[string][]string{
		"cooking": {"cook"}, "prayer": {"pray"}, "meeting": {"meeting", "by video"}, "music": {"practise", "sing", "rehearse"}, "repair": {"repair", "mend", "fix"},
		"work": {"work", "bench"}, "listening": {"listen"}, "yoga": {"yoga"}, "gardening": {"garden", "plants"}, "sleep": {"nap"}, "phone": {"call"},
		"exercise": {"exercise", "dance"}, "study": {"study", "teach"}, "hosting": {"guests", "friends over"}, "journaling": {"diary", "letters"}, "art": {"draw"},
		"gaming": {"game", "chess", "console"}, "family_care": {"look after"}, "news": {"news"}, "writing": {"write"}, "relaxing": {"rest"}, "meditation": {"meditate"},
		"craft": {"knit", "lace", "bind"}, "reading": {"read"}, "pet_care": {"animals", "dog", "cat"}, "housework": {"clean"},
		"breakfast": {"breakfast"}, "lunch": {"lunch"}, "dinner": {"dinner"},
	}
	patterns := slices.Concat(p.GetSpec().GetTiming().GetReceptive(), p.GetSpec().GetTiming().GetProtected())
	for _, rule := range p.GetSpec().GetContent().GetLiked() {
		if rule.GetWhen() != nil {
			patterns = append(patterns, rule.GetWhen())
		}
	}
	for _, pattern := range patterns {
		if pattern.GetActivity() == nil {
			continue
		}
		found := false
		for _, kind := range pattern.GetActivity().GetKinds() {
			require.NotEmpty(t, words[kind], kind)
			found = found || slices.ContainsFunc(words[kind], func(w string) bool { return strings.Contains(day, w) })
		}
		if !found && pattern.GetActivity().GetKinds()[0] == "work" {
			continue // a bench is work to some and repair to others
		}
		require.True(t, found, "%s: %s is no part of the day", name, pattern.GetName())
	}
}
