package trainer_test

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

// forLora is a job of rank 2 on two modules of a tiny model.
func forLora(run string, day int32) *trainerv1.SubmitJobRequest {
	req := forWorker(run, day)
	req.Hyperparameters.Lora = &trainerv1.Lora{Model: "tiny", Rank: 2, Alpha: 4, TargetModules: []string{"q_proj", "v_proj"}}
	return req
}

// tensor is one tensor of a file.
type tensor struct {
	name   string
	dtype  string
	shape  []int
	values []float32
}

// factor is a LoRA factor whose values are all x.
func factor(name string, rows, columns int, x float32) tensor {
	t := tensor{name: name, dtype: "F32", shape: []int{rows, columns}, values: make([]float32, rows*columns)}
	for i := range t.values {
		t.values[i] = x
	}
	return t
}

// adapter has the factors of both modules of one layer.
func adapter() (out []tensor) {
	for _, module := range []string{"q_proj", "v_proj"} {
		name := "base_model.model.model.layers.0.self_attn." + module
		out = append(out, factor(name+".lora_A.weight", 2, 6, 0.5), factor(name+".lora_B.weight", 4, 2, 0.25))
	}
	return out
}

// safetensors writes tensors as a file.
func safetensors(tensors []tensor) []byte {
	header, data := `{"__metadata__":{"format":"pt"}`, []byte(nil)
	for _, t := range tensors {
		from := len(data)
		for _, x := range t.values {
			if t.dtype == "BF16" {
				data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(x)>>16))
			} else {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
			}
		}
		shape, _ := json.Marshal(t.shape) // integers
		header += fmt.Sprintf(`,%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, t.name, t.dtype, shape, from, len(data))
	}
	header += "}"
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

const peftConfig = `{"peft_type":"LORA","r":2,"lora_alpha":4,"lora_dropout":0.05,"bias":"none","target_modules":["v_proj","q_proj"],"task_type":"CAUSAL_LM","modules_to_save":null,"auto_mapping":null,"base_model_name_or_path":"tiny"}`

func lora(tensors []tensor) handIn {
	return handIn{policy: "lora/1", model: "tiny", files: map[string][]byte{
		artifact.ModelFile: safetensors(tensors), artifact.ConfigFile: []byte(peftConfig),
	}}
}

func TestALoraAdapterComesIntoForce(t *testing.T) {
	s := start(t, config(t), someone())
	job := s.submit(t, forLora("ada", 1))
	held := s.lease(t, "gpu-1")
	in := lora(adapter())
	done := s.finish(t, job.GetId(), held.GetFencingToken(), in)
	require.Equal(t, active, done.GetState(), done.GetReason())
	m, files, err := s.download(done.GetAdapter())
	require.NoError(t, err)
	require.Equal(t, in.files, files)
	require.Equal(t, "tiny", m.GetModel())
	require.Equal(t, "lora/1", m.GetPolicy())

	child := forLora("ada", 2)
	child.ParentAdapter = done.GetAdapter()
	s.submit(t, child)
	embedded := night("ada", 2, done.GetAdapter())
	_, err = s.SubmitJob(t.Context(), embedded)
	require.ErrorContains(t, err, "parent_adapter", "another kind of policy")
	embedded = night("ada", 2, "")
	embedded.Hyperparameters.Lora = &trainerv1.Lora{}
	_, err = s.SubmitJob(t.Context(), embedded)
	require.ErrorContains(t, err, "hyperparameters.lora")
}

func TestHalvesAndBrainFloatsAreAccepted(t *testing.T) {
	s := start(t, config(t), someone())
	job := s.submit(t, forLora("ada", 1))
	held := s.lease(t, "gpu-1")
	tensors := adapter()
	for i := range tensors {
		tensors[i].dtype = "BF16"
	}
	done := s.finish(t, job.GetId(), held.GetFencingToken(), lora(tensors))
	require.Equal(t, active, done.GetState(), done.GetReason())
}
