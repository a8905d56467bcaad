package plannertest

import (
	"fmt"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/worlds"
)

// Person is a life with what every day of it must contain.
type Person struct {
	Life driver.Life
	// Wants are the timed requirements, as the persona's texts say them.
	Wants []Want
	// Wake and Bed are the stated times, in minutes after midnight; bed may be
	// beyond 1440.
	Wake, Bed int
}

// Want is an activity that begins at a time of every day.
type Want struct {
	Kind   activity.Kind
	Minute int // after midnight
}

// People are the lives that the suite follows: an early riser at home, a night
// owl, and somebody in an office building.
func People() []Person {
	early := persona("early-riser", "I get up at 6:30 and go to bed at 22:30.", simv1.TraitLevel_TRAIT_LEVEL_HIGH,
		"meditate at 7:00 for 20 minutes", "work at my desk from 9:00 to 12:30", "lunch at 12:30 pm",
		"video call with the team from 2 to 3 pm", "yoga at 5:30 pm for half an hour", "dinner at 7:30 pm", "read from 21:00 to 22:00")
	late := persona("night-owl", "I get up at 10:00 and go to bed at 2:00 am.", simv1.TraitLevel_TRAIT_LEVEL_LOW,
		"practise the piano from 15:00 to 16:00", "dinner at 20:00", "watch a film at 22:30")
	office := persona("caretaker", "I get up at 6:00 and go to bed at 22:00.", simv1.TraitLevel_TRAIT_LEVEL_HIGH, "lunch at 12:00", "dinner at 18:30")
	return []Person{
		{Life: life("home", 150, early), Wake: 390, Bed: 1350, Wants: []Want{
			{activity.Meditation, 420}, {activity.Work, 540}, {activity.Lunch, 750}, {activity.Meeting, 840}, {activity.Yoga, 1050}, {activity.Dinner, 1170}, {activity.Reading, 1260},
		}},
		{Life: life("home", 300, late), Wake: 600, Bed: 1560, Wants: []Want{{activity.Music, 900}, {activity.Dinner, 1200}, {activity.Screen, 1350}}},
		{Life: life("office", 60, office), Wake: 360, Bed: 1320, Wants: []Want{{activity.Lunch, 720}}},
	}
}

func persona(id, lifestyle string, conscientious simv1.TraitLevel, requirements ...string) *simv1.Persona {
	high, low := simv1.TraitLevel_TRAIT_LEVEL_HIGH, simv1.TraitLevel_TRAIT_LEVEL_LOW
	return &simv1.Persona{
		Id: id, Name: id, Age: 40, Background: "Translates novels and lives alone.", Lifestyle: lifestyle,
		BigFive:          &simv1.BigFive{Extraversion: low, Agreeableness: high, Conscientiousness: conscientious, Neuroticism: low, Openness: high},
		CurrentInterests: []string{"astronomy"}, DailyPlanRequirements: requirements, LongTermGoals: []string{"learn the constellations"},
		Rubric: &simv1.Rubric{
			PersonalPreference: "I like books.", Timing: "Any time.", Frequency: "Twice a day.", CommunicationSafety: "Short.",
		},
	}
}

func life(place string, stepSeconds int32, p *simv1.Persona) driver.Life {
	world, err := worlds.Get(place)
	if err != nil {
		panic(fmt.Sprintf("plannertest: %v", err)) // the worlds come with the program
	}
	return driver.Life{RunID: "plannertest-" + p.GetId(), Persona: p, World: world,
		Settings: &simv1.Settings{Seed: seeded.RoleSeed(5, p.GetId(), seeded.RoleUser), StepSeconds: stepSeconds, Days: days}}
}
