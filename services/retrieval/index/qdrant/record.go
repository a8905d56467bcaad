package qdrant

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/qdrant/go-client/qdrant"

	"github.com/propersim/propersim/pkg/errs"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
)

// Fields of a point's payload.
const (
	fieldTenant   = "tenant"
	fieldKey      = "key"
	fieldText     = "text"
	fieldPosition = "position"
	fieldPayload  = "payload" // base64: a payload on the server is JSON
)

// namespace of the ids, a UUIDv5 of our own.
var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/propersim/propersim/retrieval"))

// pointID is the UUIDv5 of tenant and key. The tenant's length comes first, so
// different pairs never give the same text.
func pointID(tenant, key string) *qdrant.PointId {
	name := strconv.Itoa(len(tenant)) + ":" + tenant + key
	return qdrant.NewIDUUID(uuid.NewSHA1(namespace, []byte(name)).String())
}

// within builds every filter: whatever the other conditions, the points are those
// of the tenant.
func within(tenant string, also ...*qdrant.Condition) *qdrant.Filter {
	return &qdrant.Filter{Must: append([]*qdrant.Condition{qdrant.NewMatchKeyword(fieldTenant, tenant)}, also...)}
}

// records converts points for the server. Of a key given twice it keeps the last:
// the server promises no order within a batch.
func records(tenant string, points []*retrievalv1.Point, vectors [][]float32) []*qdrant.PointStruct {
	last := make(map[string]int, len(points))
	for i, p := range points {
		last[p.GetKey()] = i
	}
	out := make([]*qdrant.PointStruct, 0, len(last))
	for i, p := range points {
		if last[p.GetKey()] != i {
			continue
		}
		out = append(out, &qdrant.PointStruct{
			Id:      pointID(tenant, p.GetKey()),
			Vectors: qdrant.NewVectorsDense(vectors[i]),
			Payload: map[string]*qdrant.Value{
				fieldTenant:   qdrant.NewValueString(tenant),
				fieldKey:      qdrant.NewValueString(p.GetKey()),
				fieldText:     qdrant.NewValueString(p.GetText()),
				fieldPosition: qdrant.NewValueInt(p.GetPosition()),
				fieldPayload:  qdrant.NewValueString(base64.StdEncoding.EncodeToString(p.GetPayload())),
			},
		})
	}
	return out
}

// point converts a point of the server.
func point(payload map[string]*qdrant.Value) (*retrievalv1.Point, error) {
	key := payload[fieldKey].GetStringValue()
	bytes, err := base64.StdEncoding.DecodeString(payload[fieldPayload].GetStringValue())
	if err != nil || key == "" {
		return nil, fmt.Errorf("qdrant: point %q has a payload that cannot be read: %w", key, errs.ErrDataLoss)
	}
	if len(bytes) == 0 {
		bytes = nil
	}
	return &retrievalv1.Point{
		Key: key, Text: payload[fieldText].GetStringValue(), Position: payload[fieldPosition].GetIntegerValue(), Payload: bytes,
	}, nil
}
