package embed

import (
	"context"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Bounds of the number of dimensions of a Hashing embedder.
const (
	// DefaultDimensions keep a search among the few hundred moments of a run at
	// about ten microseconds.
	DefaultDimensions = 64
	// MinDimensions still separates some words.
	MinDimensions = 8
	// MaxDimensions is enough: these texts have far fewer features.
	MaxDimensions = 1024
)

// Weights of the three kinds of features. A word counts most; a bigram carries
// the word order; trigrams make forms of one word similar.
const (
	unigramWeight = 1.0
	bigramWeight  = 0.5
	trigramWeight = 0.3
)

// Hashing is the embedded Embedder: signed feature hashing (Weinberger et al.,
// 2009) of word unigrams, word bigrams and character trigrams. It is a pure
// function of the text, the same on every machine.
//
// Its limits: it compares words, not meaning, so synonyms are unrelated; with few
// dimensions unrelated features collide, which adds noise of about
// 1/sqrt(dimensions) to a cosine; every word has the same weight.
type Hashing struct {
	dimensions int
	model      string
}

// NewHashing returns an embedder of so many dimensions, from MinDimensions to
// MaxDimensions; 0 means DefaultDimensions.
func NewHashing(dimensions int) (*Hashing, error) {
	if dimensions == 0 {
		dimensions = DefaultDimensions
	}
	if dimensions < MinDimensions || dimensions > MaxDimensions {
		return nil, fmt.Errorf("embedding dimensions: found %d, want %d to %d", dimensions, MinDimensions, MaxDimensions)
	}
	return &Hashing{dimensions: dimensions, model: fmt.Sprintf("hash-%d/1", dimensions)}, nil
}

// Model implements Embedder: "hash-64/1" is the kind, the dimensions and the
// version of the features.
func (h *Hashing) Model() string { return h.model }

// Dimensions implements Embedder.
func (h *Hashing) Dimensions() int { return h.dimensions }

// Backend implements Embedder.
func (h *Hashing) Backend() *simv1.Backend { return role.EmbeddedBackend() }

// Embed implements Embedder. It makes no calls and fails only when ctx has ended.
func (h *Hashing) Embed(ctx context.Context, texts []string) ([][]float32, role.Effects, error) {
	if err := errs.FromContext(ctx); err != nil {
		return nil, role.Effects{}, err
	}
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		vectors[i] = h.Vector(text)
	}
	return vectors, role.Effects{}, nil
}

// Vector returns the vector of one text, of length 1 within rounding.
func (h *Hashing) Vector(text string) []float32 {
	f := features{sums: make([]float32, h.dimensions)}
	for _, r := range text {
		f.push(r)
	}
	f.endWord()
	if !f.normalize() {
		// Only punctuation, or features that cancel out: hash the text as a whole.
		f.add(hashText(text), unigramWeight)
		f.normalize()
	}
	return f.sums
}

// Marks around a word in its trigrams; no letter or digit has these values.
const (
	wordStart = 1
	wordEnd   = 2
)

const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// features adds up the hashed features of one text.
type features struct {
	sums     []float32
	word     uint64 // hash of the word so far
	previous uint64 // hash of the previous word; 0 for the first one
	first    rune   // the two previous runes, for trigrams
	second   rune
	inWord   bool
}

func (f *features) push(r rune) {
	if r < utf8.RuneSelf {
		switch {
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		case r == '\'':
			return // "don't" is one word
		default:
			f.endWord()
			return
		}
	} else {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) {
			f.endWord()
			return
		}
		r = unicode.ToLower(r)
	}
	if !f.inWord {
		f.inWord, f.word, f.first, f.second = true, fnvOffset, 0, wordStart
	}
	f.word = (f.word ^ uint64(r)) * fnvPrime
	f.trigram(r)
}

func (f *features) trigram(r rune) {
	if f.first != 0 {
		f.add(uint64(f.first)<<42|uint64(f.second)<<21|uint64(r), trigramWeight)
	}
	f.first, f.second = f.second, r
}

func (f *features) endWord() {
	if !f.inWord {
		return
	}
	f.trigram(wordEnd)
	f.add(f.word, unigramWeight)
	if f.previous != 0 {
		f.add(f.previous*fnvPrime^f.word, bigramWeight)
	}
	f.inWord, f.previous = false, f.word
}

// add adds a feature to one component. The sign is part of the hash, so collisions
// cancel on average.
func (f *features) add(feature uint64, weight float32) {
	h := mix(feature)
	if h>>63 == 1 {
		weight = -weight
	}
	f.sums[(h&0xffffffff)*uint64(len(f.sums))>>32] += weight
}

// normalize scales to length 1. It reports false for a vector of length 0.
func (f *features) normalize() bool {
	squares := 0.0
	for _, x := range f.sums {
		squares += float64(x) * float64(x)
	}
	if squares < 1e-9 {
		return false
	}
	scale := 1 / math.Sqrt(squares)
	for i, x := range f.sums {
		f.sums[i] = float32(float64(x) * scale)
	}
	return true
}

func hashText(text string) uint64 {
	h := uint64(fnvOffset)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
