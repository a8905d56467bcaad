package policy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/propersim/propersim/internal/safetensors"
	"github.com/propersim/propersim/pkg/errs"
)

// Weight files are safetensors with float32 tensors. They hold what was learned,
// not the base: "gate" [features], "topic" [features, topics] and "tone"
// [features, tones], with the metadata "policy" and "features" that say what they
// fit.

// alignment of the tensors' bytes in a file, as the format asks.
const alignment = 8

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
	for len(header)%alignment != 0 {
		header = append(header, ' ')
	}
	out := make([]byte, 0, 8+len(header)+offset)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(header)))
	out = append(out, header...)
	p.delta.each(func(_ string, _ int, values []float32) {
		for _, x := range values {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
	})
	return out
}

// Load reads a weight file. It is strict: errs.ErrInvalid for a file that is not
// sound safetensors, for another policy or feature version, for unknown or
// missing tensors, other types or shapes, and values that are not finite.
func Load(file []byte) (*Policy, error) {
	p, err := load(file)
	if err != nil {
		return nil, fmt.Errorf("policy weights: %w", err)
	}
	return p, nil
}

func load(file []byte) (*Policy, error) {
	f, err := safetensors.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	if err := checkMetadata(f.Metadata); err != nil {
		return nil, err
	}
	for _, tensor := range f.Tensors {
		if !slices.Contains([]string{"gate", "topic", "tone"}, tensor.Name) {
			return nil, bad("unknown tensor %q, want gate, topic and tone", tensor.Name)
		}
	}
	delta := newTensors[float32]()
	delta.each(func(name string, width int, values []float32) {
		if err == nil {
			err = fill(values, f, name, width)
		}
	})
	if err != nil {
		return nil, err
	}
	return withDelta(delta), nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errs.ErrInvalid)...)
}

func checkMetadata(metadata map[string]string) error {
	if metadata["policy"] != Name {
		return bad("made for policy %q, want %q", metadata["policy"], Name)
	}
	if want := strconv.Itoa(FeatureVersion); metadata["features"] != want {
		return bad("made for feature version %q, want %q", metadata["features"], want)
	}
	if len(metadata) != 2 {
		return bad("found %d entries of metadata, want policy and features", len(metadata))
	}
	return nil
}

// fill sets values to the tensor of that name.
func fill(values []float32, f *safetensors.File, name string, width int) error {
	tensor, ok := f.Tensor(name)
	if !ok {
		return bad("%s is missing", name)
	}
	want := []int64{int64(featureCount)}
	if width > 1 {
		want = append(want, int64(width))
	}
	if !slices.Equal(tensor.Shape, want) {
		return bad("%s: shape %v, want %v", name, tensor.Shape, want)
	}
	read, err := f.Float32s(tensor)
	if err != nil {
		return err
	}
	copy(values, read)
	return nil
}
