package assistant

import (
	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	// verbatimMinutes is how far back every step is kept as it was (paper,
	// section 3).
	verbatimMinutes = 10
	// recentScores is how many of today's latest scores make a mean.
	recentScores = 8
)

func holdsActions(l assistantv1.MemoryLevel) bool {
	return l >= assistantv1.MemoryLevel_MEMORY_LEVEL_A
}

func holdsGiven(l assistantv1.MemoryLevel) bool {
	return l >= assistantv1.MemoryLevel_MEMORY_LEVEL_AR
}

func holdsScores(l assistantv1.MemoryLevel) bool {
	return l >= assistantv1.MemoryLevel_MEMORY_LEVEL_ARS
}

// memory is what an assistant keeps of a run: a fold over its committed waking
// steps, bounded by one day. At level NONE it keeps nothing.
type memory struct {
	level assistantv1.MemoryLevel
	scale simtime.Scale

	last     int32 // last step; -1 before the first
	lastKind int
	day      int32   // of last, 1-based
	ended    []int32 // by activity.Index: step at which the kind last ended; -1 for never
	recent   []line  // the last verbatimMinutes
	hours    [24]hour

	// Of today.
	lastGiven   int32 // -1 where there was none
	given       int
	givenInPart [8]int // by policy.Daypart
	givenByKind []int  // by activity.Index
	scores      [recentScores]int32
	scored      int // scores so far; the latest are in the ring above
	topicScores []policy.TopicScore

	sinceEnded []float64 // scratch of moment
}

// line is one step as it was.
type line struct {
	step  int32
	kind  string
	text  string // what was said; empty for silence
	score int32  // -1 where it is not known
}

func newMemory(level assistantv1.MemoryLevel, scale simtime.Scale) *memory {
	kinds := len(activity.Kinds())
	m := &memory{
		level: level, scale: scale, last: -1, lastKind: -1, lastGiven: -1,
		ended: make([]int32, kinds), givenByKind: make([]int, kinds), sinceEnded: make([]float64, kinds),
		topicScores: make([]policy.TopicScore, len(content.Topics())),
	}
	for i := range m.ended {
		m.ended[i] = -1
	}
	return m
}

// observe folds in a committed step.
func (m *memory) observe(past *simv1.PastStep) {
	if !holdsActions(m.level) {
		return
	}
	step, seen := past.GetStep(), past.GetObservation()
	if day := m.scale.Day(step); day != m.day {
		m.newDay(day)
	}
	kind := activity.Index(activity.Kind(seen.GetKind()))
	if m.lastKind >= 0 && (kind != m.lastKind || step > m.last+1) {
		m.ended[m.lastKind] = m.last + 1
	}
	m.last, m.lastKind = step, kind

	now := line{step: step, kind: seen.GetKind(), score: -1}
	block := &m.hours[m.hour(step)]
	block.add(kind)
	if said := past.GetDelivered().GetRecommendation(); said != nil && holdsGiven(m.level) {
		now.text = said.GetText()
		block.said++
		m.observeGiven(step, kind)
		if holdsScores(m.level) && past.Score != nil {
			now.score = past.GetScore()
			block.scoreSum += now.score
			block.scored++
			m.observeScore(said.GetTopic(), now.score)
		}
	}
	m.remember(now)
}

func (m *memory) newDay(day int32) {
	m.day = day
	m.lastGiven, m.given, m.scored = -1, 0, 0
	m.givenInPart = [8]int{}
	clear(m.givenByKind)
	clear(m.topicScores)
	clear(m.hours[:])
}

func (m *memory) observeGiven(step int32, kind int) {
	m.lastGiven = step
	m.given++
	m.givenInPart[policy.Daypart(m.scale.MinuteOfDay(step))]++
	if kind >= 0 {
		m.givenByKind[kind]++
	}
}

func (m *memory) observeScore(topic string, score int32) {
	m.scores[m.scored%recentScores] = score
	m.scored++
	if i := content.TopicIndex(topic); i >= 0 {
		m.topicScores[i].Sum += score
		m.topicScores[i].Count++
	}
}

// remember keeps a step verbatim and drops what has become too old.
func (m *memory) remember(now line) {
	old := 0
	for old < len(m.recent) && m.scale.Minutes(now.step-m.recent[old].step) >= verbatimMinutes {
		old++
	}
	kept := copy(m.recent, m.recent[old:])
	m.recent = append(m.recent[:kept], now)
}

func (m *memory) hour(step int32) int { return int(m.scale.SecondOfDay(step)) / 3600 }

// moment is a step after the last one as the policy may see it. It is valid
// until the next call.
func (m *memory) moment(step int32, seen *simv1.Observation, like *likeness) policy.Moment {
	out := policy.Moment{
		MinuteOfDay: m.scale.MinuteOfDay(step), Kind: activity.Kind(seen.GetKind()),
		Elapsed: m.scale.Minutes(step - seen.GetStartedStep()),
		Actions: holdsActions(m.level), Given: holdsGiven(m.level), Scores: holdsScores(m.level),
		SinceGiven: -1, RecentScore: -1,
	}
	if out.Actions {
		m.fillEnded(step, activity.Index(out.Kind))
		out.SinceEnded = m.sinceEnded
	}
	if like != nil {
		out.Similar, out.SimilarGiven = like.found, like.given
	}
	if m.day != m.scale.Day(step) { // nothing of today yet
		return out
	}
	if out.Given {
		if m.lastGiven >= 0 {
			out.SinceGiven = m.scale.Minutes(step - m.lastGiven)
		}
		out.GivenToday = m.given
		out.GivenDaypart = m.givenInPart[policy.Daypart(out.MinuteOfDay)]
		if kind := activity.Index(out.Kind); kind >= 0 {
			out.GivenActivity = m.givenByKind[kind]
		}
	}
	if out.Scores {
		out.RecentScore = m.recentScore()
		out.TopicScores = m.topicScores
	}
	return out
}

// fillEnded writes how long ago each kind ended today, seen from a step at
// which another may go on.
func (m *memory) fillEnded(step int32, now int) {
	today := m.scale.FirstStep(m.scale.Day(step))
	for i, at := range m.ended {
		if i == m.lastKind && (now != m.lastKind || step > m.last+1) {
			at = m.last + 1
		}
		m.sinceEnded[i] = -1
		if at >= today {
			m.sinceEnded[i] = m.scale.Minutes(step - at)
		}
	}
}

func (m *memory) recentScore() float64 {
	n := min(m.scored, recentScores)
	if n == 0 {
		return -1
	}
	sum := int32(0)
	for _, s := range m.scores[:n] {
		sum += s
	}
	return float64(sum) / float64(n)
}
