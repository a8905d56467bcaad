package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Hash is a link of the chain.
type Hash = [sha256.Size]byte

// genesis are the bytes that decide a run, as they are stored and hashed. The
// configuration is without the days: a run that is extended keeps its chain.
type genesis struct{ config, persona, world []byte }

// deterministic is how everything that is hashed is written.
var deterministic = proto.MarshalOptions{Deterministic: true}

func newGenesis(config *environmentv1.RunConfig, persona *simv1.Persona, world *simv1.World) (genesis, error) {
	var g genesis
	var err error
	endless := proto.CloneOf(config)
	endless.Days = 0
	for _, part := range []struct {
		message proto.Message
		out     *[]byte
	}{{endless, &g.config}, {persona, &g.persona}, {world, &g.world}} {
		if *part.out, err = deterministic.Marshal(part.message); err != nil {
			return g, fmt.Errorf("marshal %T: %w", part.message, err)
		}
	}
	return g, nil
}

// hash is the hash before the first entry: SHA-256 over configuration, persona
// and world, each after its length as 8 bytes, big-endian.
func (g genesis) hash() Hash {
	h := sha256.New()
	var length [8]byte
	for _, part := range [][]byte{g.config, g.persona, g.world} {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return Hash(h.Sum(nil))
}

// next is the hash of an entry: SHA-256 over the hash before it and its body.
func next(before Hash, body []byte) Hash {
	h := sha256.New()
	h.Write(before[:])
	h.Write(body)
	var out Hash
	h.Sum(out[:0])
	return out
}
