package planner

import (
	"strings"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
)

// bed is what prose says of going to sleep; it is no waking activity.
const bed = activity.Sleep

// keywords are the words by which prose means an activity, in the order of
// vocabulary/keywords.txt.
var keywords = vocabulary("keywords")

// phraseKind is a phrase in words with its kind.
type phraseKind struct {
	words []string
	kind  activity.Kind
}

var byFirstLetter = func() map[byte][]phraseKind {
	m := map[byte][]phraseKind{}
	for _, entry := range keywords {
		words := content.Split(entry.phrase)
		m[words[0][0]] = append(m[words[0][0]], phraseKind{words, entry.kind})
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
