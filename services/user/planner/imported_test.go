package planner_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/planner"
)

// imported is a person as import files describe one: a line of background, a
// lifestyle of three habits, and three requirements mostly without times.
func imported(age int32, background, lifestyle string, requirements ...string) *simv1.Persona {
	low := simv1.TraitLevel_TRAIT_LEVEL_LOW
	return &simv1.Persona{
		Id: "imported", Name: "Imported", Age: age, Background: background, Lifestyle: lifestyle, DailyPlanRequirements: requirements,
		BigFive:          &simv1.BigFive{Extraversion: low, Agreeableness: low, Conscientiousness: low, Neuroticism: low, Openness: low},
		CurrentInterests: []string{"old maps"}, LongTermGoals: []string{"a quiet life"},
	}
}

// hours lives 14 days and returns the mean hours a day of each activity.
func hours(t *testing.T, p *simv1.Persona) map[activity.Kind]float64 {
	t.Helper()
	plans, err := planner.New(p, place(t, "home"), settings(p, 1, 150))
	require.NoError(t, err)
	out := map[activity.Kind]float64{}
	for number := int32(1); number <= 14; number++ {
		day := plans.Day(number)
		require.NoError(t, planner.Check(day, place(t, "home")))
		for _, task := range day.Tasks {
			out[activity.Kind(task.Action.GetKind())] += float64(task.To-task.From) / 3600 / 14
		}
	}
	return out
}

// TestPeopleDoWhatTheyLiveBy: work, studies and care that background and
// lifestyle speak of are part of every day, and only those.
func TestPeopleDoWhatTheyLiveBy(t *testing.T) {
	const habits = "Wakes up at 7:30; has lunch at noon; goes to bed at 23:00."
	tests := map[string]struct {
		background, lifestyle string
		age                   int32
		least, most           map[activity.Kind]float64
	}{
		"profession":        {"Bookkeeper with twenty years of experience, known for being exact.", habits, 48, map[activity.Kind]float64{activity.Work: 5}, nil},
		"profession, later": {"Lives with two cats in Leeds and is a landscape architect.", habits, 36, map[activity.Kind]float64{activity.Work: 5}, nil},
		"freelance":         {"Freelance translator who likes a slow start.", habits, 33, map[activity.Kind]float64{activity.Work: 3}, map[activity.Kind]float64{activity.Work: 5.5}},
		"works as":          {"Moved north for love. Works from home as a claims handler.", habits, 41, map[activity.Kind]float64{activity.Work: 5}, nil},
		"now works":         {"Former courier who now works remotely for a bank's help line.", habits, 29, map[activity.Kind]float64{activity.Work: 5}, nil},
		"part-time":         {"Works part-time in a call centre, from home.", habits, 55, map[activity.Kind]float64{activity.Work: 3}, map[activity.Kind]float64{activity.Work: 5}},
		"runs a shop":       {"Runs a small online shop for seeds.", habits, 38, map[activity.Kind]float64{activity.Work: 3}, nil},
		"stated hours":      {"Tax clerk.", "Wakes up at 7:30; works from 10:00 to 14:00; goes to bed at 23:00.", 44, map[activity.Kind]float64{activity.Work: 3.5}, map[activity.Kind]float64{activity.Work: 4.6}},
		"student":           {"Second-year chemistry student living with flatmates.", habits, 20, map[activity.Kind]float64{activity.Study: 3}, map[activity.Kind]float64{activity.Work: 1}},
		"studies":           {"Is studying for a law degree and shares a flat.", habits, 23, map[activity.Kind]float64{activity.Study: 3}, map[activity.Kind]float64{activity.Work: 1}},
		"writer":            {"Novelist and essayist in a harbour town.", habits, 50, map[activity.Kind]float64{activity.Writing: 2, activity.Work: 1}, nil},
		"painter":           {"A landscape painter who sells at fairs.", habits, 61, map[activity.Kind]float64{activity.Art: 2}, nil},
		"at home":           {"Stay-at-home mother of three young children.", habits, 35, map[activity.Kind]float64{activity.FamilyCare: 3.5}, map[activity.Kind]float64{activity.Work: 0.5}},
		"carer":             {"Cares for his mother since her fall, and misses the sea.", habits, 57, map[activity.Kind]float64{activity.FamilyCare: 1}, map[activity.Kind]float64{activity.Work: 0.5}},
		"nurse and father":  {"Paediatric nurse and single father of two.", habits, 39, map[activity.Kind]float64{activity.Work: 5, activity.FamilyCare: 1.2}, nil},
		"retired":           {"Retired harbour pilot, glad of the quiet.", habits, 66, nil, map[activity.Kind]float64{activity.Work: 0.1, activity.Study: 1.5}},
		"former":            {"Former event manager, now enjoys making the house her own.", habits, 52, nil, map[activity.Kind]float64{activity.Work: 0.1}},
		"used to":           {"Used to be a chef; gave it up for his health.", habits, 49, nil, map[activity.Kind]float64{activity.Work: 0.1}},
		"of others":         {"Married to a surgeon, daughter of a teacher; looks after nothing but orchids.", habits, 58, nil, map[activity.Kind]float64{activity.Work: 0.1, activity.FamilyCare: 0.9}},
		"between jobs":      {"Warehouse clerk, unemployed since spring.", habits, 40, nil, map[activity.Kind]float64{activity.Work: 0.1}},
		"grown children":    {"Librarian with two grown sons abroad.", habits, 60, map[activity.Kind]float64{activity.Work: 5}, map[activity.Kind]float64{activity.FamilyCare: 0.9}},
		"teaches":           {"Teaches geometry online and collects fossils.", habits, 46, map[activity.Kind]float64{activity.Work: 5}, nil},
		"compound":          {"Costume-designer for small stages.", habits, 31, map[activity.Kind]float64{activity.Work: 5}, nil},
		"two words":         {"Customer-care representative who loves to cook for neighbours.", habits, 32, map[activity.Kind]float64{activity.Work: 5}, nil},
		"doctoral":          {"PhD candidate in hydrology.", habits, 27, map[activity.Kind]float64{activity.Study: 3}, map[activity.Kind]float64{activity.Work: 1}},
		"has a degree":      {"Has a degree in biology and time to spare.", habits, 63, nil, map[activity.Kind]float64{activity.Work: 0.1, activity.Study: 1.5}},
		"dog owner":         {"Proud owner of two greyhounds.", habits, 54, nil, map[activity.Kind]float64{activity.Work: 0.1}},
		"raising":           {"Geologist raising a toddler on her own.", habits, 33, map[activity.Kind]float64{activity.Work: 5, activity.FamilyCare: 1.2}, nil},
		"dreams":            {"Lives with his brother and dreams of being a pilot.", habits, 24, nil, map[activity.Kind]float64{activity.Work: 0.1}},
		"old, at work":      {"At 74 she still works as a proofreader.", habits, 74, map[activity.Kind]float64{activity.Work: 4}, nil},
		"old":               {"Cabinet maker and beekeeper; a joiner all his life.", habits, 78, nil, map[activity.Kind]float64{activity.Work: 0.1}},
		"turned":            {"Former rally driver turned ceramics teacher.", habits, 51, map[activity.Kind]float64{activity.Work: 5}, nil},
		"works out":         {"Likes to keep fit and works out a lot.", habits, 30, nil, map[activity.Kind]float64{activity.Work: 0.1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := hours(t, imported(tt.age, tt.background, tt.lifestyle, "tidy a shelf for 20 minutes", "watch a film before bed"))
			for kind, least := range tt.least {
				require.GreaterOrEqual(t, got[kind], least, "%s a day", kind)
			}
			for kind, most := range tt.most {
				require.LessOrEqual(t, got[kind], most, "%s a day", kind)
			}
		})
	}
}

// TestARequirementThatSpeaksOfWorkIsEnough: who says by the clock what it works
// gets no further hours.
func TestARequirementThatSpeaksOfWorkIsEnough(t *testing.T) {
	p := imported(40, "Auditor.", "Wakes up at 7:00; goes to bed at 23:00.", "work at my desk from 9:00 to 11:30")
	require.InDelta(t, 2.5, hours(t, p)[activity.Work], 0.4)
}

// TestAnErrandIsNoWorkingDay: half an hour of emails in the daily plan does not
// replace the hours of a profession.
func TestAnErrandIsNoWorkingDay(t *testing.T) {
	p := imported(40, "Auditor.", "Wakes up at 7:00; goes to bed at 23:00.", "answer work emails for 30 minutes")
	require.GreaterOrEqual(t, hours(t, p)[activity.Work], 5.0)
}

// TestHabitsAndTheirMeaning: activities are recognised by what they mean, and
// habits of a lifestyle come where it says.
func TestHabitsAndTheirMeaning(t *testing.T) {
	tests := map[string]struct {
		requirement string
		kind        activity.Kind
		from, to    int // begins between these minutes of the day
	}{
		"opens the day":    {"begin the day with a run of half an hour", activity.Exercise, 390, 520},
		"spin class":       {"spin class at 18:00", activity.Exercise, 1060, 1100},
		"gym":              {"hit the gym in the afternoon for an hour", activity.Exercise, 780, 1050},
		"zumba":            {"Zumba session at 10:00", activity.Exercise, 580, 620},
		"hike":             {"a short hike before lunch", activity.Exercise, 600, 760},
		"cooking class":    {"online cooking class at 17:00 for an hour", activity.Cooking, 1000, 1040},
		"guitar lesson":    {"guitar lesson at 16:00", activity.Music, 940, 980},
		"pottery course":   {"pottery course from 14:00 to 15:00", activity.Craft, 820, 860},
		"language app":     {"language class at 11:00 for half an hour", activity.Study, 640, 680},
		"new recipe":       {"try a new recipe for dinner", activity.Cooking, 1000, 1120},
		"declutter":        {"declutter one drawer for 20 minutes", activity.Housework, 420, 1200},
		"redecorate":       {"rearrange or redecorate a corner for 45 minutes", activity.Housework, 420, 1200},
		"youtube":          {"watch YouTube for an hour in the evening", activity.Screen, 1080, 1320},
		"scroll":           {"scroll through social media in the evening", activity.Screen, 1080, 1320},
		"chat":             {"chat with friends in the evening", activity.Phone, 1080, 1320},
		"gathering":        {"host a small gathering in the evening", activity.Hosting, 1080, 1320},
		"unwind":           {"unwind with an old film before bed", activity.Screen, 1200, 1380},
		"to-do list":       {"organize tasks with a to-do list", activity.Planning, 420, 720},
		"morning meditate": {"morning meditation for 20 minutes", activity.Meditation, 400, 540},
		"houseplants":      {"tend to the houseplants in the afternoon", activity.Gardening, 780, 1020},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := imported(45, "Lives alone.", "Wakes up at 7:00; goes to bed at 23:00.", tt.requirement)
			plans, err := planner.New(p, place(t, "home"), settings(p, 1, 150))
			require.NoError(t, err)
			for number := int32(1); number <= 14; number++ {
				found := false
				for _, task := range plans.Day(number).Tasks {
					if task.Required {
						found = true
						require.Equal(t, tt.kind, activity.Kind(task.Action.GetKind()))
						require.GreaterOrEqual(t, task.From/60, tt.from)
						break
					}
				}
				require.True(t, found, "day %d", number)
			}
		})
	}
}

func TestHabitsOfALifestyleComeWhereItSays(t *testing.T) {
	p := imported(52, "Archivist.", "Wakes up at 6:00; has a lunch break at 12:30; plays the flute in the evening; unwinds by journaling before bed.", "bake bread for an hour")
	plans, err := planner.New(p, place(t, "home"), settings(p, 1, 150))
	require.NoError(t, err)
	for number := int32(1); number <= 14; number++ {
		begins := map[activity.Kind]int{}
		last := map[activity.Kind]int{}
		day := plans.Day(number)
		for _, task := range day.Tasks {
			kind := activity.Kind(task.Action.GetKind())
			if _, seen := begins[kind]; !seen {
				begins[kind] = task.From / 60
			}
			last[kind] = task.To
		}
		require.InDelta(t, 750, begins[activity.Lunch], 31, "day %d", number)
		require.GreaterOrEqual(t, last[activity.Music], 19*3600, "day %d", number)
		require.GreaterOrEqual(t, last[activity.Journaling], day.Bed-90*60, "day %d", number)
	}
}

func TestRhythmsWithoutAClock(t *testing.T) {
	wake := func(lifestyle string) (int, int) {
		p := imported(34, "Works from home as a clerk.", lifestyle, "tidy up for 20 minutes")
		plans, err := planner.New(p, place(t, "home"), settings(p, 1, 150))
		require.NoError(t, err)
		wakes, beds := 0, 0
		for number := int32(1); number <= 14; number++ {
			wakes, beds = wakes+plans.Day(number).Wake/60, beds+plans.Day(number).Bed/60
		}
		return wakes / 14, beds / 14
	}
	usual, _ := wake("Likes order.")
	early, _ := wake("An early riser who likes order.")
	late, _ := wake("Sleeps in until the last possible moment before work.")
	require.Less(t, early, usual-30)
	require.Greater(t, late, usual+30)
	_, bed := wake("Stays up past midnight reading the web.")
	require.InDelta(t, 1470, bed, 25)
	wakes, bed := wake("Opens the day with a cold swim at 5:30am and paints until 1am.")
	require.InDelta(t, 320, wakes, 25)
	require.InDelta(t, 1500, bed, 25)
	_, bed = wake("Ends the day with a warm bath and reading in bed by 9pm; wakes up at 6am.")
	require.InDelta(t, 1260, bed, 25)
}
