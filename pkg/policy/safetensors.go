package policy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/propersim/propersim/pkg/errs"
)

// Weight files are safetensors: the length of a JSON header (8 bytes, little
// endian), the header, and the tensors' bytes (float32, little endian, row by
// row). They hold what was learned, not the base: "gate" [features], "topic"
// [features, topics] and "tone" [features, tones], with the metadata "policy"
// and "features" that say what they fit.
const (
	lengthBytes    = 8
	maxHeaderBytes = 4096
)

// tensorHeader is one entry of a safetensors header.
type tensorHeader struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"`
}

// metadata says what a weight file fits.
type metadata struct {
	Features string `json:"features"`
	Policy   string `json:"policy"`
}

// Weights returns what was learned as a safetensors file: the same policy gives
// the same bytes.
func (p *Policy) Weights() []byte {
	header := []byte(`{"__metadata__":{"features":"` + strconv.Itoa(FeatureVersion) + `","policy":"` + Name + `"}`)
	offset := 0
	p.delta.each(func(name string, width int, values []float32) {
		shape := strconv.Itoa(featureCount)
		if width > 1 {
			shape += "," + strconv.Itoa(width)
		}
		end := offset + 4*len(values)
		header = append(header, `,"`+name+`":{"dtype":"F32","shape":[`+shape+`],"data_offsets":[`+strconv.Itoa(offset)+`,`+strconv.Itoa(end)+`]}`...)
		offset = end
	})
	header = append(header, '}')
	for len(header)%lengthBytes != 0 { // the format aligns the tensors
		header = append(header, ' ')
	}
	out := make([]byte, 0, lengthBytes+len(header)+offset)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(header)))
	out = append(out, header...)
	p.delta.each(func(_ string, _ int, values []float32) {
		for _, x := range values {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
	})
	return out
}

// Load reads a weight file. It is strict: errs.ErrInvalid for a file that is
// cut short or has bytes to spare, for another policy or feature version, for
// unknown, missing or repeated tensors, other types or shapes, overlapping or
// loose offsets, and values that are no finite numbers.
func Load(file []byte) (*Policy, error) {
	header, data, err := split(file)
	if err != nil {
		return nil, err
	}
	entries, err := readHeader(header)
	if err != nil {
		return nil, err
	}
	if err := entries.checkMetadata(); err != nil {
		return nil, err
	}
	delta := newTensors[float32]()
	used := 0
	delta.each(func(name string, width int, values []float32) {
		if err != nil {
			return
		}
		used += 4 * len(values)
		err = entries.read(name, width, values, data)
	})
	if err != nil {
		return nil, err
	}
	if err := entries.checkOverlap(); err != nil {
		return nil, err
	}
	if used != len(data) {
		return nil, bad("found %d bytes of tensors, want %d", len(data), used)
	}
	return withDelta(delta), nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("policy weights: "+format+": %w", append(args, errs.ErrInvalid)...)
}

func split(file []byte) (header, data []byte, err error) {
	if len(file) < lengthBytes {
		return nil, nil, bad("cut short: %d bytes, want at least %d", len(file), lengthBytes)
	}
	length := binary.LittleEndian.Uint64(file)
	if length > maxHeaderBytes {
		return nil, nil, bad("header of %d bytes, want at most %d", length, maxHeaderBytes)
	}
	rest := file[lengthBytes:]
	if uint64(len(rest)) < length {
		return nil, nil, bad("cut short: %d bytes of a header of %d", len(rest), length)
	}
	return rest[:length], rest[length:], nil
}

// entries is a header by name.
type entries map[string]json.RawMessage

// readHeader reads one JSON object, refusing a name that comes twice.
func readHeader(header []byte) (entries, error) {
	decoder := json.NewDecoder(bytes.NewReader(header))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, bad("the header is no JSON object")
	}
	out := entries{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, bad("header: %v", err)
		}
		name, _ := token.(string)
		if _, twice := out[name]; twice {
			return nil, bad("header: %q comes twice", name)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, bad("header: %q: %v", name, err)
		}
		switch name {
		case "__metadata__", "gate", "topic", "tone":
			out[name] = value
		default:
			return nil, bad("unknown tensor %q, want gate, topic and tone", name)
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, bad("header: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, bad("header: something follows the object")
	}
	return out, nil
}

// strictly decodes one entry, refusing fields that it does not know.
func (e entries) strictly(name string, into any) error {
	raw, ok := e[name]
	if !ok {
		return bad("%s is missing", name)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return bad("%s: %v", name, err)
	}
	return nil
}

func (e entries) checkMetadata() error {
	var m metadata
	if err := e.strictly("__metadata__", &m); err != nil {
		return err
	}
	if m.Policy != Name {
		return bad("made for policy %q, want %q", m.Policy, Name)
	}
	if m.Features != strconv.Itoa(FeatureVersion) {
		return bad("made for feature version %q, want \"%d\"", m.Features, FeatureVersion)
	}
	return nil
}

// read fills values with the tensor of that name.
func (e entries) read(name string, width int, values []float32, data []byte) error {
	h, err := e.tensor(name)
	if err != nil {
		return err
	}
	want := []int{featureCount}
	if width > 1 {
		want = append(want, width)
	}
	if h.DType != "F32" {
		return bad("%s: dtype %q, want F32", name, h.DType)
	}
	if fmt.Sprint(h.Shape) != fmt.Sprint(want) {
		return bad("%s: shape %v, want %v", name, h.Shape, want)
	}
	from, to := h.Offsets[0], h.Offsets[1]
	if from < 0 || to-from != 4*len(values) || to > len(data) {
		return bad("%s: bytes [%d, %d) of %d, want %d of them", name, from, to, len(data), 4*len(values))
	}
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[from+4*i:]))
		if x := float64(values[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return bad("%s: value %d is %v, want a finite number", name, i, x)
		}
	}
	return nil
}

func (e entries) tensor(name string) (tensorHeader, error) {
	var h tensorHeader
	if err := e.strictly(name, &h); err != nil {
		return h, err
	}
	if len(h.Offsets) != 2 {
		return h, bad("%s: data_offsets %v, want two", name, h.Offsets)
	}
	return h, nil
}

// checkOverlap refuses tensors that share bytes. As their lengths add up to the
// whole, none is loose either.
func (e entries) checkOverlap() error {
	names := []string{"gate", "topic", "tone"}
	for i, name := range names {
		a, err := e.tensor(name)
		if err != nil {
			return err
		}
		for _, other := range names[:i] {
			b, err := e.tensor(other)
			if err != nil {
				return err
			}
			if a.Offsets[0] < b.Offsets[1] && b.Offsets[0] < a.Offsets[1] {
				return bad("%s and %s share bytes", other, name)
			}
		}
	}
	return nil
}
