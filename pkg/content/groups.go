package content

// Groups returns every group in a fixed order.
func Groups() []Group {
	return []Group{Food, Body, Mind, Work, Learning, Home, Nature, Arts, Media, Social, Money, Community}
}

// OfGroup returns the ids of a group's topics, in the order of Topics; none for
// an unknown group.
func OfGroup(g Group) []string {
	var out []string
	for _, t := range topics {
		if t.Group == g {
			out = append(out, t.ID)
		}
	}
	return out
}

// Health returns the topics that speak of body, diet and medicine: what the
// boundary "no health advice" closes.
func Health() []string { return append(OfGroup(Body), "healthy-eating", "stress-relief") }

// Private returns the topics that touch family, love and faith: what the
// boundary "no private matters" closes.
func Private() []string { return []string{"family", "relationships", "faith"} }

// MoneyMatters returns the topics of spending and earning: what the boundary
// "no money" closes.
func MoneyMatters() []string { return OfGroup(Money) }

// Family is a name by which prose means many topics at once.
type Family struct {
	// Names are lower-case words and phrases.
	Names []string
	// Topics are what they mean.
	Topics []string
}

// Families returns the names that mean many topics at once. None of them is
// also a word of a single topic.
func Families() []Family { return families }

func join(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

var families = []Family{
	{[]string{"food", "anything edible", "kitchen matters", "culinary matters", "food and drink"}, OfGroup(Food)},
	{[]string{"drinks"}, []string{"tea-coffee", "wine"}},
	{[]string{"health", "wellness", "wellbeing", "well being", "health advice", "health tips", "health matters", "medical matters", "medical advice", "medicine", "healthy living", "healthy habits", "my health", "my body"}, Health()},
	{[]string{"self care", "inner life", "mental health", "mental wellbeing"}, OfGroup(Mind)},
	{[]string{"outdoor activities", "being active", "physical activity", "movement", "moving more"}, []string{"stretching", "workout", "yoga-practice", "outdoor-walks"}},
	{[]string{"work", "work matters", "my job", "my work", "job", "business", "work related things", "work tips"}, OfGroup(Work)},
	{[]string{"organisation", "organization", "getting organised", "getting organized"}, []string{"task-planning", "tidying", "meal-planning"}},
	{[]string{"learning", "knowledge", "learning something new", "education", "intellectual topics"}, OfGroup(Learning)},
	{[]string{"home", "the house", "household", "household matters", "home life"}, OfGroup(Home)},
	{[]string{"nature", "the natural world", "the outdoors", "outdoors"}, join(OfGroup(Nature), []string{"outdoor-walks"})},
	{[]string{"animals"}, []string{"pets", "birdwatching"}},
	{[]string{"art", "the arts", "arts", "creative ideas", "creative projects", "creativity", "creative work", "artistic ideas", "creative"}, OfGroup(Arts)},
	{[]string{"culture", "cultural things", "cultural tips"}, []string{"music-listening", "museums", "books", "films", "local-events", "history"}},
	{[]string{"media", "entertainment"}, OfGroup(Media)},
	{[]string{"reading"}, []string{"books"}},
	{[]string{"social ideas", "social things", "social matters", "socialising", "socializing"}, OfGroup(Social)},
	{[]string{"private matters", "personal matters", "private life", "my private life", "personal life"}, Private()},
	{[]string{"money", "money matters", "spending", "buying things", "financial matters", "financial advice", "money tips", "things to buy"}, MoneyMatters()},
	{[]string{"community", "neighbourhood", "neighborhood"}, OfGroup(Community)},
	{[]string{"religion", "religious matters"}, []string{"faith"}},
}
