package persona_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func builtin(t *testing.T) []persona.Numbered {
	t.Helper()
	all, err := persona.Builtin()
	require.NoError(t, err)
	return all
}

// TestTheFactorialOrder holds the files to the order that package personas
// documents, which covers each combination of the Big Five exactly once.
func TestTheFactorialOrder(t *testing.T) {
	for _, n := range builtin(t) {
		k, mirrored := (n.Number-1)/2, n.Number%2 == 0
		for bit, trait := range persona.Traits() {
			high := bit == 0 || k>>(bit-1)&1 == 0
			want := simv1.TraitLevel_TRAIT_LEVEL_LOW
			if high != mirrored {
				want = simv1.TraitLevel_TRAIT_LEVEL_HIGH
			}
			require.Equal(t, want, persona.Level(n.Persona.GetBigFive(), trait), "%d %s: %s", n.Number, n.Persona.GetName(), trait)
		}
	}
}

func TestThirtyTwoDistinctPeople(t *testing.T) {
	all := builtin(t)
	require.Len(t, all, 32)
	ids, first, profiles := map[string]bool{}, map[string]bool{}, map[string]string{}
	for i, n := range all {
		p := n.Persona
		require.Equal(t, i+1, n.Number)
		require.NoError(t, persona.Validate(p), p.GetName())
		require.Nil(t, p.GetSpec(), "%s: the rubric speaks for itself", p.GetName())
		require.Equal(t, persona.Slug(p.GetName()), p.GetId())

		given, _, _ := strings.Cut(p.GetName(), " ")
		require.False(t, ids[p.GetId()] || first[given], "%s is taken", p.GetName())
		ids[p.GetId()], first[given] = true, true

		profile := p.GetBigFive().String()
		require.Empty(t, profiles[profile], "%s has the same traits as %s", p.GetName(), profiles[profile])
		profiles[profile] = p.GetName()
	}
	require.Len(t, profiles, 32)
}

func TestEverybodyHasALifeToPlan(t *testing.T) {
	clock := regexp.MustCompile(`\d{1,2}:\d{2}|\b\d{1,2} [ap]m\b|\bnoon\b`)
	ages := map[int32]int{}
	for _, n := range builtin(t) {
		p := n.Persona
		ages[p.GetAge()/10]++
		require.True(t, p.GetAge() >= 19 && p.GetAge() <= 84, p.GetName())
		require.True(t, len(p.GetCurrentInterests()) >= 3 && len(p.GetCurrentInterests()) <= 6, p.GetName())
		require.True(t, len(p.GetDailyPlanRequirements()) >= 5 && len(p.GetDailyPlanRequirements()) <= 9, p.GetName())
		require.True(t, len(p.GetLongTermGoals()) >= 2 && len(p.GetLongTermGoals()) <= 4, p.GetName())
		require.GreaterOrEqual(t, len(clock.FindAllString(p.GetLifestyle(), -1)), 4, "%s: rising, meals, bed", p.GetName())
		require.Regexp(t, `(?i)wake up at|get up at`, p.GetLifestyle(), p.GetName())
		require.Regexp(t, `(?i)go to bed at`, p.GetLifestyle(), p.GetName())
		for _, entry := range p.GetDailyPlanRequirements() {
			require.Regexp(t, `\d|noon|until bed`, entry, p.GetName())
		}
	}
	require.GreaterOrEqual(t, len(ages), 7, "people of all ages: %v", ages)
}

func TestBuiltinHandsOutCopies(t *testing.T) {
	builtin(t)[0].Persona.Name = "Somebody Else"
	require.NotEqual(t, "Somebody Else", builtin(t)[0].Persona.GetName())
}
