// Package persona reads, writes, checks and selects personas. A persona is
// plain YAML on disk and the generated message everywhere else.
package persona

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// MaxBytes is the largest persona accepted, as a file and as a message: 64 KiB.
const MaxBytes = 64 << 10

// Traits are the Big Five by their field names, in the order of the contract.
func Traits() []string {
	return []string{"extraversion", "agreeableness", "conscientiousness", "neuroticism", "openness"}
}

// Level returns the level of a trait by its field name; unspecified for an
// unknown name.
func Level(b *simv1.BigFive, trait string) simv1.TraitLevel {
	if p := levelOf(b, trait); p != nil {
		return *p
	}
	return simv1.TraitLevel_TRAIT_LEVEL_UNSPECIFIED
}

// levelOf points at the level of a trait, nil for an unknown name.
func levelOf(b *simv1.BigFive, trait string) *simv1.TraitLevel {
	if b == nil {
		return nil
	}
	switch trait {
	case "extraversion":
		return &b.Extraversion
	case "agreeableness":
		return &b.Agreeableness
	case "conscientiousness":
		return &b.Conscientiousness
	case "neuroticism":
		return &b.Neuroticism
	case "openness":
		return &b.Openness
	}
	return nil
}

// maxSlug is the longest identifier the contract allows.
const maxSlug = 64

// unfoldable are Latin letters that do not decompose into a base letter and
// a mark.
var unfoldable = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i",
	"'", "", "’", "", "ʼ", "")

// Slug derives an identifier from a name: lower-case ASCII letters and digits,
// hyphens between words, at most 64 characters. A name without any Latin
// letter or digit gets "persona-" and eight hexadecimal digits of its SHA-256;
// an empty name gets an empty slug.
func Slug(name string) string {
	if strings.TrimSpace(name) == "" {
		return ""
	}
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(unfoldable.Replace(strings.ToLower(name))) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r):
		default:
			gap = true
		}
	}
	slug := b.String()
	if slug == "" {
		sum := sha256.Sum256([]byte(name))
		return "persona-" + hex.EncodeToString(sum[:4])
	}
	if len(slug) > maxSlug {
		slug = strings.TrimRight(slug[:maxSlug], "-")
	}
	return slug
}
