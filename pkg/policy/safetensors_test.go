package policy_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
)

func trained(t testing.TB) *policy.Policy {
	p, _, err := policy.Train(policy.Base(), synthetic(20), night(), 1)
	require.NoError(t, err)
	return p
}

// parts takes a weight file apart.
func parts(file []byte) (header string, data []byte) {
	n := binary.LittleEndian.Uint64(file)
	return string(file[8 : 8+n]), file[8+n:]
}

func join(header string, data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

func TestWeightsComeBackWhole(t *testing.T) {
	for name, p := range map[string]*policy.Policy{"base": policy.Base(), "trained": trained(t)} {
		t.Run(name, func(t *testing.T) {
			file := p.Weights()
			back, err := policy.Load(file)
			require.NoError(t, err)
			require.Equal(t, file, back.Weights())
			f := synthetic(1)[0].GetPrompt().GetFeatures()
			require.Equal(t, p.LogProb(f, policy.Choice{Topic: 3}), back.LogProb(f, policy.Choice{Topic: 3}))
		})
	}
}

func TestTheFileIsSafetensors(t *testing.T) {
	header, data := parts(policy.Base().Weights())
	require.Zero(t, len(header)%8)
	var entries map[string]struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	require.NoError(t, json.Unmarshal([]byte(header), &entries))
	require.Equal(t, []int{policy.FeatureCount()}, entries["gate"].Shape)
	require.Equal(t, "F32", entries["tone"].DType)
	require.Equal(t, len(data), entries["tone"].Offsets[1])
}

func TestAFileThatIsNotWholeIsRefused(t *testing.T) {
	file := trained(t).Weights()
	header, data := parts(file)
	edit := func(old, new string) []byte {
		require.Contains(t, header, old)
		return join(strings.Replace(header, old, new, 1), data)
	}
	nan := bytes.Clone(data)
	binary.LittleEndian.PutUint32(nan, math.Float32bits(float32(math.NaN())))
	tone := strings.Index(header, `,"tone"`)
	tests := map[string]struct {
		file []byte
		want string
	}{
		"empty":             {nil, "cut short"},
		"cut in the header": {file[:40], "cut short"},
		"cut in the data":   {file[:len(file)-1], "tone"},
		"bytes to spare":    {append(bytes.Clone(file), 0), "bytes of tensors"},
		"a huge header":     {binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "header of"},
		"no object":         {join("[]", data), "no JSON object"},
		"two objects":       {join(header+"{}", data), "something follows"},
		"another policy":    {edit("log-linear/1", "log-linear/9"), "made for policy"},
		"another version":   {edit(`"features":"1"`, `"features":"2"`), "made for feature version"},
		"another type":      {edit("F32", "F16"), "1168 bytes, want 584"},
		"another shape":     {edit(`"shape":[`, `"shape":[1,`), "shape"},
		"unknown tensor":    {edit(`"gate"`, `"gait"`), `unknown tensor "gait"`},
		"missing tensor":    {join(header[:tone]+"}", data[:4*policy.FeatureCount()*(1+len(content.Topics()))]), "tone is missing"},
		"twice":             {edit(`"topic"`, `"gate"`), "comes twice"},
		"unknown field":     {edit(`"dtype"`, `"device":"cpu","dtype"`), "unknown field"},
		"no number":         {join(header, nan), "NaN"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Load(test.file)
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// FuzzSafetensors holds that a reader never breaks, and that what it accepts it
// writes back with the same meaning. The header and its stated length are
// fuzzed; the tensors' bytes, which no branch depends on, are given, cut or
// padded to a length.
func FuzzSafetensors(f *testing.F) {
	header, data := parts(policy.Base().Weights())
	f.Add(uint64(len(header)), header, len(data))
	f.Add(uint64(len(header)), header, len(data)-1)
	f.Add(uint64(len(header)+8), header, len(data)+8)
	f.Add(uint64(2), "{}", 0)
	f.Add(uint64(len(header)), strings.Replace(header, "data_offsets", "dtype", 1), len(data))
	f.Fuzz(func(t *testing.T, length uint64, header string, size int) {
		if size < 0 || size > 2*len(data) {
			return
		}
		body := make([]byte, size)
		copy(body, data)
		in := append(append(binary.LittleEndian.AppendUint64(nil, length), header...), body...)
		p, err := policy.Load(in)
		if err != nil {
			if !errors.Is(err, errs.ErrInvalid) {
				t.Fatalf("want an ErrInvalid, got %v", err)
			}
			return
		}
		again, err := policy.Load(p.Weights())
		if err != nil || !bytes.Equal(p.Weights(), again.Weights()) {
			t.Fatalf("not written back: %v", err)
		}
	})
}
