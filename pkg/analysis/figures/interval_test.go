package figures_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// units makes runs whose mean score is 2 plus an effect of the person and the
// noise of the run. truth is the mean of the people drawn, without that noise.
func units(r *rand.Rand, people, seeds int, between, run float64) (out []figures.Unit, truth float64) {
	const judged = 1_000_000 // so many that rounding a sum of scores does not matter
	for p := range people {
		person := between * r.NormFloat64()
		truth += (2 + person) / float64(people)
		for s := range seeds {
			score := 2 + person + run*r.NormFloat64()
			out = append(out, figures.Unit{
				Persona: fmt.Sprintf("p%02d", p), Seed: uint64(s + 1), Hours: 16,
				Counts: figures.Tally{Steps: 1, Silent: figures.Side{Judged: judged, ScoreSum: int(score * judged)}},
			})
		}
	}
	return out, truth
}

// TestIntervalsCoverWhatTheyPromise draws experiments whose truth is known: the
// interval for new people has the mean of all possible people, the one for these
// people the mean of those drawn, in 95% of the experiments.
func TestIntervalsCoverWhatTheyPromise(t *testing.T) {
	const draws = 2000
	score := figures.Named("mean_score")
	for _, size := range []struct{ people, seeds int }{{4, 1}, {4, 5}, {32, 1}, {32, 5}} {
		t.Run(fmt.Sprintf("%d people, %d seeds", size.people, size.seeds), func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(size.people*100+size.seeds)))
			newPeople, thesePeople := 0, 0
			for range draws {
				all, truth := units(r, size.people, size.seeds, 0.11, 0.13)
				b := score.Bounds(all)
				if b.NewPeople.Low <= 2 && 2 <= b.NewPeople.High {
					newPeople++
				}
				if b.ThesePeople != nil && b.ThesePeople.Low <= truth && truth <= b.ThesePeople.High {
					thesePeople++
				}
			}
			// three standard errors of a share of 0.95 in 2000 draws are 0.015
			require.InDelta(t, 0.95, float64(newPeople)/draws, 0.015)
			if size.seeds > 1 {
				require.InDelta(t, 0.95, float64(thesePeople)/draws, 0.015)
			}
		})
	}
}

func TestTheNoiseOfRunsIsToldApartFromPeople(t *testing.T) {
	const draws = 2000
	score := figures.Named("mean_score")
	r := rand.New(rand.NewPCG(3, 3))
	people, runs := 0.0, 0.0
	for range draws {
		all, _ := units(r, 8, 5, 0.5, 0.1)
		b := score.Bounds(all)
		people += b.SD.People * b.SD.People / draws
		runs += b.SD.Runs * b.SD.Runs / draws
		width := b.ThesePeople.High - b.ThesePeople.Low
		require.Less(t, width, b.NewPeople.High-b.NewPeople.Low, "these people are known better than others")
	}
	require.InDelta(t, 0.25, people, 0.02, "variance between people")
	require.InDelta(t, 0.01, runs, 0.0005, "variance of a run")
}

func TestAPooledFigureIsBoundedByPeopleNotByMoments(t *testing.T) {
	recall := figures.Named("recall")
	require.Equal(t, "recall", recall.Name)
	var all []figures.Unit
	for p := range 10 { // five people are always served, five never: 1,000 moments say little about new people
		u := figures.Unit{Persona: fmt.Sprintf("p%d", p), Seed: 1, Counts: figures.Tally{Steps: 1, DueMoments: 100}}
		if p < 5 {
			u.Counts.DueServed = 100
		}
		all = append(all, u)
	}
	require.InDelta(t, 0.5, *recall.Value(all), 1e-12)
	b := recall.Bounds(all)
	require.InDelta(t, 0.5, (b.NewPeople.Low+b.NewPeople.High)/2, 1e-12)
	require.Greater(t, b.NewPeople.High-b.NewPeople.Low, 0.6)
}

func TestUnevenSeedsHaveNoRunNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all, _ := units(r, 4, 3, 1, 1)
	b := figures.Named("mean_score").Bounds(all[:len(all)-1])
	require.NotNil(t, b.NewPeople)
	require.Nil(t, b.ThesePeople)
	require.Nil(t, b.SD)
	one, _ := units(r, 4, 1, 1, 1)
	require.Nil(t, figures.Named("mean_score").Bounds(one).ThesePeople, "with one seed the noise is not known")
}

func TestHolmCorrectsForFiveTraits(t *testing.T) {
	got := figures.AggregateRuns(three(t))
	require.Len(t, got.Traits, 10)
	for _, e := range got.Traits {
		if e.P != nil {
			require.GreaterOrEqual(t, *e.Holm, *e.P)
		}
	}
}
