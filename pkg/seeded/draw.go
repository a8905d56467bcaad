// Package seeded gives random numbers that are a pure function of what they are
// for: a seed, a stream, a role, a step and the number of the draw. Nothing is
// kept between calls, so that a crash, a restart or another order of work
// cannot change a result.
package seeded

import "math"

// Source is one stream of draws: a seed and the names that lead to it.
type Source uint64

// New returns the source of a role within a run: the same seed and names give
// the same source on every machine and in every version of Go.
func New(seed uint64, names ...string) Source {
	h := mix(seed ^ 0x9e3779b97f4a7c15)
	for _, name := range names {
		for i := 0; i < len(name); i++ {
			h = (h ^ uint64(name[i])) * 0x100000001b3
		}
		h = mix(h ^ uint64(len(name)))
	}
	return Source(h)
}

// Uint64 returns the draw addressed by path, e.g. (step, draw), uniform over
// all 64-bit numbers.
func (s Source) Uint64(path ...int) uint64 {
	h := uint64(s)
	for _, p := range path {
		h = mix(h ^ (uint64(p) * 0xd6e8feb86659fd93))
	}
	return mix(h)
}

// At returns the source below s for one index, e.g. a day.
func (s Source) At(path ...int) Source { return Source(s.Uint64(path...)) }

// Float64 returns a draw uniform in [0, 1).
func (s Source) Float64(path ...int) float64 {
	return float64(s.Uint64(path...)>>11) / (1 << 53)
}

// Intn returns a draw uniform in [0, n); n must be positive. The bias of the
// modulus is below n/2^64.
func (s Source) Intn(n int, path ...int) int {
	return int(s.Uint64(path...) % uint64(n))
}

// Normal returns a standard normal draw (Box-Muller, first branch).
func (s Source) Normal(path ...int) float64 {
	sub := s.At(path...)
	return math.Sqrt(-2*math.Log(1-sub.Float64(0))) * math.Cos(2*math.Pi*sub.Float64(1))
}

// Perm returns a uniform permutation of [0, n) (Fisher-Yates).
func (s Source) Perm(n int, path ...int) []int {
	sub := s.At(path...)
	order := make([]int, n)
	for i := range order {
		j := sub.Intn(i+1, i)
		order[i], order[j] = order[j], i
	}
	return order
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
