package safetensors

import (
	"bytes"
	"encoding/json"
	"io"
)

// metadataName is the entry of a header that is no tensor.
const metadataName = "__metadata__"

// entry is one tensor of a header.
type entry struct {
	DType   *string `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// parse reads one JSON object, refusing a name that comes twice. Offsets stay
// relative to the end of the header.
func parse(header []byte) (*File, error) {
	decoder := json.NewDecoder(bytes.NewReader(header))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, bad("the header is no JSON object")
	}
	f, seen := &File{}, map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, bad("header: %v", err)
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, bad("header: %q comes twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, bad("header: %q: %v", name, err)
		}
		if err := f.add(name, value); err != nil {
			return nil, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, bad("header: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, bad("header: something follows the object")
	}
	return f, nil
}

func (f *File) add(name string, value json.RawMessage) error {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if name == metadataName {
		if err := decoder.Decode(&f.Metadata); err != nil {
			return bad("header: %s: %v", name, err)
		}
		return nil
	}
	var e entry
	if err := decoder.Decode(&e); err != nil {
		return bad("header: %q: %v", name, err)
	}
	if e.DType == nil || e.Shape == nil || len(e.Offsets) != 2 {
		return bad("header: %q: want dtype, shape and two data_offsets", name)
	}
	f.Tensors = append(f.Tensors, Tensor{Name: name, DType: *e.DType, Shape: e.Shape, From: e.Offsets[0], To: e.Offsets[1]})
	return nil
}
