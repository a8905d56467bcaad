package trainer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
)

// checkWeights returns an ErrInvalid for weights that do not fit their policy.
// The log-linear policy loads them; of any other kind the form is checked.
func checkWeights(name string, weights []byte) error {
	if name == policy.Name {
		_, err := policy.Load(weights)
		return err
	}
	return checkSafetensors(weights)
}

// checkSafetensors checks the form of a safetensors file: the length of a JSON
// header (8 bytes, little endian), the header, and the bytes of the tensors,
// which together fill the rest without gap or overlap.
// https://huggingface.co/docs/safetensors/index#format
func checkSafetensors(file []byte) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("safetensors: "+format+": %w", append(args, errs.ErrInvalid)...)
	}
	if len(file) < 8 {
		return bad("%d bytes are too few", len(file))
	}
	size := binary.LittleEndian.Uint64(file)
	if size > uint64(len(file)-8) {
		return bad("the header of %d bytes is cut short", size)
	}
	header, data := file[8:8+size], file[8+size:]
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(header, &entries); err != nil {
		return bad("the header cannot be read: %v", err)
	}
	var ranges [][2]int
	for name, raw := range entries {
		if name == "__metadata__" {
			continue
		}
		var tensor struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw, &tensor); err != nil || tensor.DType == "" {
			return bad("the tensor %q cannot be read", name)
		}
		ranges = append(ranges, tensor.Offsets)
	}
	if len(ranges) == 0 {
		return bad("there are no tensors")
	}
	slices.SortFunc(ranges, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	end := 0
	for _, r := range ranges {
		if r[0] != end || r[1] < r[0] {
			return bad("a tensor lies at bytes %d to %d, want it to begin at %d", r[0], r[1], end)
		}
		end = r[1]
	}
	if end != len(data) {
		return bad("the tensors take %d bytes of %d", end, len(data))
	}
	return nil
}
