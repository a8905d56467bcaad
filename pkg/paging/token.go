package paging

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
)

// version is the first byte of a token. It changes when tokens of before can no
// longer be read.
const version = 1

// sumBytes is the length of a token's checksum. It detects tokens of another
// list and typing errors; it is no protection against forgery.
const sumBytes = 6

// Token returns the page token for what follows position in a list. scope names
// the list and what filters it, e.g. "ListJobs run=r1": Parse accepts a token
// for the same scope alone. position is a struct of strings and integers.
func Token[P any](scope string, position P) string {
	body, err := json.Marshal(position)
	if err != nil {
		panic(fmt.Sprintf("paging: a position of type %T has no token: %v", position, err)) // a fault of the code
	}
	raw := append([]byte{version}, checksum(scope, body)...)
	return base64.RawURLEncoding.EncodeToString(append(raw, body...))
}

// Parse returns the position in a token that Token made for the same scope; the
// zero position for an empty token, which means the first page. It returns an
// ErrInvalid about page_token for any other.
func Parse[P any](scope, token string) (P, error) {
	var position, none P
	if token == "" {
		return none, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) <= 1+sumBytes {
		return none, refused("found no token of this program")
	}
	if raw[0] != version {
		return none, refused("found a token of another version of this program (%d, want %d)", raw[0], version)
	}
	sum, body := raw[1:1+sumBytes], raw[1+sumBytes:]
	if !bytes.Equal(sum, checksum(scope, body)) || json.Unmarshal(body, &position) != nil {
		return none, refused("found a token of another list or filter, or a damaged one")
	}
	return position, nil
}

func refused(format string, args ...any) error {
	return errs.Invalid("page_token", format+"; want the next_page_token of a response to the same request, or nothing for the first page", args...)
}

func checksum(scope string, body []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(scope), scope) // the length keeps scope and body apart
	h.Write(body)
	return h.Sum(nil)[:sumBytes]
}
