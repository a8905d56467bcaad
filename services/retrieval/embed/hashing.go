// Package embed turns texts into vectors of length 1.
package embed

import (
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"
)

// Bounds of the number of dimensions of a Hashing embedder.
const (
	// DefaultDimensions keep a search in a run's few hundred moments below
	// some ten microseconds.
	DefaultDimensions = 64
	// MinDimensions is the least that still tells some words apart.
	MinDimensions = 8
	// MaxDimensions is the most that is of use: texts here have far fewer
	// features.
	MaxDimensions = 1024
)

// Weights of the three kinds of features. A word counts most; a bigram tells
// word order; trigrams bring forms of one word near to each other.
const (
	unigramWeight = 1.0
	bigramWeight  = 0.5
	trigramWeight = 0.3
)

// Hashing embeds a text by signed feature hashing (Weinberger et al., 2009) of
// its word unigrams, word bigrams and character trigrams. It is a pure function
// of the text, the same on every machine.
//
// Its limits: it knows words, not meaning, so that synonyms are as far apart as
// any two words; at few dimensions unrelated features collide, which adds noise
// of about 1/sqrt(dimensions) to a cosine; it weighs no word as more telling
// than another.
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

// Model names the embedding space, "hash-64/1": kind, dimensions and version of
// the features. Vectors of different models cannot be compared.
func (h *Hashing) Model() string { return h.model }

// Dimensions returns the number of components of a vector.
func (h *Hashing) Dimensions() int { return h.dimensions }

// Embed returns the vector of a text, of length 1 within rounding.
func (h *Hashing) Embed(text string) []float32 {
	f := features{sums: make([]float32, h.dimensions)}
	for _, r := range text {
		f.push(r)
	}
	f.endWord()
	if !f.normalize() {
		// Nothing but punctuation, or features that cancel: the text as a whole.
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
	previous uint64 // hash of the word before; 0 when there is none
	first    rune   // the two runes before, for trigrams
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

// add puts a feature into one component, with a sign of its own, so that
// collisions cancel on average.
func (f *features) add(feature uint64, weight float32) {
	h := mix(feature)
	if h>>63 == 1 {
		weight = -weight
	}
	f.sums[(h&0xffffffff)*uint64(len(f.sums))>>32] += weight
}

// normalize scales to length 1 and reports whether there was a length.
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
