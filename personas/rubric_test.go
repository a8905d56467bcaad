package personas_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// demand is what a person asks for, in figures.
type demand struct {
	person             persona.Numbered
	spec               *simv1.PreferenceSpec
	least, most        float64 // recommendations per waking hour
	open               float64 // receptive minutes a day; all 960 where none are named
	topics, tones, max float64 // liked topics, accepted tones, words
	conditional        bool
}

// demands compiles every rubric, which must leave nothing misunderstood.
func demands(t *testing.T) []demand {
	t.Helper()
	all, err := persona.Builtin()
	require.NoError(t, err)
	var out []demand
	for _, n := range all {
		spec, warnings := rubric.Compile(n.Persona.GetRubric())
		for _, w := range warnings {
			t.Errorf("%02d %s: %s: %q: %s", n.Number, n.Persona.GetName(), w.GetField(), w.GetPhrase(), w.GetReason())
		}
		d := demand{person: n, spec: spec, open: openMinutes(spec.GetTiming().GetReceptive())}
		d.least, d.most = judge.WantedBand(spec)
		liked := map[string]bool{}
		for _, rule := range spec.GetContent().GetLiked() {
			d.conditional = d.conditional || rule.GetWhen() != nil
			for _, topic := range rule.GetTopics() {
				liked[topic] = true
			}
		}
		d.topics = float64(len(liked))
		d.tones = float64(len(spec.GetCommunication().GetTones()))
		d.max = float64(spec.GetCommunication().GetMaxWords())
		out = append(out, d)
	}
	return out
}

// openMinutes adds up clock intervals and counts an activity as 45 minutes.
func openMinutes(receptive []*simv1.MomentPattern) float64 {
	if len(receptive) == 0 {
		return 960
	}
	total := 0.0
	for _, p := range receptive {
		switch {
		case p.GetClock() != nil:
			total += float64((p.GetClock().GetToMinute() - p.GetClock().GetFromMinute() + 1440) % 1440)
		case p.GetActivity().GetRelation() == simv1.ActivityRelation_ACTIVITY_RELATION_AFTER && p.GetActivity().GetWithinMinutes() > 0:
			total += float64(p.GetActivity().GetWithinMinutes())
		default:
			total += 45
		}
	}
	return total
}

func TestRubricsCompileIntoDemands(t *testing.T) {
	conditional, hourly := 0, 0
	var rates []float64
	for _, d := range demands(t) {
		name := fmt.Sprintf("%02d %s", d.person.Number, d.person.Persona.GetName())
		withSpec := d.person.Persona
		withSpec.Spec = d.spec
		require.NoError(t, persona.Validate(withSpec), name)

		require.GreaterOrEqual(t, d.least, 2.0/16, name)
		require.LessOrEqual(t, d.most, 1.0, name)
		require.GreaterOrEqual(t, d.most, d.least, name)
		require.LessOrEqual(t, d.most, 2*d.least, name)
		require.NotEmpty(t, d.spec.GetFrequency().GetAtLeast(), name)
		require.NotEmpty(t, d.spec.GetFrequency().GetAtMost(), name)
		require.NotEmpty(t, d.spec.GetTiming().GetProtected(), name)
		require.True(t, d.open >= 150 && d.open <= 370 || d.open == 960, "%s: %.0f receptive minutes", name, d.open)
		require.True(t, d.topics >= 6 && d.topics <= 20, "%s: %.0f topics", name, d.topics)
		require.NotEmpty(t, d.spec.GetContent().GetDisliked(), name)
		require.True(t, d.tones >= 1 && d.tones <= 3, "%s: tones %v", name, d.spec.GetCommunication().GetTones())
		require.True(t, d.max >= 20 && d.max <= 50, "%s: %.0f words", name, d.max)
		rates = append(rates, d.least)
		if d.conditional {
			conditional++
		}
		if d.least > 0.5 {
			hourly++
		}
	}
	slices.Sort(rates)
	require.InDelta(t, 0.2, (rates[15]+rates[16])/2, 0.05, "median rate")
	require.True(t, conditional >= 8 && conditional <= 13, "%d of 32 have conditional demands", conditional)
	require.Equal(t, 2, hourly)
}

// TestDemandsAreSpreadOverTheTraits holds the two halves of every trait to
// near-equal demands, so that a difference between them is the trait's doing.
// With -v it prints the table.
func TestDemandsAreSpreadOverTheTraits(t *testing.T) {
	measures := map[string]func(demand) float64{
		"least an hour":     func(d demand) float64 { return d.least },
		"most an hour":      func(d demand) float64 { return d.most },
		"receptive minutes": func(d demand) float64 { return d.open },
		"liked topics":      func(d demand) float64 { return d.topics },
		"tones":             func(d demand) float64 { return d.tones },
		"words":             func(d demand) float64 { return d.max },
		"conditional": func(d demand) float64 {
			if d.conditional {
				return 1
			}
			return 0
		},
	}
	all := demands(t)
	for _, name := range slices.Sorted(maps.Keys(measures)) {
		for _, trait := range persona.Traits() {
			var high, low float64
			for _, d := range all {
				if persona.Level(d.person.Persona.GetBigFive(), trait) == simv1.TraitLevel_TRAIT_LEVEL_HIGH {
					high += measures[name](d) / 16
				} else {
					low += measures[name](d) / 16
				}
			}
			t.Logf("%-18s %-18s high %7.3f  low %7.3f", name, trait, high, low)
			require.LessOrEqual(t, math.Abs(high-low), 0.07*(high+low)/2, "%s over %s: %.3f and %.3f", name, trait, high, low)
		}
	}
}
