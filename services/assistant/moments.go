package assistant

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/simtime"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	// similarMoments is how many are looked for (paper: five).
	similarMoments = 5
	// topicsTold is how many topics of a moment are kept, the latest ones.
	topicsTold = 3
	// upsertBatch is the most points that one request may bring.
	upsertBatch = 1000
)

// moments are the episodes of a run: stretches of one task. An episode that has
// ended is a point of the index, found again by its meaning.
//
// A search looks before the episode that ended last: that one is in the
// memory's own words, and whether the index holds it already must not matter.
// An index that has lost moments is found out by their number.
type moments struct {
	run    string
	scale  simtime.Scale
	client retrievalv1.RetrievalServiceClient

	current  *episode
	previous int32 // first step of the episode before current; -1 where there is none
	ended    int64
	replayed []*retrievalv1.Point // of the history, until rebuild
	found    *likeness            // for the episode that begins at foundFor
	foundFor int32
}

// episode is one task as it was seen.
type episode struct {
	first int32
	text  string
	said  said
}

// said is the payload of a point: the kind of the episode, what was recommended
// during it, and at level ARS the scores.
type said struct {
	Kind     string   `json:"kind"`
	Times    int      `json:"times"`
	Topics   []string `json:"topics,omitempty"`
	ScoreSum int32    `json:"score_sum,omitempty"`
	Scored   int      `json:"scored,omitempty"`
}

// likeness is what was found: how many similar moments, at how many of them
// something was said, and the same in words.
type likeness struct {
	found, given int
	text         string
}

func newMoments(run string, scale simtime.Scale, client retrievalv1.RetrievalServiceClient) *moments {
	return &moments{run: run, scale: scale, client: client, previous: -1, foundFor: -1}
}

// ends reports whether a step ends the current episode. Walking between rooms
// belongs to none.
func (m *moments) ends(seen *simv1.Observation) bool {
	return m.current != nil && !seen.GetWalking() && seen.GetStartedStep() != m.current.first
}

// remember folds in a step of the history; its points wait for rebuild.
func (m *moments) remember(past *simv1.PastStep) error {
	if m.ends(past.GetObservation()) {
		point, err := m.current.point()
		if err != nil {
			return err
		}
		m.replayed = append(m.replayed, point)
	}
	m.fold(past)
	return nil
}

// store brings the episode that a step ends to the index, and folds the step in
// once it is there.
func (m *moments) store(ctx context.Context, past *simv1.PastStep) error {
	if m.ends(past.GetObservation()) {
		point, err := m.current.point()
		if err != nil {
			return err
		}
		if err := m.upsert(ctx, []*retrievalv1.Point{point}); err != nil {
			return err
		}
	}
	m.fold(past)
	return nil
}

func (m *moments) fold(past *simv1.PastStep) {
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
		m.current = &episode{first: seen.GetStartedStep(), text: m.describe(seen), said: said{Kind: seen.GetKind()}}
	}
	if spoken := past.GetDelivered().GetRecommendation(); spoken != nil {
		m.current.said.add(spoken.GetTopic(), past.Score)
	}
}

func (s *said) add(topic string, score *int32) {
	s.Times++
	if score != nil {
		s.ScoreSum += *score
		s.Scored++
	}
	if topic == "" {
		return
	}
	for i, known := range s.Topics {
		if known == topic {
			s.Topics = append(s.Topics[:i], s.Topics[i+1:]...)
			break
		}
	}
	s.Topics = append(s.Topics, topic)
	if len(s.Topics) > topicsTold {
		s.Topics = s.Topics[1:]
	}
}

func (e *episode) point() (*retrievalv1.Point, error) {
	payload, err := json.Marshal(&e.said)
	if err != nil {
		return nil, fmt.Errorf("moment of step %d: %w", e.first, err)
	}
	return &retrievalv1.Point{Key: strconv.Itoa(int(e.first)), Text: e.text, Position: int64(e.first), Payload: payload}, nil
}

// partNames are the parts of the day by policy.Daypart.
var partNames = []string{"night", "early morning", "morning", "midday", "afternoon", "evening", "late evening"}

// describe is the text by which an episode is found.
func (m *moments) describe(seen *simv1.Observation) string {
	out := seen.GetKind()
	if d := seen.GetDescription(); d != "" {
		out += ": " + d
	}
	if r := seen.GetRoom(); r != "" {
		out += ", in the " + r
	}
	return out + ", " + partNames[policy.Daypart(m.scale.MinuteOfDay(seen.GetStartedStep()))]
}

func (m *moments) upsert(ctx context.Context, points []*retrievalv1.Point) error {
	if _, err := m.client.Upsert(ctx, &retrievalv1.UpsertRequest{Tenant: m.run, Points: points}); err != nil {
		return fmt.Errorf("remember a moment: %w", err)
	}
	return nil
}

// rebuild makes the index hold exactly the moments of the history: it counts
// them, and where the count differs puts them in again from nothing.
func (m *moments) rebuild(ctx context.Context) error {
	points := m.replayed
	m.replayed = nil
	count, err := m.client.Count(ctx, &retrievalv1.CountRequest{Tenant: m.run})
	if err != nil {
		return fmt.Errorf("count the moments of run %q: %w", m.run, err)
	}
	if count.GetCount() == int64(len(points)) {
		return nil
	}
	if count.GetCount() > 0 {
		if _, err := m.client.Delete(ctx, &retrievalv1.DeleteRequest{Tenant: m.run, All: true}); err != nil {
			return fmt.Errorf("forget the moments of run %q: %w", m.run, err)
		}
	}
	for from := 0; from < len(points); from += upsertBatch {
		if err := m.upsert(ctx, points[from:min(from+upsertBatch, len(points))]); err != nil {
			return err
		}
	}
	return nil
}

// like returns what is similar to a step's episode, searched once for each.
func (m *moments) like(ctx context.Context, seen *simv1.Observation) (*likeness, error) {
	first := seen.GetStartedStep()
	before, some := m.before(seen)
	if !some {
		return &likeness{}, nil
	}
	if m.found != nil && m.foundFor == first {
		return m.found, nil
	}
	limit := int64(before)
	response, err := m.client.Search(ctx, &retrievalv1.SearchRequest{Tenant: m.run, Text: m.describe(seen), Limit: similarMoments, Before: &limit})
	if err != nil {
		return nil, fmt.Errorf("find similar moments: %w", err)
	}
	if response.GetCount() != m.ended {
		return nil, fmt.Errorf("the index holds %d moments of run %q, want %d; a session opened again brings them back: %w",
			response.GetCount(), m.run, m.ended, errs.ErrPrecondition)
	}
	found, err := m.read(response.GetHits())
	if err != nil {
		return nil, err
	}
	m.found, m.foundFor = found, first
	return found, nil
}

// before returns the position before which a search looks, and whether there is
// anything there.
func (m *moments) before(seen *simv1.Observation) (position int32, some bool) {
	switch {
	case m.current == nil || seen.GetWalking():
		return 0, false
	case m.ends(seen):
		return m.current.first, m.ended >= 1
	default:
		return m.previous, m.ended >= 2
	}
}

// read puts hits into numbers and words.
func (m *moments) read(hits []*retrievalv1.Hit) (*likeness, error) {
	out := &likeness{found: len(hits)}
	var text []byte
	for _, hit := range hits {
		var then said
		if err := json.Unmarshal(hit.GetPoint().GetPayload(), &then); err != nil {
			return nil, fmt.Errorf("moment %q of run %q: %w: %w", hit.GetPoint().GetKey(), m.run, err, errs.ErrDataLoss)
		}
		if then.Times > 0 {
			out.given++
		}
		text = m.appendMoment(text, hit.GetPoint(), &then)
	}
	out.text = string(text)
	return out, nil
}

func (m *moments) appendMoment(text []byte, point *retrievalv1.Point, then *said) []byte {
	step := int32(point.GetPosition())
	text = strconv.AppendInt(append(text, "\nday "...), int64(m.scale.Day(step)), 10)
	text = appendClock(append(text, ' '), m.scale.SecondOfDay(step))
	text = append(append(text, ' '), then.Kind...)
	text = strconv.AppendInt(append(text, ", spoke "...), int64(then.Times), 10)
	text = append(text, 'x')
	for i, topic := range then.Topics {
		separator := ", "
		if i == 0 {
			separator = " on "
		}
		text = append(append(text, separator...), topic...)
	}
	if then.Scored > 0 {
		text = strconv.AppendFloat(append(text, ", mean score "...), float64(then.ScoreSum)/float64(then.Scored), 'f', 1, 64)
	}
	return text
}
