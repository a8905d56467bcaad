package buffer

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/propersim/propersim/pkg/errs"
)

// The fields of PreferencePair that a further pair of a step shares with the first
// one. They are stored once.
const (
	promptField      = 4
	observationField = 5
)

// firstOf is the place of the first pair of a step.
func firstOf(place int64) int64 { return place - place%placesPerStep }

// whole returns the bytes of a further pair with the shared fields of the first
// one: what the deterministic marshalling of the whole pair is, whose fields are in
// ascending order.
func whole(further, first []byte) ([]byte, error) {
	if len(first) == 0 {
		return nil, fmt.Errorf("the first pair of its step is missing: %w", errs.ErrDataLoss)
	}
	from, to, err := span(first)
	if err != nil {
		return nil, err
	}
	at, _, err := span(further)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(further)+to-from)
	out = append(append(out, further[:at]...), first[from:to]...)
	return append(out, further[at:]...), nil
}

// span returns where the shared fields of a stored pair are, or would be.
func span(body []byte) (from, to int, err error) {
	for at := 0; at < len(body); {
		number, _, n := protowire.ConsumeField(body[at:])
		if n < 0 {
			return 0, 0, fmt.Errorf("a stored pair is no message: %v: %w", protowire.ParseError(n), errs.ErrDataLoss)
		}
		switch {
		case number > observationField:
			return from, to, nil
		case number < promptField:
			from = at + n
		}
		at += n
		to = at
	}
	return from, to, nil
}
