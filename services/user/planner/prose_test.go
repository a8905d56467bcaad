package planner

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/worlds"
)

func TestSleepTimes(t *testing.T) {
	tests := map[string]struct{ wake, bed string }{
		"I get up at 6:30 and go to bed at 22:30.":                            {"6:30", "22:30"},
		"She is up by seven, in bed by 22:30.":                                {"7:00", "22:30"},
		"Wakes around half past six in the morning; lights out at ten.":       {"6:30", "22:00"},
		"goes to bed around 11pm, awakes up around 7am, eats dinner at 5pm.":  {"7:00", "23:00"},
		"In bed by midnight, awake at eight.":                                 {"8:00", "24:00"},
		"Goes to sleep at 1:30 am and gets up at 9.":                          {"9:00", "25:30"},
		"I rise at quarter to six. I go to bed at half past nine at night.":   {"5:45", "21:30"},
		"Works for 8 hours, reads two books a week, wakes between 6 and 7.":   {"6:00", ""},
		"I wake up whenever I like, about 2 hours after the cat.":             {"", ""},
		"Breakfast at 7, lunch at noon, to bed at 12.":                        {"", "24:00"},
		"Gets out of bed at 5:45 am, has tea, and turns in at 9:15 pm.":       {"5:45", "21:15"},
		"I wake up at 05.50 and my bedtime is at 21.15, most days.":           {"5:50", "21:15"},
		"Sleeps until ten, stays awake with her sewing, asleep by 2 am.":      {"10:00", "26:00"},
		"Three dogs, two cats and one alarm clock at six: that gets me up.":   {"", ""},
		"I get up at six o'clock sharp, without fail, and am in bed at 10 pm": {"6:00", "22:00"},
	}
	for text, want := range tests {
		wake, bedtime := sleepTimes(text)
		require.Equal(t, seconds(want.wake), wake, text)
		require.Equal(t, seconds(want.bed), bedtime, text)
	}
}

func TestRequirements(t *testing.T) {
	tests := map[string]struct {
		kind     activity.Kind
		from, to string
	}{
		"meditate at 6:30 for 20 minutes":             {activity.Meditation, "6:30", "6:50"},
		"video call with the team from 9 to 10":       {activity.Meeting, "9:00", "10:00"},
		"work from 9 to 12:30":                        {activity.Work, "9:00", "12:30"},
		"write between 2 and 4 pm":                    {activity.Writing, "14:00", "16:00"},
		"study Italian at 2:00 pm for an hour":        {activity.Study, "14:00", "15:00"},
		"lunch from 11:45 am until 12:30":             {activity.Lunch, "11:45", "12:30"},
		"work in the garden at 3 for half an hour":    {activity.Gardening, "15:00", "15:30"},
		"dinner at seven":                             {activity.Dinner, "19:00", "19:45"},
		"yoga 17:30-18:15":                            {activity.Yoga, "17:30", "18:15"},
		"read from 21:45 until bed":                   {activity.Reading, "21:45", "22:30"},
		"bath and wind down from 21:30":               {activity.WindDown, "21:30", "22:30"},
		"a 20-minute walk in the late afternoon":      {activity.Exercise, "16:30", "16:50"},
		"practise the cello for an hour and a half":   {activity.Music, "17:00", "18:30"},
		"clean the kitchen after dinner":              {activity.Housework, "19:45", "20:25"},
		"write in my diary for 15 minutes before bed": {activity.Journaling, "22:15", "22:30"},
		"cook dinner at 18:00":                        {activity.Cooking, "18:00", "18:40"},
		"play the piano at noon for 30 min":           {activity.Music, "12:00", "12:30"},
		"homework with the children from 5 to 6 pm":   {activity.FamilyCare, "17:00", "18:00"},
		"lunch break at 12:30pm":                      {activity.Lunch, "12:30", "13:10"},
		"dinner at 7:15PM":                            {activity.Dinner, "19:15", "20:00"},
		"reading poems, 8pm":                          {activity.Reading, "20:00", "20:45"},
	}
	r := rhythm{wake: seconds("6:00"), bed: seconds("22:30")}
	for text, want := range tests {
		a, ok := r.requirement(text)
		require.True(t, ok, text)
		require.Equal(t, want.kind, a.kind, text)
		require.Equal(t, seconds(want.from), a.from, text)
		require.Equal(t, seconds(want.to), a.to, text)
	}
	for _, text := range []string{"wake up at 6:30", "in bed by 22:30"} {
		_, ok := r.requirement(text)
		require.False(t, ok, text)
	}
}

func seconds(clock string) int {
	if clock == "" {
		return -1
	}
	n := 0
	part := 0
	for _, c := range clock + ":" {
		if c == ':' {
			n, part = n*60+part, 0
			continue
		}
		part = part*10 + int(c-'0')
	}
	return n * 60
}

func FuzzLife(f *testing.F) {
	f.Add("I get up at 6:30 and go to bed at 22:30.", "meditate at 7", "work from 22:00 to 6:00", uint64(1))
	f.Add("up at noon, in bed by 4 am", "dinner at 3", "read until bed", uint64(2))
	f.Add("", "half past", "12-12", uint64(3))
	home, err := worlds.Get("home")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, lifestyle, one, two string, seed uint64) {
		p := &simv1.Persona{Name: "X", Age: 30, Lifestyle: lifestyle, DailyPlanRequirements: []string{one, two, one + " " + two}, CurrentInterests: []string{two}}
		plans, err := New(p, home, &simv1.Settings{Seed: seed, StepSeconds: 150, Days: 3})
		require.NoError(t, err)
		for number := int32(1); number <= 3; number++ {
			require.NoError(t, Check(plans.Day(number), home))
		}
		for step := int32(0); step < 3*576; step += 7 {
			action, _ := plans.At(step)
			require.LessOrEqual(t, len(action.GetDescription()), 2048)
		}
	})
}

func TestDescriptionsCoverEveryKind(t *testing.T) {
	total := 0
	for _, kind := range activity.Kinds() {
		switch kind {
		case activity.Sleep, activity.Walking, activity.Private:
			continue
		}
		require.GreaterOrEqual(t, len(descriptions[kind]), 8, kind)
		seen := map[string]bool{}
		for _, text := range descriptions[kind] {
			require.False(t, seen[text], "%s: %q is there twice", kind, text)
			seen[text] = true
		}
		total += len(seen)
	}
	require.Greater(t, total, 350)
}
