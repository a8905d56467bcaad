package buffer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/propersim/propersim/pkg/draw"
)

// choose draws at most count of the ascending steps uniformly without
// replacement, in the order drawn: the first part of a Fisher-Yates shuffle.
// It is a function of its arguments, so that later days change nothing.
func choose(steps []int32, count int, seed uint64, throughDay int32) []int32 {
	source := draw.New(seed, "buffer", "sample").At(int(throughDay))
	count = min(count, len(steps))
	for i := range count {
		j := i + source.Intn(len(steps)-i, i)
		steps[i], steps[j] = steps[j], steps[i]
	}
	return steps[:count]
}

// digest is SHA-256 over the bodies in their order, each after its length in
// eight bytes, big-endian; hexadecimal.
func digest(bodies [][]byte) string {
	h := sha256.New()
	var size [8]byte
	for _, body := range bodies {
		binary.BigEndian.PutUint64(size[:], uint64(len(body)))
		h.Write(size[:])
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil))
}
