package serve

import (
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

// checker validates requests against the rules of their contract.
type checker struct{ validator protovalidate.Validator }

func newChecker() (*checker, error) {
	v, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("validator: %w", err)
	}
	return &checker{validator: v}, nil
}

// check returns a *protovalidate.ValidationError, which errs.ToStatus turns
// into one violation per field.
func (c *checker) check(req any) error {
	msg, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	return c.validator.Validate(msg)
}
