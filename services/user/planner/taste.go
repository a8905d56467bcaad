package planner

import (
	"math"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// leisure describes an activity that fills free time.
type leisure struct {
	kind activity.Kind
	base float64
	// day parts: morning (before noon), afternoon (before 17:00), evening.
	morning, afternoon, evening float64
	// Pull of the traits, in log units per pole: extraversion, agreeableness,
	// conscientiousness, neuroticism, openness.
	traits      [5]float64
	least, most int // minutes at a stretch
	daily       int // at most so many stretches a day
}

// signs are the words without which a life has no such activity.
var signs = func() map[activity.Kind][]string {
	out := map[activity.Kind][]string{}
	for _, m := range vocabulary("signs") {
		out[m.kind] = append(out[m.kind], m.phrase)
	}
	return out
}()

var leisures = []leisure{
	{activity.Reading, 1.2, 0.6, 1, 1.3, [5]float64{-0.4, 0, 0.1, 0.1, 0.5}, 25, 70, 3},
	{activity.Listening, 0.7, 0.7, 0.9, 1.1, [5]float64{0, 0, -0.1, 0.1, 0.4}, 20, 50, 2},
	{activity.Screen, 0.9, 0.1, 0.4, 2, [5]float64{0, 0, -0.4, 0.2, -0.3}, 30, 90, 2},
	{activity.News, 0.6, 1.5, 0.5, 0.8, [5]float64{0, 0, 0.2, 0.2, 0}, 15, 30, 2},
	{activity.Phone, 0.6, 0.5, 0.8, 1.3, [5]float64{0.7, 0.4, 0, 0, 0}, 15, 35, 3},
	{activity.Hosting, 0.25, 0, 0.5, 1.8, [5]float64{1, 0.4, 0, -0.2, 0.1}, 60, 120, 1},
	{activity.Relaxing, 0.9, 0.6, 1.2, 1, [5]float64{-0.1, 0.1, -0.4, 0.2, 0}, 15, 40, 3},
	{activity.Snack, 0.7, 0.8, 1.3, 0.6, [5]float64{0, 0, -0.2, 0.1, 0}, 12, 20, 3},
	{activity.Housework, 0.9, 1.3, 1, 0.5, [5]float64{0, 0.1, 0.6, 0.1, -0.2}, 20, 45, 2},
	{activity.Laundry, 0.4, 1.4, 1, 0.4, [5]float64{0, 0, 0.4, 0, -0.1}, 20, 35, 1},
	{activity.Gardening, 0.35, 1.2, 1.2, 0.3, [5]float64{0, 0.1, 0.1, -0.2, 0.1}, 25, 60, 2},
	{activity.Repair, 0.2, 1, 1.2, 0.4, [5]float64{-0.2, -0.1, 0.2, -0.1, -0.1}, 25, 60, 1},
	{activity.Planning, 0.4, 1.4, 0.6, 0.9, [5]float64{0, 0, 0.7, 0.3, 0}, 15, 30, 2},
	{activity.Journaling, 0.3, 0.5, 0.3, 1.6, [5]float64{-0.3, 0, 0.1, 0.5, 0.4}, 15, 30, 1},
	{activity.Meditation, 0.2, 1.3, 0.5, 0.9, [5]float64{-0.2, 0.2, 0.1, 0.3, 0.4}, 12, 25, 1},
	{activity.Exercise, 0.5, 1.2, 1, 0.5, [5]float64{0.4, 0, 0.3, -0.3, 0}, 20, 45, 1},
	{activity.Yoga, 0.2, 1.2, 0.6, 0.8, [5]float64{0, 0.1, 0.1, 0.2, 0.4}, 20, 40, 1},
	{activity.Music, 0.25, 0.5, 1.1, 1, [5]float64{0.1, 0, 0.1, 0, 0.6}, 20, 50, 2},
	{activity.Art, 0.25, 0.7, 1.2, 0.8, [5]float64{-0.1, 0, -0.1, 0.1, 0.8}, 25, 70, 2},
	{activity.Craft, 0.3, 0.7, 1.2, 0.9, [5]float64{-0.1, 0.1, 0.1, 0, 0.2}, 25, 60, 2},
	{activity.Writing, 0.2, 1, 0.8, 0.9, [5]float64{-0.2, 0, 0, 0.2, 0.7}, 25, 60, 1},
	{activity.Study, 0.35, 1.1, 1, 0.6, [5]float64{-0.1, 0, 0.4, 0, 0.4}, 25, 60, 2},
	{activity.Gaming, 0.4, 0.2, 0.7, 1.4, [5]float64{0, -0.1, -0.4, 0.1, 0.1}, 25, 70, 2},
	{activity.Cooking, 0.3, 0.4, 0.8, 0.8, [5]float64{0, 0.2, 0.1, 0, 0.2}, 25, 45, 1},
	{activity.PetCare, 0.8, 1, 1, 1, [5]float64{0, 0.2, 0, 0, 0}, 12, 25, 3},
	{activity.FamilyCare, 0.8, 0.6, 1, 1.4, [5]float64{0.1, 0.5, 0.1, 0, 0}, 20, 45, 3},
	{activity.Prayer, 0.6, 1.2, 0.6, 1, [5]float64{0, 0.2, 0.2, 0, -0.2}, 10, 20, 2},
}

// taste is how much a persona is drawn to each leisure, with the interests it
// follows by it.
type taste struct {
	weight    []float64
	interests map[activity.Kind][]string
}

// newTaste reads traits, interests and goals. An interest triples the pull of
// the activity by which it is followed; a goal adds half as much.
func newTaste(p *simv1.Persona) taste {
	t := taste{weight: make([]float64, len(leisures)), interests: map[activity.Kind][]string{}}
	pull := map[activity.Kind]float64{}
	for _, interest := range p.GetCurrentInterests() {
		subject := brief(gerund(strings.TrimRight(strings.TrimSpace(interest), ".")))
		kind, ok := interestKind(interest)
		if !ok { // one can still read, talk and dream about it
			for _, kind := range []activity.Kind{activity.Reading, activity.Phone, activity.Relaxing} {
				t.interests[kind] = append(t.interests[kind], subject)
			}
			continue
		}
		pull[kind] += 2
		t.interests[kind] = append(t.interests[kind], subject)
	}
	for _, goal := range p.GetLongTermGoals() {
		if kind, ok := interestKind(goal); ok {
			pull[kind] += 0.5
		}
	}
	b := p.GetBigFive()
	poles := [5]float64{pole(b.GetExtraversion()), pole(b.GetAgreeableness()), pole(b.GetConscientiousness()), pole(b.GetNeuroticism()), pole(b.GetOpenness())}
	life := " " + strings.Join(words(p.GetBackground()+" "+p.GetLifestyle()+" "+strings.Join(p.GetDailyPlanRequirements(), " ")+" "+strings.Join(p.GetCurrentInterests(), " ")), " ") + " "
	for i, l := range leisures {
		if !l.fits(life) {
			continue
		}
		exponent := 0.0
		for k := range poles {
			exponent += l.traits[k] * poles[k]
		}
		t.weight[i] = l.base * math.Exp(exponent) * (1 + pull[l.kind])
	}
	return t
}

// gerund writes an interest that begins with a gerund, as entries of a list do
// ("Restoring radios"), as a sentence has it.
func gerund(interest string) string {
	if first, _, _ := strings.Cut(interest, " "); strings.HasSuffix(first, "ing") {
		return lowerFirst(interest)
	}
	return interest
}

func (l *leisure) fits(life string) bool {
	for _, need := range signs[l.kind] {
		if strings.Contains(life, " "+need+" ") {
			return true
		}
	}
	return len(signs[l.kind]) == 0
}

func pole(level simv1.TraitLevel) float64 {
	switch level {
	case simv1.TraitLevel_TRAIT_LEVEL_HIGH:
		return 0.5
	case simv1.TraitLevel_TRAIT_LEVEL_LOW:
		return -0.5
	default:
		return 0
	}
}

// moods scales each leisure for one day, so that days differ.
func (t *taste) moods(src seeded.Source) []float64 {
	out := make([]float64, len(leisures))
	for i := range out {
		out[i] = t.weight[i] * math.Exp(0.6*src.Normal(i))
	}
	return out
}

// at weighs a leisure by the time of day.
func (l *leisure) at(second int) float64 {
	switch h := second % day / hour; {
	case h >= 5 && h < 12:
		return l.morning
	case h >= 12 && h < 17:
		return l.afternoon
	default:
		return l.evening
	}
}
