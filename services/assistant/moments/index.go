package moments

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/memory"
)

const (
	// similarMoments is the number of moments that a search returns (paper: five).
	similarMoments = 5
	// upsertBatch is the largest number of points of one request.
	upsertBatch = 1000
)

// Index has the points of one run at the retrieval service. Its methods return
// the service's errors. Safe for concurrent use.
type Index struct {
	// Run is the tenant.
	Run string
	// Scale is the simulated length of a step.
	Scale simtime.Scale
	// Client of the retrieval service.
	Client retrievalv1.RetrievalServiceClient
}

// Store adds the point of an episode; the same point again changes nothing.
func (x *Index) Store(ctx context.Context, point *retrievalv1.Point) (role.Effects, error) {
	return x.upsert(ctx, "moment/"+point.GetKey(), []*retrievalv1.Point{point})
}

func (x *Index) upsert(ctx context.Context, name string, points []*retrievalv1.Point) (role.Effects, error) {
	response, err := x.Client.Upsert(ctx, &retrievalv1.UpsertRequest{Tenant: x.Run, Points: points})
	if err != nil {
		return role.Effects{}, fmt.Errorf("store moments: %w", err)
	}
	return effects(name, response.GetCalls(), response.GetTimings()), nil
}

// Rebuild makes the index have exactly the given points. It counts first, and
// writes all of them only when the number differs. The last one is written in any
// case: the record of its embedding is committed with the step after it, and may
// be lost with the process that stored it.
func (x *Index) Rebuild(ctx context.Context, points []*retrievalv1.Point) (role.Effects, error) {
	var all role.Effects
	count, err := x.Client.Count(ctx, &retrievalv1.CountRequest{Tenant: x.Run})
	if err != nil {
		return all, fmt.Errorf("count the moments of run %q: %w", x.Run, err)
	}
	if last := len(points) - 1; count.GetCount() == int64(len(points)) {
		if last < 0 {
			return all, nil
		}
		return x.Store(ctx, points[last])
	}
	if count.GetCount() > 0 {
		if _, err := x.Client.Delete(ctx, &retrievalv1.DeleteRequest{Tenant: x.Run, DeleteTenant: true}); err != nil {
			return all, fmt.Errorf("delete the moments of run %q: %w", x.Run, err)
		}
	}
	for from := 0; from < len(points); from += upsertBatch {
		part, err := x.upsert(ctx, "rebuild/"+strconv.Itoa(from), points[from:min(from+upsertBatch, len(points))])
		if err != nil {
			return all, err
		}
		all.Add(part)
	}
	return all, nil
}

// Embedder returns who embeds at the retrieval service.
func (x *Index) Embedder(ctx context.Context) (*simv1.Backend, error) {
	count, err := x.Client.Count(ctx, &retrievalv1.CountRequest{Tenant: x.Run})
	if err != nil {
		return nil, fmt.Errorf("ask for the embedder: %w", err)
	}
	return count.GetEmbedder(), nil
}

// Find searches. It returns an errs.ErrSessionBehind for an index that has lost
// points: a session that is opened again restores them.
func (x *Index) Find(ctx context.Context, q *Query) (*memory.Similar, role.Effects, error) {
	response, err := x.Client.Search(ctx, &retrievalv1.SearchRequest{Tenant: x.Run, Text: q.text, Limit: similarMoments, Before: &q.before})
	if err != nil {
		return nil, role.Effects{}, fmt.Errorf("find similar moments: %w", err)
	}
	if response.GetCount() != q.points {
		return nil, role.Effects{}, fmt.Errorf("the index has %d moments of run %q, want %d; open the session again to restore them: %w",
			response.GetCount(), x.Run, q.points, errs.ErrSessionBehind)
	}
	found, err := x.read(response.GetHits())
	if err != nil {
		return nil, role.Effects{}, err
	}
	return found, effects("similar/"+strconv.Itoa(int(q.first)), response.GetCalls(), response.GetTimings()), nil
}

// read turns hits into numbers and words.
func (x *Index) read(hits []*retrievalv1.Hit) (*memory.Similar, error) {
	out := &memory.Similar{Found: len(hits)}
	var text []byte
	for _, hit := range hits {
		var then payload
		if err := json.Unmarshal(hit.GetPoint().GetPayload(), &then); err != nil {
			return nil, fmt.Errorf("moment %q of run %q: %w: %w", hit.GetPoint().GetKey(), x.Run, err, errs.ErrDataLoss)
		}
		if then.Times > 0 {
			out.Given++
		}
		text = appendMoment(text, x.Scale, hit.GetPoint(), &then)
	}
	out.Text = string(text)
	return out, nil
}

func appendMoment(text []byte, scale simtime.Scale, point *retrievalv1.Point, then *payload) []byte {
	step := int32(point.GetPosition())
	text = strconv.AppendInt(append(text, "\nday "...), int64(scale.Day(step)), 10)
	text = memory.AppendClock(append(text, ' '), scale.SecondOfDay(step))
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

// effects prefixes the ids of calls with the name of the request: the retrieval
// service does not know what is unique within a step.
func effects(name string, calls []*simv1.ModelCall, timings []*simv1.CallTiming) role.Effects {
	for _, c := range calls {
		c.Id = name + "/" + c.GetId()
	}
	for _, t := range timings {
		t.CallId = name + "/" + t.GetCallId()
	}
	return role.Effects{Calls: calls, Timings: timings}
}
