package policy

import (
	"math"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
)

// The base policy: an assistant that was told nothing and has learned nothing.
// It talks at nearly every step, as the untrained model of the paper does
// (about 24 recommendations an hour), about what goes with the present activity.
const (
	// baseSpeak is its probability of speaking.
	baseSpeak = 0.96
	// baseAffinity is the advantage, in nats, of a topic that goes with the
	// present activity.
	baseAffinity = 1.2
	// baseTopicScore is the advantage, in nats, of a topic that scored 4 over
	// one that scored 2: what reading scores does to an untrained model.
	baseTopicScore = 1.5
)

// baseRecentScore is the change of the gate, in nats, by the mean score of the
// latest recommendations (the buckets of recentScoreBounds): whoever reads that
// nothing pleased speaks less.
var baseRecentScore = [...]float64{-2.2, -1.2, 0, 0.3}

// affinities name the topics that go with an activity, in anybody's home.
var affinities = map[activity.Kind][]string{
	activity.WakeUp:     {"hydration", "stretching", "weather", "gratitude", "task-planning"},
	activity.Hygiene:    {"podcasts", "music-listening", "weather"},
	activity.Dressing:   {"weather", "laundry-care", "shopping"},
	activity.Breakfast:  {"tea-coffee", "news-digest", "weather", "healthy-eating", "task-planning"},
	activity.Lunch:      {"healthy-eating", "recipes", "podcasts", "outdoor-walks"},
	activity.Dinner:     {"wine", "recipes", "music-listening", "family"},
	activity.Snack:      {"tea-coffee", "baking", "facts", "humour"},
	activity.Cooking:    {"recipes", "baking", "meal-planning", "music-listening", "podcasts"},
	activity.Work:       {"focus", "task-planning", "eye-rest", "stretching", "career", "coding"},
	activity.Meeting:    {"presentation", "career"},
	activity.Study:      {"focus", "online-courses", "languages", "eye-rest", "science"},
	activity.Planning:   {"task-planning", "budgeting", "meal-planning", "travel"},
	activity.Journaling: {"journal-prompts", "gratitude", "writing-craft"},
	activity.Meditation: {"mindfulness", "stress-relief"},
	activity.Prayer:     {"faith", "gratitude"},
	activity.Exercise:   {"workout", "stretching", "hydration", "music-listening"},
	activity.Yoga:       {"yoga-practice", "stretching", "mindfulness"},
	activity.Housework:  {"tidying", "podcasts", "music-listening", "smart-home"},
	activity.Laundry:    {"laundry-care", "podcasts", "tidying"},
	activity.Repair:     {"home-repair", "sustainability"},
	activity.Gardening:  {"gardening", "plant-care", "birdwatching", "weather"},
	activity.PetCare:    {"pets", "outdoor-walks"},
	activity.FamilyCare: {"family", "games", "crafts", "local-events"},
	activity.Reading:    {"books", "history", "philosophy", "tea-coffee"},
	activity.Writing:    {"writing-craft", "focus", "books"},
	activity.Music:      {"music-practice", "music-listening"},
	activity.Listening:  {"music-listening", "podcasts"},
	activity.Art:        {"painting", "museums", "photography"},
	activity.Craft:      {"crafts", "home-repair", "gifts"},
	activity.Gaming:     {"games", "eye-rest", "technology"},
	activity.Screen:     {"films", "series", "eye-rest", "sports"},
	activity.News:       {"news-digest", "investing", "sports", "sustainability"},
	activity.Phone:      {"friends", "family", "gifts"},
	activity.Hosting:    {"hosting-ideas", "wine", "games", "music-listening"},
	activity.Relaxing:   {"films", "books", "stress-relief", "puzzles", "music-listening"},
	activity.WindDown:   {"sleep-habits", "books", "gratitude", "stress-relief", "astronomy"},
	activity.Walking:    {"stretching", "hydration"},
	activity.Private:    {"podcasts", "music-listening"},
}

// baseWeights is never written to.
var baseWeights = func() tensors[float32] {
	w := newTensors[float32]()
	w.gate[bias.From] = float32(math.Log(baseSpeak/(1-baseSpeak)) / bias.Gate)
	for i, x := range baseRecentScore {
		w.gate[recentScore.From+i] = float32(x / recentScore.Gate)
	}
	for i, k := range activity.Kinds() {
		for _, id := range affinities[k] {
			w.topic[(topicKind.From+i)*topicCount+content.TopicIndex(id)] = float32(baseAffinity / topicKind.Topic)
		}
	}
	for t := range topicCount {
		w.topic[(topicScore.From+t)*topicCount+t] = float32(baseTopicScore / topicScore.Topic)
	}
	return w
}()
