package policy

import (
	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
)

const (
	// FeatureVersion is the version of the layout below; pairs and adapters of
	// another one are refused. It changes whenever a name, an index or the
	// meaning of a value does.
	FeatureVersion = 1
	// Name is the kind and version of the policy in manifests and weight files.
	Name = "log-linear/1"
)

// What each feature is worth when it is active. The optimizer moves every weight
// by about the same amount, so a block's value is its speed of learning: a
// small bias leaves it to the specific features to explain when to be silent,
// and moments of a kind not met yet keep the talkativeness of the base policy.
const (
	biasValue          = 0.3
	contentBiasValue   = 1
	clockValue         = 1
	daypartValue       = 0.5
	kindValue          = 1
	elapsedValue       = 0.5
	endedValue         = 1
	sinceGivenValue    = 1.5
	givenTodayValue    = 1
	givenDaypartValue  = 1
	givenActivityValue = 1
	similarValue       = 0.5
	recentScoreValue   = 1
	topicScoreValue    = 1
)

// Block is a range of features that share a meaning.
type Block struct {
	// Name of the block.
	Name string
	// From and To bound its indices: [From, To).
	From, To int
	// Gate: the block bears on whether to speak.
	Gate bool
	// Topic: the block bears on what about.
	Topic bool
	// Tone: the block bears on how.
	Tone bool
	// Meaning of an active feature, for people.
	Meaning string
}

var (
	topicCount = len(content.Topics())
	toneCount  = len(content.Tones())
	kindCount  = len(activity.Kinds())
)

const clockBins = 48 // knots every half hour

// daypartStarts are the first minutes of the parts of the day; people's
// conditional wishes ("before nine", "after 21") fall on such borders.
var daypartStarts = []float64{0, 6 * 60, 9 * 60, 12 * 60, 14 * 60, 18 * 60, 21 * 60}

// Upper bounds, in minutes, of the buckets of elapsed time; a last bucket takes
// the rest.
var (
	elapsedBounds    = []float64{5, 15, 30, 60}
	sinceGivenBounds = []float64{5, 15, 30, 60, 120, 240}
)

// recentScoreBounds are upper bounds of the mean recent score, 0-4.
var recentScoreBounds = []float64{1.5, 2.5, 3.2}

const (
	maxGivenToday   = 6 // and more
	maxGivenDaypart = 2 // and more
)

// The blocks, in order of their indices.
var (
	blocks        []Block
	bias          = block("bias", 1, "always", "g")
	contentBias   = block("content-bias", 1, "always", "ts")
	clock         = block("clock", clockBins, "time of day, by linear interpolation between the two neighbouring half hours", "g")
	dayparts      = block("daypart", len(daypartStarts), "part of the day: from 0, 6, 9, 12, 14, 18 and 21 hours", "gt")
	kind          = block("kind", kindCount, "kind of the present activity, in the order of activity.Kinds", "gt")
	elapsed       = block("elapsed", len(elapsedBounds)+1, "minutes into the present activity: below 5, 15, 30, 60, more", "g")
	ended         = block("ended", kindCount, "kind of an activity that ended up to 30 minutes ago today, fading to nothing at 60", "g")
	sinceGiven    = block("since-given", len(sinceGivenBounds)+2, "minutes since the last recommendation: none today, below 5, 15, 30, 60, 120, 240, more", "g")
	givenToday    = block("given-today", maxGivenToday+1, "recommendations today: 0 to 5, 6 and more", "g")
	givenDaypart  = block("given-daypart", len(daypartStarts)*(maxGivenDaypart+1), "part of the day with the recommendations in it: 0, 1, 2 and more", "g")
	givenActivity = block("given-activity", 2, "recommendations during the present activity: 0, 1 and more", "g")
	similar       = block("similar", 2, "share of similar past moments at which something was said, and at which nothing was", "g")
	recentScore   = block("recent-score", len(recentScoreBounds)+1, "mean score of the latest recommendations: below 1.5, 2.5, 3.2, more", "g")
	topicScore    = block("topic-score", topicCount, "mean score of a topic today, from -1 (0 points) to 1 (4 points)", "t")
	featureCount  = topicScore.To
)

// block appends the next block; use holds g, t and s for gate, topic and tone.
func block(name string, size int, meaning, use string) Block {
	b := Block{Name: name, Meaning: meaning}
	if len(blocks) > 0 {
		b.From = blocks[len(blocks)-1].To
	}
	b.To = b.From + size
	for _, c := range use {
		switch c {
		case 'g':
			b.Gate = true
		case 't':
			b.Topic = true
		case 's':
			b.Tone = true
		}
	}
	blocks = append(blocks, b)
	return b
}

// uses says for each feature what it bears on.
var uses = func() []Block {
	out := make([]Block, featureCount)
	for _, b := range blocks {
		for i := b.From; i < b.To; i++ {
			out[i] = b
		}
	}
	return out
}()

// Layout returns the blocks of FeatureVersion in order of their indices.
func Layout() []Block { return append([]Block(nil), blocks...) }

// FeatureCount returns the number of features.
func FeatureCount() int { return featureCount }

// Daypart returns the part of the day that a minute of the day falls in, as a
// position in the layout's daypart block.
func Daypart(minuteOfDay float64) int { return bucket(daypartStarts[1:], minuteOfDay) }

// bucket returns the position of the first bound above x.
func bucket(bounds []float64, x float64) int {
	for i, b := range bounds {
		if x < b {
			return i
		}
	}
	return len(bounds)
}
