package policy

import (
	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Moment is what the policy may look at, as plain values. Which of them a
// memory may fill is said by the three flags; the rest is ignored.
type Moment struct {
	// MinuteOfDay of the clock, [0, 1440).
	MinuteOfDay float64
	// Kind of the present activity; one that is not ours has no feature.
	Kind activity.Kind
	// Elapsed minutes since it began.
	Elapsed float64

	// Actions: the memory holds what the user did.
	Actions bool
	// SinceEnded holds, by activity.Index, the minutes since an activity ended
	// today; negative where it did not, or where it goes on. May be shorter.
	SinceEnded []float64

	// Given: the memory holds what was recommended.
	Given bool
	// SinceGiven is the minutes since the last recommendation today; negative
	// where there was none.
	SinceGiven float64
	// GivenToday, GivenDaypart and GivenActivity count recommendations today,
	// in this part of the day (see Daypart), and during this activity.
	GivenToday, GivenDaypart, GivenActivity int
	// Similar is the number of similar past moments found, SimilarGiven how many
	// of them held a recommendation.
	Similar, SimilarGiven int

	// Scores: the memory holds how recommendations were scored.
	Scores bool
	// RecentScore is the mean score of the latest recommendations, 0-4; negative
	// where there is none.
	RecentScore float64
	// TopicScores holds, by content.TopicIndex, today's scores of each topic.
	// May be shorter.
	TopicScores []TopicScore
}

// TopicScore adds up the scores of a topic.
type TopicScore struct{ Sum, Count int32 }

// The time after which "just ended" begins to fade, and at which it is over, in
// minutes.
const (
	endedFull = 30
	endedOver = 60
)

// vector is a feature vector in one piece of memory.
type vector struct {
	message simv1.Features
	index   [40]int32
	value   [40]float32
}

func (v *vector) add(i int, x float64) {
	if x == 0 {
		return
	}
	v.message.Index = append(v.message.Index, int32(i))
	v.message.Value = append(v.message.Value, float32(x))
}

// Extract returns the features of a moment in the layout of FeatureVersion. It
// is a pure function; the indices ascend.
func Extract(m *Moment) *simv1.Features {
	v := &vector{}
	v.message.Version = FeatureVersion
	v.message.Index, v.message.Value = v.index[:0], v.value[:0]
	part := Daypart(m.MinuteOfDay)
	now := activity.Index(m.Kind)

	v.add(bias.From, 1)
	rest := m.rest()
	v.addClock(m.MinuteOfDay, rest)
	v.add(dayparts.From+part, rest)
	if now >= 0 {
		v.add(kind.From+now, rest)
	}
	v.add(elapsed.From+bucket(elapsedBounds, m.Elapsed), rest)
	if m.Actions {
		v.addEnded(m.SinceEnded, now, rest)
	}
	if m.Given {
		v.addGiven(m, part)
	}
	if m.Scores && m.RecentScore >= 0 {
		v.add(recentScore.From+bucket(recentScoreBounds, m.RecentScore), 1)
	}
	v.add(topicDaypart.From+part, 1)
	if now >= 0 {
		v.add(topicKind.From+now, 1)
	}
	if m.Scores {
		v.addTopicScores(m)
	}
	return &v.message
}

// rest is how much the moment itself (clock, activity) bears on whether to
// speak, [0, 1]: nothing soon after a recommendation, when only that counts, and
// all after a long silence, on a day without any, or where the memory cannot
// tell. So what is learned from talking all the time says nothing against a
// moment, and a silence of hours is met with an open mind.
func (m *Moment) rest() float64 {
	if !m.Given || m.SinceGiven < 0 {
		return 1
	}
	return min(1, max(0, (m.SinceGiven-restFrom)/(restFull-restFrom)))
}

func (v *vector) addClock(minute, weight float64) {
	x := minute / (24 * 60 / clockBins)
	low := int(x) % clockBins
	rest := x - float64(int(x))
	if low == clockBins-1 { // the next knot is midnight
		v.add(clock.From, rest*weight)
		v.add(clock.From+low, (1-rest)*weight)
		return
	}
	v.add(clock.From+low, (1-rest)*weight)
	v.add(clock.From+low+1, rest*weight)
}

func (v *vector) addEnded(since []float64, now int, weight float64) {
	for i, minutes := range since {
		if minutes < 0 || minutes >= endedOver || i == now || i >= kindCount {
			continue
		}
		x := weight
		if minutes > endedFull {
			x *= (endedOver - minutes) / (endedOver - endedFull)
		}
		v.add(ended.From+i, x)
	}
}

func (v *vector) addGiven(m *Moment, part int) {
	if n := bucket(sinceGivenBounds, m.SinceGiven); m.SinceGiven >= 0 && n < len(sinceGivenBounds) {
		v.add(sinceGiven.From+n, 1)
	}
	if m.GivenToday > 0 {
		v.add(givenToday.From+min(m.GivenToday, maxGivenToday)-1, 1)
	}
	if m.GivenDaypart > 0 {
		v.add(givenDaypart.From+part*maxGivenDaypart+min(m.GivenDaypart, maxGivenDaypart)-1, 1)
	}
	if m.GivenActivity > 0 {
		v.add(givenActivity.From, 1)
	}
	if m.Similar > 0 {
		share := float64(m.SimilarGiven) / float64(m.Similar)
		v.add(similar.From, share)
		v.add(similar.From+1, 1-share)
	}
}

func (v *vector) addTopicScores(m *Moment) {
	for i, s := range m.TopicScores {
		if s.Count > 0 && i < topicCount {
			v.add(topicScore.From+i, (float64(s.Sum)/float64(s.Count)-2)/2)
		}
	}
}
