package activity

// typicalStart is when activities begin on a typical day, in minutes after
// midnight.
var typicalStart = map[Kind]int{
	WakeUp: 420, Hygiene: 430, Dressing: 440, Meditation: 435, Prayer: 435, Yoga: 450, Breakfast: 465, News: 510, PetCare: 510,
	Planning: 540, Work: 570, Study: 600, Writing: 600, Housework: 630, Laundry: 660, Lunch: 750, Relaxing: 840, Meeting: 840,
	Repair: 870, Snack: 930, Gardening: 960, Exercise: 1020, Music: 1020, FamilyCare: 1050, Cooking: 1080, Dinner: 1125, Phone: 1170,
	Hosting: 1170, Listening: 1185, Screen: 1215, Gaming: 1230, Reading: 1230, Journaling: 1260, WindDown: 1335,
}

// TypicalStart returns when a kind begins on a typical day, awake from 7:00 to
// 23:00, in minutes after midnight: for estimates before anybody has lived a day.
// Kinds without a time of their own begin at 15:00.
func TypicalStart(k Kind) int {
	if minute, ok := typicalStart[k]; ok {
		return minute
	}
	return 15 * 60
}
