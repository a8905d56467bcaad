// Package moments finds similar moments of the past. An episode is a stretch of
// one task; when it has ended it becomes a point of the retrieval service and can
// be found by its meaning. Moments is the fold over the steps; Index does the
// requests.
package moments

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/simtime"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/memory"
)

// latestTopics is how many topics of an episode are kept, the latest ones.
const latestTopics = 3

// Moments are the episodes of one run. It is not safe for concurrent use.
//
// A search covers the episodes before the one that ended last. The last one is
// shown in the memory's own words, and the answer must not depend on whether the
// index has it already.
type Moments struct {
	scale    simtime.Scale
	current  *episode // nil before the first one, and after walking from one
	previous int32    // first step of the episode before current; -1 for none
	ended    int64    // episodes that have ended

	found *memory.Similar // of the last search
	first int32           // first step of the episode that it was for; -1 for none
}

// New returns the moments of a run without steps.
func New(scale simtime.Scale) *Moments {
	return &Moments{scale: scale, previous: -1, first: -1}
}

// episode is one task as it was seen.
type episode struct {
	first   int32
	text    string
	payload payload
}

// payload is what a point says about its episode: its activity, what was
// recommended during it, and the scores at level ARS.
type payload struct {
	Kind     string   `json:"kind"`
	Times    int      `json:"times"`
	Topics   []string `json:"topics,omitempty"`
	ScoreSum int32    `json:"score_sum,omitempty"`
	Scored   int      `json:"scored,omitempty"`
}

// Ending returns the point of the current episode if a step with seen ends it,
// else nil.
func (m *Moments) Ending(seen *simv1.Observation) (*retrievalv1.Point, error) {
	if !m.ends(seen) {
		return nil, nil
	}
	e := m.current
	content, err := json.Marshal(&e.payload)
	if err != nil {
		return nil, fmt.Errorf("moment of step %d: %w", e.first, err)
	}
	return &retrievalv1.Point{Key: strconv.Itoa(int(e.first)), Text: e.text, Position: int64(e.first), Payload: content}, nil
}

// ends reports whether a step ends the current episode. Walking between rooms
// belongs to no episode and ends none.
func (m *Moments) ends(seen *simv1.Observation) bool {
	return m.current != nil && !seen.GetWalking() && seen.GetStartedStep() != m.current.first
}

// Observe folds in a committed waking step. The point of an episode that it ends
// must be in the index before.
func (m *Moments) Observe(past *simv1.PastStep) {
	seen := past.GetObservation()
	if m.ends(seen) {
		m.previous = m.current.first
		m.ended++
		m.current = nil
	}
	if seen.GetWalking() {
		return
	}
	if m.current == nil {
		m.current = &episode{first: seen.GetStartedStep(), text: m.describe(seen), payload: payload{Kind: seen.GetKind()}}
	}
	if said := past.GetDelivered().GetRecommendation(); said != nil {
		m.current.payload.add(said.GetTopic(), past.Score)
	}
}

func (p *payload) add(topic string, score *int32) {
	p.Times++
	if score != nil {
		p.ScoreSum += *score
		p.Scored++
	}
	if topic == "" {
		return
	}
	for i, known := range p.Topics { // move it to the end
		if known == topic {
			p.Topics = append(p.Topics[:i], p.Topics[i+1:]...)
			break
		}
	}
	p.Topics = append(p.Topics, topic)
	if len(p.Topics) > latestTopics {
		p.Topics = p.Topics[1:]
	}
}

// partNames are the parts of the day by policy.Daypart.
var partNames = []string{"night", "early morning", "morning", "midday", "afternoon", "evening", "late evening"}

// describe is the text by which an episode is found.
func (m *Moments) describe(seen *simv1.Observation) string {
	out := seen.GetKind()
	if d := seen.GetDescription(); d != "" {
		out += ": " + d
	}
	if r := seen.GetRoom(); r != "" {
		out += ", in the " + r
	}
	return out + ", " + partNames[policy.Daypart(m.scale.MinuteOfDay(seen.GetStartedStep()))]
}

// Query is a search for what is similar to the episode of a step.
type Query struct {
	first  int32  // of the episode
	text   string // of the episode
	before int64  // first step of the earliest episode that is left out
	points int64  // points that the index must have
}

// Similar returns what is similar to the episode of a step. When that must be
// searched first, it returns the query instead; Keep takes its result.
func (m *Moments) Similar(seen *simv1.Observation) (*memory.Similar, *Query) {
	before, some := m.before(seen)
	if !some {
		return &memory.Similar{}, nil
	}
	if m.found != nil && m.first == seen.GetStartedStep() {
		return m.found, nil
	}
	return nil, &Query{first: seen.GetStartedStep(), text: m.describe(seen), before: int64(before), points: m.ended}
}

// before returns the first step of the episode that ended last, before which a
// search looks. It returns false when there is nothing to find.
func (m *Moments) before(seen *simv1.Observation) (step int32, some bool) {
	switch {
	case m.current == nil || seen.GetWalking():
		return 0, false
	case m.ends(seen):
		return m.current.first, m.ended >= 1
	default:
		return m.previous, m.ended >= 2
	}
}

// Keep keeps the result of a query for the further steps of its episode.
func (m *Moments) Keep(q *Query, found *memory.Similar) { m.found, m.first = found, q.first }
