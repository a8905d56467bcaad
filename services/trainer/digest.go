package trainer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// digestOf is SHA-256, hexadecimal: of one part as it is, of several each after
// its length in eight bytes, big-endian.
func digestOf(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		if len(parts) > 1 {
			var size [8]byte
			binary.BigEndian.PutUint64(size[:], uint64(len(part)))
			h.Write(size[:])
		}
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
