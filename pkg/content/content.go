// Package content is the vocabulary of what an assistant may say: topics and
// tones, shared by rubrics, judges and assistants.
package content

// Topic is a subject of a recommendation.
type Topic struct {
	// ID is stable in personas, adapters and journals.
	ID string
	// Group is the family it belongs to.
	Group Group
	// Words are lower-case words and phrases by which prose means this topic.
	Words []string
}

// Group is a family of topics.
type Group string

// The groups.
const (
	Food      Group = "food"
	Body      Group = "body"
	Mind      Group = "mind"
	Work      Group = "work"
	Learning  Group = "learning"
	Home      Group = "home"
	Nature    Group = "nature"
	Arts      Group = "arts"
	Media     Group = "media"
	Social    Group = "social"
	Money     Group = "money"
	Community Group = "community"
)

// Tone is a manner of speaking.
type Tone string

// The tones.
const (
	Warm        Tone = "warm"
	Playful     Tone = "playful"
	Direct      Tone = "direct"
	Formal      Tone = "formal"
	Calm        Tone = "calm"
	Encouraging Tone = "encouraging"
)

// Tones returns every tone in a fixed order; the order is part of the policy's
// version.
func Tones() []Tone { return []Tone{Warm, Playful, Direct, Formal, Calm, Encouraging} }

// Topics returns every topic in a fixed order; the order is part of the
// policy's version.
func Topics() []Topic { return topics }

// TopicIndex returns the position of a topic in Topics, or -1.
func TopicIndex(id string) int {
	if i, ok := topicIndex[id]; ok {
		return i
	}
	return -1
}

// ToneIndex returns the position of a tone in Tones, or -1.
func ToneIndex(t Tone) int {
	for i, other := range Tones() {
		if other == t {
			return i
		}
	}
	return -1
}

var topicIndex = func() map[string]int {
	m := make(map[string]int, len(topics))
	for i, t := range topics {
		m[t.ID] = i
	}
	return m
}()
