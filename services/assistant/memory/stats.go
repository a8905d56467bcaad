package memory

import (
	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// recentScores is how many of today's latest scores make a mean.
const recentScores = 8

// stats has what is counted over the steps of today.
type stats struct {
	level simv1.MemoryLevel
	scale simtime.Scale

	last     int32   // last step; -1 before the first
	lastKind int     // its activity.Index
	day      int32   // its day, 1-based
	ended    []int32 // by activity.Index: step at which the kind last ended; -1 for never

	// Of today.
	lastGiven   int32 // step of the last recommendation; -1 for none
	given       int
	givenInPart [8]int // by policy.Daypart
	givenByKind []int  // by activity.Index
	scores      [recentScores]int32
	scored      int // scores so far; the latest are in the ring above
	topicScores []policy.TopicScore

	sinceEnded []float64 // of the last call of numbers; reused
}

func newStats(level simv1.MemoryLevel, scale simtime.Scale) stats {
	kinds := len(activity.Kinds())
	s := stats{
		level: level, scale: scale, last: -1, lastKind: -1, lastGiven: -1,
		ended: make([]int32, kinds), givenByKind: make([]int, kinds), sinceEnded: make([]float64, kinds),
		topicScores: make([]policy.TopicScore, len(content.Topics())),
	}
	for i := range s.ended {
		s.ended[i] = -1
	}
	return s
}

func (s *stats) observe(past *simv1.PastStep) {
	step := past.GetStep()
	if day := s.scale.Day(step); day != s.day {
		s.newDay(day)
	}
	kind := activity.Index(activity.Kind(past.GetObservation().GetKind()))
	if s.lastKind >= 0 && (kind != s.lastKind || step > s.last+1) {
		s.ended[s.lastKind] = s.last + 1
	}
	s.last, s.lastKind = step, kind

	said := past.GetDelivered().GetRecommendation()
	if said == nil || s.level < simv1.MemoryLevel_MEMORY_LEVEL_AR {
		return
	}
	s.observeGiven(step, kind)
	if s.level >= simv1.MemoryLevel_MEMORY_LEVEL_ARS && past.Score != nil {
		s.observeScore(said.GetTopic(), past.GetScore())
	}
}

func (s *stats) newDay(day int32) {
	s.day = day
	s.lastGiven, s.given, s.scored = -1, 0, 0
	s.givenInPart = [8]int{}
	clear(s.givenByKind)
	clear(s.topicScores)
}

func (s *stats) observeGiven(step int32, kind int) {
	s.lastGiven = step
	s.given++
	s.givenInPart[policy.Daypart(s.scale.MinuteOfDay(step))]++
	if kind >= 0 {
		s.givenByKind[kind]++
	}
}

func (s *stats) observeScore(topic string, score int32) {
	s.scores[s.scored%recentScores] = score
	s.scored++
	if i := content.TopicIndex(topic); i >= 0 {
		s.topicScores[i].Sum += score
		s.topicScores[i].Count++
	}
}

// numbers returns a step after the last one as numbers. They are valid until the
// next call.
func (s *stats) numbers(step int32, seen *simv1.Observation) policy.Moment {
	out := policy.Moment{
		MinuteOfDay: s.scale.MinuteOfDay(step), Kind: activity.Kind(seen.GetKind()),
		Elapsed:    s.scale.Minutes(step - seen.GetStartedStep()),
		Actions:    s.level >= simv1.MemoryLevel_MEMORY_LEVEL_A,
		Given:      s.level >= simv1.MemoryLevel_MEMORY_LEVEL_AR,
		Scores:     s.level >= simv1.MemoryLevel_MEMORY_LEVEL_ARS,
		SinceGiven: -1, RecentScore: -1,
	}
	if out.Actions {
		s.fillEnded(step, activity.Index(out.Kind))
		out.SinceEnded = s.sinceEnded
	}
	if s.day != s.scale.Day(step) { // nothing was observed today
		return out
	}
	if out.Given {
		if s.lastGiven >= 0 {
			out.SinceGiven = s.scale.Minutes(step - s.lastGiven)
		}
		out.GivenToday = s.given
		out.GivenDaypart = s.givenInPart[policy.Daypart(out.MinuteOfDay)]
		if kind := activity.Index(out.Kind); kind >= 0 {
			out.GivenActivity = s.givenByKind[kind]
		}
	}
	if out.Scores {
		out.RecentScore = s.recentScore()
		out.TopicScores = s.topicScores
	}
	return out
}

// fillEnded writes for each kind the minutes since it ended today, -1 for the
// others. now is the kind at the step: the last observed activity has ended when
// it is another one, or when steps lie between.
func (s *stats) fillEnded(step int32, now int) {
	today := s.scale.FirstStep(s.scale.Day(step))
	for i, at := range s.ended {
		if i == s.lastKind && (now != s.lastKind || step > s.last+1) {
			at = s.last + 1
		}
		s.sinceEnded[i] = -1
		if at >= today {
			s.sinceEnded[i] = s.scale.Minutes(step - at)
		}
	}
}

// recentScore returns the mean of the latest scores of today; -1 for none.
func (s *stats) recentScore() float64 {
	n := min(s.scored, recentScores)
	if n == 0 {
		return -1
	}
	sum := int32(0)
	for _, score := range s.scores[:n] {
		sum += score
	}
	return float64(sum) / float64(n)
}
