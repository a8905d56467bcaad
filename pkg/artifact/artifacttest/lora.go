// Package artifacttest makes small LoRA adapters for tests.
package artifacttest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/artifact"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Modules are the adapted modules of Lora's adapters.
var Modules = []string{"q_proj", "v_proj"}

// Lora returns an adapter of one layer: its manifest, with its id, and its files.
// Every value of the factors is x.
func Lora(t testing.TB, model string, day, rank int32, x float32) (*trainerv1.Manifest, map[string][]byte) {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "bias": "none", "target_modules": Modules, "base_model_name_or_path": model,
	})
	require.NoError(t, err)
	files := map[string][]byte{artifact.ConfigFile: config, artifact.ModelFile: weights(rank, x)}
	m := &trainerv1.Manifest{
		Day: day, Policy: artifact.LoraPolicy, Model: model, Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Accuracy: 0.9},
		Hyperparameters: &trainerv1.Hyperparameters{Lora: &trainerv1.Lora{Model: model, Rank: rank, Alpha: float64(2 * rank), TargetModules: Modules}},
		Files:           []*trainerv1.ArtifactFile{artifact.Describe(artifact.ConfigFile, config), artifact.Describe(artifact.ModelFile, files[artifact.ModelFile])},
	}
	m.Id, err = artifact.ID(m)
	require.NoError(t, err)
	return m, files
}

func weights(rank int32, x float32) []byte {
	header, data := "{", []byte(nil)
	for _, module := range Modules {
		for i, shape := range [][2]int32{{rank, 6}, {4, rank}} {
			factor := "AB"[i : i+1]
			from := len(data)
			for range shape[0] * shape[1] {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
			}
			if header != "{" {
				header += ","
			}
			header += fmt.Sprintf(`"base_model.model.model.layers.0.self_attn.%s.lora_%s.weight":{"dtype":"F32","shape":[%d,%d],"data_offsets":[%d,%d]}`,
				module, factor, shape[0], shape[1], from, len(data))
		}
	}
	header += "}"
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

// Publish puts an adapter into a store.
func Publish(t testing.TB, store *artifact.Store, m *trainerv1.Manifest, files map[string][]byte) {
	t.Helper()
	upload, err := store.Upload(m.GetFiles())
	require.NoError(t, err)
	require.NoError(t, artifact.Chunks(m.GetFiles(), files, upload.Write))
	require.NoError(t, upload.Stage(m))
	require.NoError(t, upload.Close())
	require.NoError(t, store.Publish(m))
}
