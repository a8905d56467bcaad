package qdrant_test

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/qdrant/go-client/qdrant"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// standIn answers the part of Qdrant's gRPC contract that the driver uses, for
// one collection.
type standIn struct {
	qdrant.UnimplementedPointsServer
	address string

	mu      sync.Mutex
	created int
	params  *qdrant.VectorParams
	fields  []string
	filters []*qdrant.Filter
	points  map[string]*qdrant.PointStruct
}

func startStandIn(t *testing.T) *standIn {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &standIn{address: listener.Addr().String(), points: map[string]*qdrant.PointStruct{}}
	server := grpc.NewServer()
	qdrant.RegisterCollectionsServer(server, collections{s: s})
	qdrant.RegisterPointsServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return s
}

func (s *standIn) indexed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.fields)
	return s.fields
}

func (s *standIn) requireTenantEverywhere(t *testing.T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.filters)
	for _, f := range s.filters {
		require.Equal(t, "tenant", f.GetMust()[0].GetField().GetKey(), "a query without its tenant: %v", f)
	}
}

// collections is apart because both services have a Get, a Delete and an Update.
type collections struct {
	qdrant.UnimplementedCollectionsServer
	s *standIn
}

func (c collections) CollectionExists(context.Context, *qdrant.CollectionExistsRequest) (*qdrant.CollectionExistsResponse, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return &qdrant.CollectionExistsResponse{Result: &qdrant.CollectionExists{Exists: c.s.params != nil}}, nil
}

func (c collections) Create(_ context.Context, req *qdrant.CreateCollection) (*qdrant.CollectionOperationResponse, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.params != nil {
		return nil, status.Error(codes.AlreadyExists, "collection is there")
	}
	c.s.params = req.GetVectorsConfig().GetParams()
	c.s.created++
	return &qdrant.CollectionOperationResponse{Result: true}, nil
}

func (c collections) Get(context.Context, *qdrant.GetCollectionInfoRequest) (*qdrant.GetCollectionInfoResponse, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return &qdrant.GetCollectionInfoResponse{Result: &qdrant.CollectionInfo{Config: &qdrant.CollectionConfig{
		Params: &qdrant.CollectionParams{VectorsConfig: qdrant.NewVectorsConfig(c.s.params)},
	}}}, nil
}

func (s *standIn) CreateFieldIndex(_ context.Context, req *qdrant.CreateFieldIndexCollection) (*qdrant.PointsOperationResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := map[qdrant.FieldType]string{qdrant.FieldType_FieldTypeKeyword: "keyword", qdrant.FieldType_FieldTypeInteger: "integer"}[req.GetFieldType()]
	if req.GetFieldIndexParams().GetKeywordIndexParams().GetIsTenant() {
		kind += ",is_tenant"
	}
	s.fields = append(s.fields, req.GetFieldName()+":"+kind)
	return &qdrant.PointsOperationResponse{}, nil
}

func (s *standIn) Upsert(_ context.Context, req *qdrant.UpsertPoints) (*qdrant.PointsOperationResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !req.GetWait() {
		return nil, status.Error(codes.FailedPrecondition, "the driver must wait")
	}
	for _, p := range req.GetPoints() {
		s.points[p.GetId().GetUuid()] = p
	}
	return &qdrant.PointsOperationResponse{}, nil
}

func (s *standIn) Delete(_ context.Context, req *qdrant.DeletePoints) (*qdrant.PointsOperationResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.matching(req.GetPoints().GetFilter()) {
		delete(s.points, p.GetId().GetUuid())
	}
	return &qdrant.PointsOperationResponse{}, nil
}

func (s *standIn) Count(_ context.Context, req *qdrant.CountPoints) (*qdrant.CountResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &qdrant.CountResponse{Result: &qdrant.CountResult{Count: uint64(len(s.matching(req.GetFilter())))}}, nil
}

// Query scores backwards, so that the last bits differ from the driver's, and
// breaks ties by id, as a server may.
func (s *standIn) Query(_ context.Context, req *qdrant.QueryPoints) (*qdrant.QueryResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !req.GetParams().GetExact() {
		return nil, status.Error(codes.FailedPrecondition, "the driver must ask for an exact search")
	}
	query := req.GetQuery().GetNearest().GetDense().GetData()
	var found []*qdrant.ScoredPoint
	for _, p := range s.matching(req.GetFilter()) {
		vector := p.GetVectors().GetVector().GetDense().GetData()
		sum := float32(0)
		for i := len(vector) - 1; i >= 0; i-- {
			sum += query[i] * vector[i]
		}
		found = append(found, &qdrant.ScoredPoint{
			Id: p.GetId(), Payload: p.GetPayload(), Score: sum,
			Vectors: &qdrant.VectorsOutput{VectorsOptions: &qdrant.VectorsOutput_Vector{Vector: &qdrant.VectorOutput{
				Vector: &qdrant.VectorOutput_Dense{Dense: &qdrant.DenseVector{Data: vector}},
			}}},
		})
	}
	slices.SortFunc(found, func(a, b *qdrant.ScoredPoint) int {
		return cmp.Or(cmp.Compare(b.GetScore(), a.GetScore()), cmp.Compare(a.GetId().GetUuid(), b.GetId().GetUuid()))
	})
	return &qdrant.QueryResponse{Result: found[:min(len(found), int(req.GetLimit()))]}, nil
}

func (s *standIn) matching(filter *qdrant.Filter) []*qdrant.PointStruct {
	s.filters = append(s.filters, filter)
	var out []*qdrant.PointStruct
	for _, p := range s.points {
		if !slices.ContainsFunc(filter.GetMust(), func(c *qdrant.Condition) bool { return !holds(c, p) }) {
			out = append(out, p)
		}
	}
	return out
}

func holds(c *qdrant.Condition, p *qdrant.PointStruct) bool {
	if ids := c.GetHasId(); ids != nil {
		return slices.ContainsFunc(ids.GetHasId(), func(id *qdrant.PointId) bool { return id.GetUuid() == p.GetId().GetUuid() })
	}
	value := p.GetPayload()[c.GetField().GetKey()]
	if r := c.GetField().GetRange(); r != nil {
		return float64(value.GetIntegerValue()) <= r.GetLte()
	}
	return value.GetStringValue() == c.GetField().GetMatch().GetKeyword()
}
