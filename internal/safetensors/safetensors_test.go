package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/safetensors"
	"github.com/propersim/propersim/pkg/errs"
)

func file(header string, data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

func open(content []byte) (*safetensors.File, error) {
	return safetensors.Open(bytes.NewReader(content), int64(len(content)))
}

const sound = `{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[8,16]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`

func TestTensorsAreInOrderOfTheirBytes(t *testing.T) {
	data := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))
	data = binary.LittleEndian.AppendUint32(data, math.Float32bits(-2))
	for _, x := range []float32{1, 2, -2, 4} {
		data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(x)>>16))
	}
	f, err := open(file(sound, data))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"format": "pt"}, f.Metadata)
	require.Equal(t, "a", f.Tensors[0].Name)
	values, err := f.Float32s(f.Tensors[0])
	require.NoError(t, err)
	require.Equal(t, []float32{1.5, -2}, values)
	b, ok := f.Tensor("b")
	require.True(t, ok)
	require.Equal(t, []int64{2, 2}, b.Shape)
	sum, err := f.SquareSum(b)
	require.NoError(t, err)
	require.Equal(t, 25.0, sum)
	_, err = f.Float32s(b)
	require.ErrorIs(t, err, errs.ErrInvalid)
	_, ok = f.Tensor("c")
	require.False(t, ok)
}

func TestHalvesAreRead(t *testing.T) {
	header := `{"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`
	for bits, want := range map[uint16]float64{0x3c00: 1, 0xc000: 4, 0x0001: math.Exp2(-48), 0x7bff: 65504 * 65504, 0x0000: 0} {
		f, err := open(file(header, binary.LittleEndian.AppendUint16(nil, bits)))
		require.NoError(t, err)
		sum, err := f.SquareSum(f.Tensors[0])
		require.NoError(t, err)
		require.Equal(t, want, sum, "%#x", bits)
	}
	for _, bits := range []uint16{0x7c00, 0xfc00, 0x7c01} {
		f, err := open(file(header, binary.LittleEndian.AppendUint16(nil, bits)))
		require.NoError(t, err)
		_, err = f.SquareSum(f.Tensors[0])
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, "value 0")
	}
}

func TestAnUnsoundFileIsRefused(t *testing.T) {
	data := make([]byte, 16)
	edit := func(old, replacement string) []byte {
		require.Contains(t, sound, old)
		return file(strings.Replace(sound, old, replacement, 1), data)
	}
	whole := file(sound, data)
	tests := map[string]struct {
		content []byte
		want    string
	}{
		"empty":               {nil, "cut short"},
		"cut in the header":   {whole[:20], "cut short"},
		"cut in the data":     {whole[:len(whole)-1], `b: bytes [8, 16) of 15`},
		"bytes to spare":      {append(bytes.Clone(whole), 0), "found 17 bytes of tensors, want 16"},
		"header of 10 GB":     {append(binary.LittleEndian.AppendUint64(nil, 10<<30), whole...), "header of 10737418240 bytes, want at most"},
		"header of 2^64":      {append(binary.LittleEndian.AppendUint64(nil, math.MaxUint64), whole...), "want at most"},
		"a pickle":            {[]byte("\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94."), "want at most"},
		"a zip of pickles":    {append([]byte("PK\x03\x04\x00\x00\x00\x00"), data...), "want at most"},
		"no object":           {file("[1]", data), "no JSON object"},
		"two objects":         {file(sound+"{}", data), "something follows"},
		"twice":               {edit(`"b":{`, `"a":{`), `"a" comes twice`},
		"unknown field":       {edit(`"dtype":"BF16"`, `"device":"cpu","dtype":"BF16"`), "unknown field"},
		"metadata not text":   {edit(`"pt"`, `1`), "__metadata__"},
		"an integer type":     {edit(`"BF16"`, `"I16"`), `dtype "I16"`},
		"a negative offset":   {edit(`[0,8]`, `[-8,8]`), "want them to begin at 0"},
		"one offset":          {edit(`[0,8]`, `[0]`), "two data_offsets"},
		"overlap":             {edit(`[8,16]`, `[4,16]`), "want them to begin at 8"},
		"gap":                 {edit(`[8,16]`, `[10,16]`), "want them to begin at 8"},
		"shape too small":     {edit(`[2,2]`, `[2,1]`), "8 bytes, want 4"},
		"a negative shape":    {edit(`[2,2]`, `[-2,-2]`), "dimensions"},
		"a shape overflowing": {edit(`[2,2]`, `[4294967296,4294967296,4294967296]`), "dimensions"},
		"no shape":            {edit(`"shape":[2,2],`, ``), "want dtype, shape"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := open(test.content)
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestAFileThatShrinksIsRefused opens a file whose bytes are fewer than its size
// said, as one that is truncated while it is read.
func TestAFileThatShrinksIsRefused(t *testing.T) {
	whole := file(sound, make([]byte, 16))
	f, err := safetensors.Open(bytes.NewReader(whole[:len(whole)-4]), int64(len(whole)))
	require.NoError(t, err)
	_, err = f.SquareSum(f.Tensors[1])
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "cut short")
}

func FuzzOpen(f *testing.F) {
	f.Add(file(sound, make([]byte, 16)))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f.Add(file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}} `, []byte("abcd")))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, content []byte) {
		one, err := open(content)
		if err != nil {
			require.ErrorIs(t, err, errs.ErrInvalid)
			return
		}
		for _, tensor := range one.Tensors {
			if _, err := one.SquareSum(tensor); err != nil {
				require.ErrorIs(t, err, errs.ErrInvalid)
			}
		}
		_, err = open(append(bytes.Clone(content), 0))
		require.Error(t, err, "a byte to spare")
		_, err = open(content[:len(content)-1])
		require.Error(t, err, "cut short")
	})
}
