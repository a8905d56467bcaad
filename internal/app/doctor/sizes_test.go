package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
)

const llama70B = `{"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256}`

func in(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "config.json"), []byte(text), 0o600))
	return folder
}

// TestTheSizesOfLlama70B compares with published figures: 70.55 billion parameters,
// 414 MB for an adapter of rank 16 in bf16, about 40 GB in NF4.
func TestTheSizesOfLlama70B(t *testing.T) {
	s, err := readShape(in(t, llama70B))
	require.NoError(t, err)
	require.InDelta(t, 70.55e9, float64(s.linear()+s.other()), 0.01e9)
	l := config.Default().Trainer.Lora
	require.EqualValues(t, 414_187_520/2, s.adapter(&l))
	n := s.sizes(&l, 32, 8)
	require.InDelta(t, 40e9, float64(n.base), 2e9)
	require.EqualValues(t, 320<<10, n.cache/int64(32*l.MaxTokens), "320 KiB of KV cache a token")
	l.GradientCheckpointing = true
	less := s.sizes(&l, 32, 8)
	require.Less(t, less.activations, n.activations/10)
	require.Less(t, less.training(), int64(80e9), "it fits one card of 80 GB with checkpointing")
	l.Quantization = "none"
	require.EqualValues(t, n.download, s.sizes(&l, 32, 8).base)
}

func TestAGPUIsComparedWithTheNeeds(t *testing.T) {
	folder := in(t, llama70B)
	s, err := readShape(folder)
	require.NoError(t, err)
	l := config.Default().Trainer.Lora
	statuses := func(memory int64) (out []Status) {
		for _, f := range needs(s.sizes(&l, 32, 8), s, &l, GPU{Base: folder, Sequences: 32, Loaded: 8}, memory) {
			out = append(out, f.Status)
		}
		return out
	}
	require.Equal(t, []Status{OK, Warn, Warn, Warn}, statuses(0), "no GPU: arithmetic alone, and the weights are missing")
	require.Equal(t, []Status{OK, Warn, Bad, Bad}, statuses(24<<30))
	require.Equal(t, []Status{OK, Warn, OK, OK}, statuses(1<<40))

	for _, bad := range []string{"{}", "[", `{"hidden_size": "x"}`} {
		_, err := readShape(in(t, bad))
		require.Error(t, err)
	}
	c := config.Default()
	found := LookGPU(t.Context(), &c, GPU{Base: t.TempDir()})
	byCheck := map[string]Finding{}
	for _, f := range found {
		byCheck[f.Check] = f
	}
	require.Equal(t, Bad, byCheck["base model"].Status)
	require.Contains(t, byCheck["base model"].Detail, "--base")
	require.Equal(t, Warn, byCheck["nodes"].Status)
	require.Equal(t, Warn, byCheck["workers"].Status)
}
