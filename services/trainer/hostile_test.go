package trainer_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// TestAHostileUploadIsRefused has uploads that are no adapter. The lease stays,
// nothing is stored, and a sound upload after it succeeds.
func TestAHostileUploadIsRefused(t *testing.T) {
	type messages = []*trainerv1.CompleteJobRequest
	header := func(fn func(*trainerv1.CompleteJobHeader)) func(messages) messages {
		return func(m messages) messages {
			fn(m[0].GetHeader())
			return m
		}
	}
	file := func(fn func(*trainerv1.ArtifactFile)) func(messages) messages {
		return header(func(h *trainerv1.CompleteJobHeader) { fn(h.GetFiles()[1]) })
	}
	chunk := func(fn func(*trainerv1.ArtifactChunk)) func(messages) messages {
		return func(m messages) messages {
			fn(m[1].GetChunk())
			return m
		}
	}
	for name, test := range map[string]struct {
		edit func(messages) messages
		says string
	}{
		"no header":               {func(m messages) messages { return m[1:] }, "header"},
		"two headers":             {func(m messages) messages { return messages{m[0], m[0]} }, "header"},
		"no file":                 {header(func(h *trainerv1.CompleteJobHeader) { h.Files = nil }), "files"},
		"another policy":          {header(func(h *trainerv1.CompleteJobHeader) { h.Policy = policy.Name }), "header.policy"},
		"another model":           {header(func(h *trainerv1.CompleteJobHeader) { h.Model = "big" }), "header.model"},
		"other pairs":             {header(func(h *trainerv1.CompleteJobHeader) { h.DataDigest = digest("x", 1) }), "header.data_digest"},
		"a .bin":                  {file(func(f *trainerv1.ArtifactFile) { f.Name = "adapter_model.bin" }), "adapter_model.bin"},
		"a .pt":                   {file(func(f *trainerv1.ArtifactFile) { f.Name = "adapter.pt" }), "adapter.pt"},
		"a name with ..":          {file(func(f *trainerv1.ArtifactFile) { f.Name = "../adapter_model.safetensors" }), "files[1].name"},
		"an absolute name":        {file(func(f *trainerv1.ArtifactFile) { f.Name = "/tmp/adapter_model.safetensors" }), "files[1].name"},
		"a name twice":            {file(func(f *trainerv1.ArtifactFile) { f.Name = artifact.ConfigFile }), "twice"},
		"another size":            {file(func(f *trainerv1.ArtifactFile) { f.Size-- }), "chunk.data"},
		"a size of 2^60":          {file(func(f *trainerv1.ArtifactFile) { f.Size = 1 << 60 }), "files[1].size"},
		"another digest":          {file(func(f *trainerv1.ArtifactFile) { f.Sha256 = digest("x", 1) }), "digest"},
		"cut short":               {func(m messages) messages { return m[:len(m)-1] }, "ended after 0 of"},
		"a gap":                   {chunk(func(c *trainerv1.ArtifactChunk) { c.Offset = 1 }), "chunk.offset"},
		"a chunk of another file": {chunk(func(c *trainerv1.ArtifactChunk) { c.File = "manifest.json" }), "chunk.file"},
		"a flipped bit": {chunk(func(c *trainerv1.ArtifactChunk) {
			c.Data = bytes.Clone(c.Data)
			c.Data[0] ^= 1
		}), "digest"},
		"a chunk of 2 MiB": {chunk(func(c *trainerv1.ArtifactChunk) { c.Data = make([]byte, 2<<20) }), "data"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			s := start(t, cfg, someone())
			job := s.submit(t, forLora("ada", 1))
			held := s.lease(t, "gpu-1")
			in := lora(adapter())
			in.edit = test.edit
			_, err := s.complete(job.GetId(), held.GetFencingToken(), in)
			require.ErrorIs(t, err, errs.ErrInvalid)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, leased, s.job(t, job.GetId()).GetState())
			entries, err := os.ReadDir(cfg.AdapterDir)
			require.NoError(t, err)
			require.Empty(t, entries, "nothing is left behind")
			done := s.finish(t, job.GetId(), held.GetFencingToken(), lora(adapter()))
			require.Equal(t, active, done.GetState(), done.GetReason())
		})
	}
}

// TestAnUnfitAdapterIsRejected has uploads that travel well and are not fit for
// use: the job is REJECTED with the reason, and nothing is published.
func TestAnUnfitAdapterIsRejected(t *testing.T) {
	base := policy.Base().Weights()
	nan := bytes.Clone(base)
	binary.LittleEndian.PutUint32(nan[len(nan)-4:], math.Float32bits(float32(math.NaN())))
	embedded := map[string]handIn{
		"a loss that is no number": {metrics: &trainerv1.TrainingMetrics{Loss: math.NaN()}, files: map[string][]byte{artifact.ModelFile: base}},
		"an infinite margin":       {metrics: &trainerv1.TrainingMetrics{Margin: math.Inf(1)}, files: map[string][]byte{artifact.ModelFile: base}},
		"weights that are NaN":     logLinear(nan),
		"weights cut short":        logLinear(base[:len(base)-8]),
		"a header of 10 GB":        logLinear(append(binary.LittleEndian.AppendUint64(nil, 10<<30), base...)),
		"a pickle in disguise":     logLinear([]byte("\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.")),
		"tensors of another kind":  logLinear(safetensors(adapter())),
		"settings beside it":       {files: map[string][]byte{artifact.ModelFile: base, artifact.ConfigFile: []byte("{}")}},
	}
	for name, in := range embedded {
		t.Run("log-linear/"+name, func(t *testing.T) {
			in.policy = policy.Name
			requireRejected(t, forWorker("ada", 1), in, "")
		})
	}
	edit := func(fn func([]tensor) []tensor) handIn { return lora(fn(adapter())) }
	settings := func(old, replacement string) handIn {
		in := lora(adapter())
		require.Contains(t, peftConfig, old)
		in.files[artifact.ConfigFile] = []byte(strings.Replace(peftConfig, old, replacement, 1))
		return in
	}
	weights := func(content []byte) handIn {
		in := lora(adapter())
		in.files[artifact.ModelFile] = content
		return in
	}
	const q = "base_model.model.model.layers.0.self_attn.q_proj"
	alone := lora(adapter())
	delete(alone.files, artifact.ConfigFile)
	for name, test := range map[string]struct {
		in   handIn
		says string
	}{
		"no settings":          {alone, "adapter_config.json"},
		"settings not JSON":    {settings(`{`, `[`), "cannot be read"},
		"another rank in them": {settings(`"r":2`, `"r":8`), "r: found 8, want 2"},
		"another alpha":        {settings(`"lora_alpha":4`, `"lora_alpha":400`), "lora_alpha"},
		"code to import":       {settings(`"auto_mapping":null`, `"auto_mapping":{"base_model_class":"os"}`), "auto_mapping"},
		"whole modules":        {settings(`"modules_to_save":null`, `"modules_to_save":["lm_head"]`), "modules_to_save"},
		"other modules":        {settings(`"v_proj"`, `"k_proj"`), "target_modules"},
		"another type":         {settings(`"LORA"`, `"PROMPT_TUNING"`), "peft_type"},
		"biases":               {settings(`"bias":"none"`, `"bias":"all"`), "bias"},
		"NaN": {edit(func(a []tensor) []tensor {
			a[1].values[3] = float32(math.NaN())
			return a
		}), "finite"},
		"infinity": {edit(func(a []tensor) []tensor {
			a[2].values[0] = float32(math.Inf(-1))
			return a
		}), "finite"},
		"a pickle in disguise": {weights([]byte("\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.")), "header"},
		"a .bin in disguise":   {weights(append([]byte("PK\x03\x04\x00\x00\x00\x00"), make([]byte, 64)...)), "header"},
		"a header of 10 GB":    {weights(append(binary.LittleEndian.AppendUint64(nil, 10<<30), safetensors(adapter())...)), "header of 10737418240 bytes"},
		"a tensor twice":       {edit(func(a []tensor) []tensor { return append(a, a[0]) }), "comes twice"},
		"an extra tensor":      {edit(func(a []tensor) []tensor { return append(a, factor("lm_head.weight", 4, 4, 1)) }), "lm_head.weight"},
		"an extra module": {edit(func(a []tensor) []tensor {
			return append(a, factor(strings.Replace(q, "q_proj", "k_proj", 1)+".lora_A.weight", 2, 6, 1))
		}), "k_proj"},
		"another rank":           {edit(func(a []tensor) []tensor { a[0] = factor(q+".lora_A.weight", 3, 6, 1); return a }), "rank 2"},
		"half a pair":            {edit(func(a []tensor) []tensor { return a[1:] }), "but not"},
		"a module missing":       {edit(func(a []tensor) []tensor { return a[:2] }), "v_proj"},
		"nothing learned":        {edit(func(a []tensor) []tensor { a[3] = factor(a[3].name, 4, 2, 0); return a }), "v_proj"},
		"a vector for a matrix":  {edit(func(a []tensor) []tensor { a[0].shape = []int{12}; return a }), "shape"},
		"worse than by guessing": {handIn{policy: "lora/1", model: "tiny", files: lora(adapter()).files, metrics: &trainerv1.TrainingMetrics{Loss: 0.9, Accuracy: 0.4}}, "accuracy"},
	} {
		t.Run("lora/"+name, func(t *testing.T) { requireRejected(t, forLora("ada", 1), test.in, test.says) })
	}
}

func requireRejected(t *testing.T, req *trainerv1.SubmitJobRequest, in handIn, says string) {
	t.Helper()
	cfg := config(t)
	s := start(t, cfg, someone())
	job := s.submit(t, req)
	held := s.lease(t, "gpu-1")
	done := s.finish(t, job.GetId(), held.GetFencingToken(), in)
	require.Equal(t, rejected, done.GetState(), done.GetReason())
	require.Contains(t, done.GetReason(), "rejected")
	require.Contains(t, done.GetReason(), says)
	require.Empty(t, done.GetAdapter())
	s.stop()
	entries, err := os.ReadDir(cfg.AdapterDir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left behind")
}

// TestALinkInTheStoreIsNotFollowed replaces a published file by a link to a file
// with the same content.
func TestALinkInTheStoreIsNotFollowed(t *testing.T) {
	cfg := config(t)
	s := start(t, cfg, someone())
	done := s.train(t, night("ada", 1, ""))
	path := filepath.Join(cfg.AdapterDir, done.GetAdapter(), artifact.ModelFile)
	target := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, os.Rename(path, target))
	require.NoError(t, os.Symlink(target, path))
	_, _, err := s.download(done.GetAdapter())
	require.ErrorIs(t, err, errs.ErrDataLoss)
	child := s.train(t, night("ada", 2, done.GetAdapter()))
	require.Equal(t, failed, child.GetState())
}
