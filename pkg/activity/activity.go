// Package activity is the vocabulary of what people do at home: the kinds that
// worlds afford, planners plan, rubrics refer to and assistants see.
package activity

// Kind names an activity. Kinds are stable identifiers in personas, worlds and
// journals.
type Kind string

// The kinds. Private is what an assistant sees of anything out of its sight.
const (
	Sleep      Kind = "sleep"
	WakeUp     Kind = "wake_up" // getting up, the first minutes of a day
	Hygiene    Kind = "hygiene"
	Dressing   Kind = "dressing"
	Breakfast  Kind = "breakfast"
	Lunch      Kind = "lunch"
	Dinner     Kind = "dinner"
	Snack      Kind = "snack" // coffee, tea, something small
	Cooking    Kind = "cooking"
	Work       Kind = "work" // paid work at a desk or bench
	Meeting    Kind = "meeting"
	Study      Kind = "study"
	Planning   Kind = "planning"   // calendar, budget, lists
	Journaling Kind = "journaling" // diary, letters
	Meditation Kind = "meditation"
	Prayer     Kind = "prayer"
	Exercise   Kind = "exercise"
	Yoga       Kind = "yoga"
	Housework  Kind = "housework"
	Laundry    Kind = "laundry"
	Repair     Kind = "repair"
	Gardening  Kind = "gardening"
	PetCare    Kind = "pet_care"
	FamilyCare Kind = "family_care" // children, parents, partner
	Reading    Kind = "reading"
	Writing    Kind = "writing"
	Music      Kind = "music" // playing or practising
	Listening  Kind = "listening"
	Art        Kind = "art"
	Craft      Kind = "craft"
	Gaming     Kind = "gaming"
	Screen     Kind = "screen" // films and series
	News       Kind = "news"
	Phone      Kind = "phone"   // a call with somebody
	Hosting    Kind = "hosting" // guests at home
	Relaxing   Kind = "relaxing"
	WindDown   Kind = "wind_down" // the last hour before bed
	Walking    Kind = "walking"   // between rooms
	Private    Kind = "private"
)

// Kinds returns every kind in a fixed order; the order is part of the policy's
// feature version.
func Kinds() []Kind {
	return []Kind{
		Sleep, WakeUp, Hygiene, Dressing, Breakfast, Lunch, Dinner, Snack, Cooking, Work, Meeting, Study,
		Planning, Journaling, Meditation, Prayer, Exercise, Yoga, Housework, Laundry, Repair, Gardening,
		PetCare, FamilyCare, Reading, Writing, Music, Listening, Art, Craft, Gaming, Screen, News, Phone,
		Hosting, Relaxing, WindDown, Walking, Private,
	}
}

// Valid reports whether k is one of Kinds.
func Valid(k Kind) bool {
	_, ok := index[k]
	return ok
}

// Index returns the position of k in Kinds, or -1.
func Index(k Kind) int {
	if i, ok := index[k]; ok {
		return i
	}
	return -1
}

var index = func() map[Kind]int {
	m := make(map[Kind]int)
	for i, k := range Kinds() {
		m[k] = i
	}
	return m
}()
