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

// Block is a range of features that share a meaning. A feature's value (1 when
// active, a share when interpolated) enters each of the three scores times the
// block's scale for it; 0 means that the block does not bear on it.
//
// The optimizer moves every weight by about the same amount, so a scale is a
// speed of learning. A small one for the bias leaves it to the specific features
// to explain when to be silent, and moments of a kind not met yet keep the
// talkativeness of the base policy. For the same reason what did not happen
// (nothing said for long, nothing today) has no feature of its own.
type Block struct {
	// Name of the block.
	Name string
	// From and To bound its indices: [From, To).
	From, To int
	// Gate, Topic and Tone are the scales for whether to speak, about what, and
	// how.
	Gate, Topic, Tone float64
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
	sinceGivenBounds = []float64{5, 15, 30, 60, 90, 120, 180, 240}
)

// recentScoreBounds are upper bounds of the mean recent score, 0-4.
var recentScoreBounds = []float64{1.5, 2.5, 3.2}

const (
	maxGivenToday   = 6 // and more
	maxGivenDaypart = 2 // and more
	// restFrom and restFull are the minutes of silence between which the moment
	// itself (clock, activity) gains its say on whether to speak; see
	// Moment.rest. Chosen by trial (16 of the built-in personas, one seed,
	// samples, learning rate 0.05): day 14's recall was 0.48, and 0.29 with 0 and
	// 90 and no buckets of since-given above 120.
	restFrom = 120
	restFull = 240
)

// The blocks in order of their indices, with their scales for gate, topic and
// tone. This is the place to tune them; it is part of FeatureVersion.
var (
	blocks        []Block
	bias          = block("bias", 1, 0.1, 0.5, 0.5, "always")
	clock         = block("clock", clockBins, 1, 0, 0, "time of day, by linear interpolation between the two neighbouring half hours")
	dayparts      = block("daypart", len(daypartStarts), 0.5, 0, 0, "part of the day: from 0, 6, 9, 12, 14, 18 and 21 hours")
	kind          = block("kind", kindCount, 1, 0, 0, "kind of the present activity, in the order of activity.Kinds")
	elapsed       = block("elapsed", len(elapsedBounds)+1, 0.5, 0, 0, "minutes into the present activity: below 5, 15, 30, 60, more")
	ended         = block("ended", kindCount, 1, 0, 0, "kind of an activity that ended up to 30 minutes ago today, fading to nothing at 60")
	sinceGiven    = block("since-given", len(sinceGivenBounds), 1.5, 0, 0, "minutes since the last recommendation today: below 5, 15, 30, 60, 90, 120, 180, 240")
	givenToday    = block("given-today", maxGivenToday, 1, 0, 0, "recommendations today: 1 to 5, 6 and more")
	givenDaypart  = block("given-daypart", len(daypartStarts)*maxGivenDaypart, 1, 0, 0, "part of the day with the recommendations in it: 1, 2 and more")
	givenActivity = block("given-activity", 1, 1, 0, 0, "a recommendation today during an activity of the present kind")
	similar       = block("similar", 2, 0.5, 0, 0, "share of similar past moments at which something was said, and at which nothing was")
	recentScore   = block("recent-score", len(recentScoreBounds)+1, 1, 0, 0, "mean score of the latest recommendations: below 1.5, 2.5, 3.2, more")
	topicDaypart  = block("topic-daypart", len(daypartStarts), 0, 0.25, 0, "part of the day")
	topicKind     = block("topic-kind", kindCount, 0, 0.3, 0, "kind of the present activity")
	topicScore    = block("topic-score", topicCount, 0, 1, 0, "mean score of a topic today, from -1 (0 points) to 1 (4 points)")
	featureCount  = topicScore.To
)

// block appends the next block.
func block(name string, size int, gate, topic, tone float64, meaning string) Block {
	b := Block{Name: name, Gate: gate, Topic: topic, Tone: tone, Meaning: meaning}
	if len(blocks) > 0 {
		b.From = blocks[len(blocks)-1].To
	}
	b.To = b.From + size
	blocks = append(blocks, b)
	return b
}

// uses holds for each feature its block.
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
