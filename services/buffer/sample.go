package buffer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

const (
	// batchBytes is the size at which a batch of pairs is sent; a greater pair
	// travels alone.
	batchBytes = 1 << 20
	// keptBytes bounds the drawn pairs that Sample keeps in memory between the
	// digest, which goes first, and the pairs; a larger draw is read twice.
	keptBytes = 8 << 20
	// envelope is what a message has around its pairs at the most.
	envelope = 16
)

// Sample implements PreferenceBufferService. However large the draw, it holds at
// most keptBytes, or the pairs of one query, in memory.
func (s *Server) Sample(req *bufferv1.SampleRequest, stream grpc.ServerStreamingServer[bufferv1.SampleResponse]) error {
	ctx := stream.Context()
	strata, population, err := s.pairs.strata(ctx, req.GetRunId(), req.GetThroughDay())
	if err != nil {
		return err
	}
	places, err := choose(strata, req)
	if err != nil {
		return err
	}
	digest, kept, err := s.digest(ctx, req.GetRunId(), places)
	if err != nil {
		return err
	}
	header := &bufferv1.SampleHeader{Count: int32(len(places)), Digest: digest, Population: population}
	if err := stream.Send(&bufferv1.SampleResponse{Part: &bufferv1.SampleResponse_Header{Header: header}}); err != nil {
		return err
	}
	batches := batcher{stream: stream}
	if kept != nil {
		err = s.batch(&batches, req.GetRunId(), places, kept)
	} else {
		for some := range slices.Chunk(places, bodiesPerQuery) {
			bodies, err := s.pairs.bodies(ctx, req.GetRunId(), some)
			if err != nil {
				return err
			}
			if err := s.batch(&batches, req.GetRunId(), some, bodies); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return err
	}
	return batches.flush()
}

// digest is SHA-256 over the pairs at some places, in their order, without the run
// they belong to, each after its length in eight bytes, big-endian; hexadecimal.
// So the same life has the same digest in every run. It returns the stored pairs
// too, or nil when they take more than keptBytes.
func (s *Server) digest(ctx context.Context, run string, places []int64) (string, [][]byte, error) {
	h, kept, size := sha256.New(), make([][]byte, 0, len(places)), 0
	for some := range slices.Chunk(places, bodiesPerQuery) {
		bodies, err := s.pairs.bodies(ctx, run, some)
		if err != nil {
			return "", nil, err
		}
		for i, body := range bodies {
			content, err := withoutRun(run, body)
			if err != nil {
				return "", nil, fmt.Errorf("database %s: the pair of run %q, step %d: %w", s.pairs.db.Name, run, some[i]/placesPerStep, err)
			}
			var length [8]byte
			binary.BigEndian.PutUint64(length[:], uint64(len(content)))
			h.Write(length[:])
			h.Write(content)
			size += len(body)
		}
		if size > keptBytes {
			kept = nil
		}
		if kept != nil {
			kept = append(kept, bodies...)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), kept, nil
}

// runField is the number of PreferencePair.run_id, the first field of a stored
// pair.
const runField = 1

// withoutRun returns the stored bytes of a pair after its run_id, which is the
// deterministic marshalling of the pair with an empty one.
func withoutRun(run string, body []byte) ([]byte, error) {
	prefix := protowire.AppendString(protowire.AppendTag(nil, runField, protowire.BytesType), run)
	content, found := bytes.CutPrefix(body, prefix)
	if !found {
		return nil, fmt.Errorf("is missing or does not begin with its run: %w", errs.ErrDataLoss)
	}
	return content, nil
}

func (s *Server) batch(b *batcher, run string, places []int64, bodies [][]byte) error {
	for i, body := range bodies {
		pair, err := s.pairs.decode(run, places[i], body)
		if err != nil {
			return err
		}
		if err := b.add(pair); err != nil {
			return err
		}
	}
	return nil
}

// batcher sends pairs in messages of at most batchBytes, or of one pair.
type batcher struct {
	stream grpc.ServerStreamingServer[bufferv1.SampleResponse]
	pairs  []*bufferv1.PreferencePair
	size   int
}

func (b *batcher) add(pair *bufferv1.PreferencePair) error {
	size := 1 + protowire.SizeBytes(proto.Size(pair)) // with its tag and length
	if len(b.pairs) > 0 && b.size+size > batchBytes-envelope {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.pairs, b.size = append(b.pairs, pair), b.size+size
	return nil
}

func (b *batcher) flush() error {
	if len(b.pairs) == 0 {
		return nil
	}
	err := b.stream.Send(&bufferv1.SampleResponse{Part: &bufferv1.SampleResponse_Batch{Batch: &bufferv1.PairBatch{Pairs: b.pairs}}})
	b.pairs, b.size = nil, 0
	return err
}
