package seeded

import (
	"crypto/sha256"
	"encoding/binary"
)

// Roles whose randomness has a seed of its own.
const (
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// RoleSeed returns the seed of a role in the runs of a person: the first 8 bytes
// of SHA-256 over the root seed, the person's id and the role. Whoever plays the
// role learns neither the root nor the person from it.
func RoleSeed(root uint64, persona, role string) uint64 {
	h := sha256.New()
	for _, part := range []string{persona, role} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(binary.BigEndian.AppendUint64(nil, root))
	return binary.BigEndian.Uint64(h.Sum(nil))
}
