package retrieval_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/serve"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/retrieval"
)

func start(t testing.TB, cfg retrieval.Config) retrievalv1.RetrievalServiceClient {
	t.Helper()
	s, err := retrieval.New(cfg)
	require.NoError(t, err)
	server, err := serve.New(serve.Config{Name: "retrieval"}, s)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	conn, err := server.Dial()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, s.Close())
	})
	return retrievalv1.NewRetrievalServiceClient(conn)
}

func TestAMomentIsFoundAgainByMeaning(t *testing.T) {
	ctx, client := context.Background(), start(t, retrieval.Config{})
	_, err := client.Upsert(ctx, &retrievalv1.UpsertRequest{Tenant: "run-1", Points: []*retrievalv1.Point{
		{Key: "10", Text: "watering the tomatoes, garden, morning", Position: 10, Payload: []byte("said nothing")},
		{Key: "90", Text: "on the phone with a client, study, afternoon", Position: 90},
		{Key: "200", Text: "watering the tomatoes, garden, evening", Position: 200},
	}})
	require.NoError(t, err)
	resp, err := client.Search(ctx, &retrievalv1.SearchRequest{Tenant: "run-1", Text: "watering tomatoes in the garden, morning", Limit: 2, Before: new(int64(200))})
	require.NoError(t, err)
	require.Len(t, resp.GetHits(), 2)
	require.Equal(t, "10", resp.GetHits()[0].GetPoint().GetKey(), "not the latest, the likest")
	require.Equal(t, "said nothing", string(resp.GetHits()[0].GetPoint().GetPayload()))
	require.Greater(t, resp.GetHits()[0].GetScore(), resp.GetHits()[1].GetScore())

	count, err := client.Count(ctx, &retrievalv1.CountRequest{Tenant: "run-1"})
	require.NoError(t, err)
	require.EqualValues(t, 3, count.GetCount())
	deleted, err := client.Delete(ctx, &retrievalv1.DeleteRequest{Tenant: "run-1", Keys: []string{"90"}})
	require.NoError(t, err)
	require.EqualValues(t, 1, deleted.GetDeleted())
	deleted, err = client.Delete(ctx, &retrievalv1.DeleteRequest{Tenant: "run-1", DeleteTenant: true})
	require.NoError(t, err)
	require.EqualValues(t, 2, deleted.GetDeleted())
}

func TestDeletingATenantMustBeSpelledOut(t *testing.T) {
	client := start(t, retrieval.Config{})
	for _, req := range []*retrievalv1.DeleteRequest{
		{Tenant: "run-1"},
		{Tenant: "run-1", DeleteTenant: true, Keys: []string{"1"}},
	} {
		_, err := client.Delete(context.Background(), req)
		require.ErrorIs(t, err, errs.ErrInvalid)
	}
}

func TestEmbeddingsNameTheirModel(t *testing.T) {
	resp, err := start(t, retrieval.Config{Dimensions: 100}).Embed(context.Background(), &retrievalv1.EmbedRequest{Texts: []string{"tea", "coffee", "tea"}})
	require.NoError(t, err)
	require.Equal(t, "hash-100/1", resp.GetModel())
	require.Len(t, resp.GetVectors(), 3)
	require.Len(t, resp.GetVectors()[0].GetValues(), 100)
	require.Equal(t, resp.GetVectors()[0].GetValues(), resp.GetVectors()[2].GetValues())
	require.NotEqual(t, resp.GetVectors()[0].GetValues(), resp.GetVectors()[1].GetValues())
}

func TestConfigurationIsChecked(t *testing.T) {
	for field, cfg := range map[string]retrieval.Config{
		"index":          {Index: "faiss"},
		"dimensions":     {Dimensions: 5000},
		"qdrant.address": {Index: "qdrant"},
		"qdrant.timeout": {Qdrant: retrieval.Qdrant{Timeout: -time.Second}},
	} {
		_, err := retrieval.New(cfg)
		var faults errs.Violations
		require.True(t, errors.As(err, &faults), field)
		require.Equal(t, field, faults[0].Field)
	}
	_, err := retrieval.New(retrieval.Config{Embedder: &counting{}, Dimensions: 64})
	require.ErrorContains(t, err, "dimensions: found 64, want 0: the embedder counting/1 decides")
	_, err = retrieval.New(retrieval.Config{Index: "faiss"})
	require.ErrorContains(t, err, `found "faiss", want "embedded" or "qdrant"`)
}

// counting is an embedder that reports a call for each request, as one that asks a
// model does. Every text has the same vector.
type counting struct {
	calls     int
	short     bool // one component is missing
	forgetful bool // the last vector is missing
	err       error
}

func (*counting) Model() string           { return "counting/1" }
func (*counting) Dimensions() int         { return 2 }
func (*counting) Backend() *simv1.Backend { return &simv1.Backend{Driver: "model", Model: "counting"} }

func (c *counting) Embed(_ context.Context, texts []string) ([][]float32, role.Effects, error) {
	if c.err != nil {
		return nil, role.Effects{}, c.err
	}
	c.calls++
	out := make([][]float32, len(texts))
	for i := range texts {
		out[i] = []float32{0.6, 0.8}
		if c.short {
			out[i] = out[i][:1]
		}
	}
	if c.forgetful {
		out = out[1:]
	}
	id := fmt.Sprintf("embedder/%d", c.calls)
	return out, role.Effects{Calls: []*simv1.ModelCall{{Id: id, Role: simv1.Role_ROLE_EMBEDDER}}, Timings: []*simv1.CallTiming{{CallId: id}}}, nil
}

func TestTheCallsOfAnEmbedderAreReturned(t *testing.T) {
	ctx, client := context.Background(), start(t, retrieval.Config{Embedder: &counting{}})
	put, err := client.Upsert(ctx, &retrievalv1.UpsertRequest{Tenant: "t", Points: []*retrievalv1.Point{{Key: "1", Text: "tea"}}})
	require.NoError(t, err)
	require.Equal(t, "embedder/1", put.GetCalls()[0].GetId())
	found, err := client.Search(ctx, &retrievalv1.SearchRequest{Tenant: "t", Text: "tea", Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "embedder/2", found.GetCalls()[0].GetId())
	require.Equal(t, "embedder/2", found.GetTimings()[0].GetCallId())
	embedded, err := client.Embed(ctx, &retrievalv1.EmbedRequest{Texts: []string{"tea"}})
	require.NoError(t, err)
	require.Equal(t, "embedder/3", embedded.GetCalls()[0].GetId())
	count, err := client.Count(ctx, &retrievalv1.CountRequest{Tenant: "t"})
	require.NoError(t, err)
	require.Equal(t, "counting", count.GetEmbedder().GetModel())
}

func TestNothingIsStoredWhenTheEmbedderFails(t *testing.T) {
	for want, broken := range map[error]*counting{
		errs.ErrUnavailable: {err: fmt.Errorf("endpoint: %w", errs.ErrUnavailable)},
		errs.ErrInternal:    {short: true},
		errs.ErrExhausted:   {err: fmt.Errorf("endpoint: %w", errs.ErrExhausted)},
	} {
		client := start(t, retrieval.Config{Embedder: broken})
		_, err := client.Upsert(context.Background(), &retrievalv1.UpsertRequest{Tenant: "t", Points: []*retrievalv1.Point{{Key: "1", Text: "tea"}}})
		require.ErrorIs(t, err, want)
		count, err := client.Count(context.Background(), &retrievalv1.CountRequest{Tenant: "t"})
		require.NoError(t, err)
		require.Zero(t, count.GetCount())
	}
	_, err := start(t, retrieval.Config{Embedder: &counting{forgetful: true}}).Embed(context.Background(), &retrievalv1.EmbedRequest{Texts: []string{"tea"}})
	require.ErrorIs(t, err, errs.ErrInternal)
}

func TestPositionsAreBounded(t *testing.T) {
	ctx, client := context.Background(), start(t, retrieval.Config{})
	const beyond = int64(1<<53 + 1)
	_, err := client.Upsert(ctx, &retrievalv1.UpsertRequest{Tenant: "t", Points: []*retrievalv1.Point{{Key: "1", Text: "tea", Position: beyond}}})
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, err = client.Search(ctx, &retrievalv1.SearchRequest{Tenant: "t", Text: "tea", Limit: 1, Before: new(-beyond)})
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestAQdrantThatCannotBeReachedIsUnavailable(t *testing.T) {
	client := start(t, retrieval.Config{Index: "qdrant", Qdrant: retrieval.Qdrant{Address: "127.0.0.1:1"}})
	_, err := client.Count(context.Background(), &retrievalv1.CountRequest{Tenant: "t"})
	require.ErrorIs(t, err, errs.ErrUnavailable)
}

// refusing is a server that answers every call with a code; it returns its address
// and how many calls it has had.
func refusing(t *testing.T, code codes.Code) (address string, calls *atomic.Int32) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	calls = &atomic.Int32{}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		calls.Add(1)
		return status.Error(code, "no")
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), calls
}

func TestOnlyTransientErrorsAreRetried(t *testing.T) {
	for code, want := range map[codes.Code]struct {
		kind  error
		tries int32
	}{
		codes.Unavailable:      {errs.ErrUnavailable, 4},
		codes.Unauthenticated:  {errs.ErrDenied, 1},
		codes.PermissionDenied: {errs.ErrDenied, 1},
		codes.InvalidArgument:  {errs.ErrInternal, 1},
		codes.DataLoss:         {errs.ErrDataLoss, 1},
	} {
		address, calls := refusing(t, code)
		client := start(t, retrieval.Config{Index: "qdrant", Qdrant: retrieval.Qdrant{Address: address, APIKey: "k"}})
		_, err := client.Count(context.Background(), &retrievalv1.CountRequest{Tenant: "t"})
		require.ErrorIs(t, err, want.kind, code)
		require.ErrorContains(t, err, "qdrant ")
		require.NotContains(t, err.Error(), address, "an address is for the log")
		require.Equal(t, want.tries, calls.Load(), code)
	}
}

// BenchmarkSearch is a search in a run's 300 moments, by rpc.
func BenchmarkSearch(b *testing.B) {
	ctx, client := context.Background(), start(b, retrieval.Config{})
	for i := range 300 {
		_, err := client.Upsert(ctx, &retrievalv1.UpsertRequest{Tenant: "t", Points: []*retrievalv1.Point{
			{Key: fmt.Sprint(i), Text: fmt.Sprintf("activity number %d, kitchen, morning", i%40), Position: int64(i)},
		}})
		require.NoError(b, err)
	}
	req := &retrievalv1.SearchRequest{Tenant: "t", Text: "activity number 12, kitchen, morning", Limit: 5, Before: new(int64(250))}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Search(ctx, req); err != nil {
			b.Fatal(err)
		}
	}
}
