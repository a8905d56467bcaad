package buffer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/seeded"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

// choose draws at most count of the ascending steps uniformly without
// replacement, in the order drawn: the first part of a Fisher-Yates shuffle.
// It is a function of its arguments, so that later days change nothing.
func choose(steps []int32, count int, seed uint64, throughDay int32) []int32 {
	source := seeded.New(seed, "buffer", "sample").At(int(throughDay))
	count = min(count, len(steps))
	for i := range count {
		j := i + source.Intn(len(steps)-i, i)
		steps[i], steps[j] = steps[j], steps[i]
	}
	return steps[:count]
}

// digest is SHA-256 over the pairs in their order without the run they belong
// to, each after its length in eight bytes, big-endian; hexadecimal. So the same
// life has the same digest in every run.
func digest(pairs []*bufferv1.PreferencePair) (string, error) {
	h := sha256.New()
	var size [8]byte
	for _, pair := range pairs {
		run := pair.GetRunId()
		pair.RunId = ""
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(pair)
		pair.RunId = run
		if err != nil {
			return "", err
		}
		binary.BigEndian.PutUint64(size[:], uint64(len(body)))
		h.Write(size[:])
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
