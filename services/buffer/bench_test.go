package buffer_test

import (
	"path/filepath"
	"testing"
)

// BenchmarkAppend stores an hour's pairs, 24 of them, by one rpc.
func BenchmarkAppend(b *testing.B) {
	client, _ := start(b, filepath.Join(b.TempDir(), "buffer.db"))
	step := int32(0)
	b.ReportAllocs()
	for b.Loop() {
		appendAll(b, client, pairsOf("a", step, step+24)...)
		step += 24
	}
}

// BenchmarkSample draws a night's 200 pairs from 3,000.
func BenchmarkSample(b *testing.B) {
	client, _ := start(b, filepath.Join(b.TempDir(), "buffer.db"))
	for from := int32(0); from < 3000; from += 1000 {
		appendAll(b, client, pairsOf("a", from, from+1000)...)
	}
	seed := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		sample(b, client, "a", 200, seed, 1000)
		seed++
	}
}
