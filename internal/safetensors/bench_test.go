package safetensors_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSquareSum reads a factor of the q_proj of a Llama 3.3 70B.
func BenchmarkSquareSum(b *testing.B) {
	const values = 8192 * 16
	for dtype, size := range map[string]int{"BF16": 2, "F16": 2, "F32": 4} {
		b.Run(dtype, func(b *testing.B) {
			data := make([]byte, values*size)
			for i := range data {
				data[i] = byte(i) & 0x3b
			}
			f, err := open(file(fmt.Sprintf(`{"x":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, dtype, values, len(data)), data))
			require.NoError(b, err)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, err := f.SquareSum(f.Tensors[0])
				require.NoError(b, err)
			}
		})
	}
}
