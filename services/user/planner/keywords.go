package planner

import (
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
)

// bed is what prose says of going to sleep; it is no waking activity.
const bed = activity.Sleep

// keywords are the words by which prose means an activity. A word matches any
// ending of itself ("read": reads, reading); a longer phrase beats a shorter
// one, and of equals the one named first.
var keywords = []struct {
	kind    activity.Kind
	phrases []string
}{
	{activity.WakeUp, []string{"wake", "awake", "get up", "gets up", "getting up", "got up", "rise", "am up", "is up", "up by", "up at", "out of bed", "sleep until", "sleeps until", "sleep in until", "woke"}},
	{bed, []string{"stay up", "stays up", "staying up", "to bed", "in bed", "bedtime", "go to sleep", "goes to sleep", "asleep by", "asleep at", "sleep at", "sleeps at", "sleep by", "lights out", "turn in", "turns in", "retire for the night"}},
	{activity.Breakfast, []string{"breakfast"}},
	{activity.Lunch, []string{"lunch", "midday meal"}},
	{activity.Dinner, []string{"dinner", "supper", "evening meal"}},
	{activity.Snack, []string{"tea", "coffee", "snack", "coffee break", "tea break", "espresso"}},
	{activity.Cooking, []string{"cook", "cook breakfast", "cook lunch", "cook dinner", "cook supper", "prepare dinner", "prepare lunch", "prepare supper", "make dinner", "make lunch", "make supper", "bake", "bake bread", "meal prep", "prepare a meal", "recipe", "new recipe", "cooking class", "baking class", "homemade meal", "meal preparation"}},
	{activity.Meeting, []string{"meeting", "video call", "conference call", "client call", "team call", "stand-up", "standup", "office hours", "client meeting", "work meeting", "seminar meeting", "meeting by video", "teach", "tutor", "lesson with"}},
	{activity.Gardening, []string{"garden", "work in the garden", "tend", "water the plants", "weed", "vegetable", "greenhouse", "prune", "compost", "allotment", "plants", "houseplant", "indoor plants", "herb garden", "bonsai", "orchids", "terrarium"}},
	{activity.Repair, []string{"repair", "fix", "mend machines", "maintenance", "tinker", "work in the workshop", "workshop"}},
	{activity.Craft, []string{"sew", "knit", "craft", "quilt", "crochet", "embroider", "pottery", "woodwork", "carve", "weave", "model building", "carpentry", "sew at the table", "pottery class", "pottery course", "sewing class", "origami", "scrapbook", "jewelry making", "jewellery making", "leatherwork", "ceramics"}},
	{activity.Art, []string{"paint", "draw", "sketch", "illustrat", "watercolour", "watercolor", "photograph", "edit photos", "sculpt", "art class", "painting class", "drawing class", "photography course", "calligraphy class", "practise calligraphy", "practice calligraphy", "digital art"}},
	{activity.Music, []string{"practise the", "practice the", "practise sing", "practice sing", "practise sax", "practise scales", "piano", "guitar", "violin", "cello", "sing", "play music", "drum", "accordion", "flute", "rehears", "play the", "guitar lesson", "piano lesson", "music lesson", "singing lesson", "violin lesson", "play ukulele", "saxophone", "trumpet", "clarinet", "harp", "harmonica", "keyboard practice", "choir practice"}},
	{activity.Listening, []string{"listen", "radio", "podcast", "audiobook", "play records", "listen to the news", "playlist", "audio book", "vinyl", "classical music", "music album"}},
	{activity.Gaming, []string{"video game", "play games", "gaming", "board game", "chess", "play cards", "play video games", "puzzle", "crossword", "card game", "jigsaw", "sudoku", "game console", "online game", "mahjong", "solitaire"}},
	{activity.Screen, []string{"film", "movie", "series", "television", "tv", "watch a", "watch the match", "watch an episode", "documentar", "soap opera", "youtube", "tv show", "reality tv", "sitcom", "netflix", "streaming show", "anime", "binge", "scroll", "social media", "cartoons", "k-drama"}},
	{activity.News, []string{"news", "newspaper", "headlines", "watch the news", "read the news", "read the newspaper", "read the paper", "listen to the headlines", "morning news", "evening news", "current events"}},
	{activity.Phone, []string{"call", "phone", "telephone", "ring", "video chat", "call a friend", "call my", "phone my", "chat", "chat with", "catch up with", "text friends", "talk with friends", "video chat with"}},
	{activity.Hosting, []string{"host", "guests", "invite", "have friends over", "friends over", "visitors", "entertain", "gathering", "dinner party", "game night with", "host a small", "get-together"}},
	{activity.FamilyCare, []string{"children", "kids", "grandchild", "grandson", "granddaughter", "homework with", "bedtime story", "look after", "care for", "play with my", "play with the children", "time with my", "help my mother", "help my father", "my mother's"}},
	{activity.PetCare, []string{"dog", "cat", "feed the dog", "feed the cat", "walk the dog", "pet", "hens", "rabbit", "aquarium", "birds", "feed the"}},
	{activity.Meditation, []string{"meditat", "breathing", "mindful", "sit in silence", "breathwork", "deep breaths"}},
	{activity.Prayer, []string{"pray", "prayer", "scripture", "rosary", "bible", "devotion", "psalm", "mantra"}},
	{activity.Yoga, []string{"yoga", "tai chi", "qigong", "pilates", "sun salutation", "yoga class", "pilates class", "barre"}},
	{activity.Exercise, []string{"exercise", "workout", "work out", "stretch", "run", "jog", "train", "gymnastics", "weights", "push-up", "dance practice", "practise danc", "practise steps", "swim", "cycle", "physiotherapy", "take a walk", "walk", "spin", "spinning", "spin class", "zumba", "aerobics", "gym", "hiit", "crossfit", "boxing", "kickbox", "martial arts", "karate", "judo", "play tennis", "tennis practice", "play badminton", "play basketball", "shoot hoops", "hike", "hiking", "treadmill", "rowing machine", "stationary bike", "bike", "bicycle", "skate", "climbing", "ballet", "dance class", "fitness", "fitness class", "strength training", "sports practice"}},
	{activity.Journaling, []string{"journal", "diary", "write letters", "write a letter", "gratitude list", "write in my diary", "write in my journal", "reflect on the day", "gratitude journal", "bullet journal"}},
	{activity.Planning, []string{"plan the", "plan my", "plan tomorrow", "budget", "to-do", "household accounts", "accounts", "calendar", "review the day", "plan", "to-do list", "organize tasks", "organise tasks", "organize my tasks", "meal plan", "plan meals"}},
	{activity.Study, []string{"study", "studies", "learn", "lecture", "course", "revise", "homework", "research", "practise spanish", "vocabulary", "class", "seminar", "online course", "language app", "tutorial", "webinar", "duolingo"}},
	{activity.Writing, []string{"write", "writing", "draft", "novel chapter", "poem", "blog", "compose"}},
	{activity.Reading, []string{"read", "book", "novel"}},
	{activity.Housework, []string{"clean", "tidy", "housework", "dishes", "vacuum", "dust", "chores", "sweep", "wash up", "clear up", "household", "organize", "organise", "declutter", "rearrange", "redecorate", "decorate", "home decor", "organize the", "put away"}},
	{activity.Laundry, []string{"laundry", "iron", "ironing", "wash the clothes", "fold clothes"}},
	{activity.Hygiene, []string{"shower", "bath", "wash", "brush", "skincare"}},
	{activity.Dressing, []string{"dress", "get ready", "make-up", "makeup"}},
	{activity.WindDown, []string{"wind down", "winding down", "unwind", "evening routine", "bedtime routine", "skincare and bed"}},
	{activity.Relaxing, []string{"relax", "rest", "nap", "siesta", "sit on", "sit in", "do nothing", "lie down", "chair"}},
	{activity.Work, []string{"work", "desk", "emails", "email", "invoices", "job", "code", "coding", "shift", "clients", "office", "freelance", "orders", "work on my", "work at my desk", "work from home", "online shop", "freelance project", "client work", "work tasks", "spreadsheets", "reports for work"}},
}

// phraseKind is a phrase in words with its kind.
type phraseKind struct {
	words []string
	kind  activity.Kind
}

var byFirstLetter = func() map[byte][]phraseKind {
	m := map[byte][]phraseKind{}
	for _, entry := range keywords {
		for _, phrase := range entry.phrases {
			words := content.Split(phrase)
			m[words[0][0]] = append(m[words[0][0]], phraseKind{words, entry.kind})
		}
	}
	return m
}()

// kindMatch is an activity named in a text.
type kindMatch struct {
	kind  activity.Kind
	word  int // position of its first word
	words int
}

// kindsIn finds the activities that a text names, in order.
func kindsIn(text string) []kindMatch {
	words := content.Split(text)
	var out []kindMatch
	for i := 0; i < len(words); {
		best := kindMatch{}
		letters := 0
		for _, p := range byFirstLetter[words[i][0]] {
			if n := p.matches(words[i:]); n > 0 && n > letters {
				best, letters = kindMatch{p.kind, i, len(p.words)}, n
			}
		}
		if best.words == 0 {
			i++
			continue
		}
		out = append(out, best)
		i += best.words
	}
	return out
}

var endings = map[string]bool{
	"": true, "s": true, "es": true, "ing": true, "ed": true, "d": true, "e": true, "er": true, "ion": true, "ions": true, "ning": true,
	"ting": true, "ies": true, "ry": true, "ping": true, "ming": true, "ring": true, "sal": true, "ional": true, "n": true, "y": true,
	"ate": true, "ating": true, "es'": true, "'s": true, "es.": true, "en": true, "ful": true, "fulness": true, "ery": true, "raphy": true, "y's": true,
}

// matches returns the number of letters matched at the beginning of words, 0
// for none. The last word of a phrase may take an ending.
func (p phraseKind) matches(words []string) int {
	if len(words) < len(p.words) {
		return 0
	}
	letters := 0
	for i, want := range p.words {
		rest, ok := strings.CutPrefix(words[i], want)
		last := i == len(p.words)-1
		if !ok || (!last && !inflected[rest]) || (last && !endings[rest]) || len(want) <= 3 && rest != "" && !inflected[rest] {
			return 0
		}
		letters += len(want)
	}
	return letters + 20*(len(p.words)-1)
}

var inflected = map[string]bool{"": true, "s": true, "es": true, "ing": true, "ning": true}

// kindOf returns the activity that a requirement means: the longest phrase in
// it, the first of equals; false where no word says any. "Unwind" means it only
// where nothing says by what.
func kindOf(text string) (activity.Kind, bool) {
	best := kindMatch{}
	for _, m := range kindsIn(text) {
		if m.words > best.words || m.words == best.words && best.kind == activity.WindDown && m.kind != bed {
			best = m
		}
	}
	return best.kind, best.words > 0
}

// topicKinds are the activities by which an interest in a topic is followed.
var topicKinds = map[string]activity.Kind{
	"recipes": activity.Cooking, "baking": activity.Cooking, "healthy-eating": activity.Cooking, "tea-coffee": activity.Snack,
	"wine": activity.Hosting, "meal-planning": activity.Planning, "stretching": activity.Exercise, "workout": activity.Exercise,
	"yoga-practice": activity.Yoga, "outdoor-walks": activity.Exercise, "mindfulness": activity.Meditation,
	"gratitude": activity.Journaling, "journal-prompts": activity.Journaling, "stress-relief": activity.Relaxing,
	"philosophy": activity.Reading, "puzzles": activity.Gaming, "task-planning": activity.Planning, "writing-craft": activity.Writing,
	"coding": activity.Study, "career": activity.Study, "presentation": activity.Study, "small-business": activity.Planning,
	"languages": activity.Study, "science": activity.Study, "history": activity.Reading, "technology": activity.Study,
	"astronomy": activity.Reading, "online-courses": activity.Study, "facts": activity.Reading, "tidying": activity.Housework,
	"home-repair": activity.Repair, "interior": activity.Housework, "laundry-care": activity.Laundry, "smart-home": activity.Repair,
	"pets": activity.PetCare, "plant-care": activity.Gardening, "gardening": activity.Gardening, "birdwatching": activity.Relaxing,
	"weather": activity.News, "sustainability": activity.Reading, "music-listening": activity.Listening,
	"music-practice": activity.Music, "painting": activity.Art, "photography": activity.Art, "crafts": activity.Craft,
	"dance": activity.Exercise, "museums": activity.Reading, "books": activity.Reading, "films": activity.Screen,
	"series": activity.Screen, "podcasts": activity.Listening, "games": activity.Gaming, "news-digest": activity.News,
	"sports": activity.Screen, "friends": activity.Phone, "family": activity.FamilyCare, "hosting-ideas": activity.Hosting,
	"humour": activity.Screen, "gifts": activity.Craft, "budgeting": activity.Planning, "investing": activity.Planning,
	"shopping": activity.Planning, "travel": activity.Reading, "volunteering": activity.Phone, "local-events": activity.News,
	"faith": activity.Prayer,
}

// interestKind returns the activity by which an interest is followed at home;
// false if no word names one.
func interestKind(interest string) (activity.Kind, bool) {
	kind, ok := kindOf(interest)
	switch kind {
	case activity.Work, bed, activity.WakeUp, activity.Meeting:
		ok = false
	case activity.Breakfast, activity.Lunch, activity.Dinner:
		return activity.Cooking, true
	}
	if !ok {
		kind, ok = topicKinds[content.Classify(interest)]
	}
	return kind, ok
}
