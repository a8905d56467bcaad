package trainer_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/artifact"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// largeFile is a LoRA adapter of so many layers that is made while it is read:
// for each layer the factors of q_proj and v_proj, rank 16, 65,536 wide, BF16, all
// values 1/2.
func largeFile(layers int) (header []byte, data int64) {
	const wide, rank = 65536, 16
	var entries []string
	for layer := range layers {
		for _, module := range []string{"q_proj", "v_proj"} {
			for _, f := range []struct {
				name  string
				shape string
			}{{"A", fmt.Sprintf("[%d,%d]", rank, wide)}, {"B", fmt.Sprintf("[%d,%d]", wide, rank)}} {
				entries = append(entries, fmt.Sprintf(`"base_model.model.model.layers.%d.self_attn.%s.lora_%s.weight":{"dtype":"BF16","shape":%s,"data_offsets":[%d,%d]}`,
					layer, module, f.name, f.shape, data, data+2*wide*rank))
				data += 2 * wide * rank
			}
		}
	}
	text := "{" + strings.Join(entries, ",") + "}"
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), data
}

// halves is an endless stream of the BF16 value 1/2, 0x3f00.
type halves struct{ at int }

func (h *halves) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = []byte{0x00, 0x3f}[(h.at+i)%2]
	}
	h.at += len(p)
	return len(p), nil
}

func largeContent(layers int) (io.Reader, int64) {
	header, data := largeFile(layers)
	return io.MultiReader(strings.NewReader(string(header)), io.LimitReader(&halves{}, data)), int64(len(header)) + data
}

// TestALargeAdapterTravelsInLittleMemory uploads, publishes and downloads the
// adapter of a model with 70 billion parameters. The heap's greatest extent, of
// both ends together, grows by at most 64 MiB.
func TestALargeAdapterTravelsInLittleMemory(t *testing.T) {
	layers := 50 // 420 MB
	if testing.Short() {
		layers = 5
	}
	reader, size := largeContent(layers)
	h := sha256.New()
	_, err := io.Copy(h, reader)
	require.NoError(t, err)
	settings := strings.NewReplacer(`"r":2`, `"r":16`, `"lora_alpha":4`, `"lora_alpha":32`).Replace(peftConfig)
	model := &trainerv1.ArtifactFile{Name: artifact.ModelFile, Size: size, Sha256: hex.EncodeToString(h.Sum(nil))}

	cfg := config(t)
	s := start(t, cfg, someone())
	req := forWorker("ada", 1)
	req.Hyperparameters.Lora = &trainerv1.Lora{Model: "tiny", TargetModules: []string{"q_proj", "v_proj"}}
	job := s.submit(t, req)
	held := s.lease(t, "gpu-1")
	d, err := s.pairs(job.GetId(), held.GetFencingToken())
	require.NoError(t, err)

	// A heap may be twice what lives on it before it is collected; what other tests
	// left alive must not count double.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	debug.FreeOSMemory()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	stream, err := s.worker.CompleteJob(context.Background())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Header{Header: &trainerv1.CompleteJobHeader{
		JobId: job.GetId(), FencingToken: held.GetFencingToken(), Policy: "lora/1", Model: "tiny", DataDigest: d.digest,
		Metrics: &trainerv1.TrainingMetrics{Loss: 0.1, Accuracy: 0.9}, Files: []*trainerv1.ArtifactFile{artifact.Describe(artifact.ConfigFile, []byte(settings)), model},
	}}}))
	send := func(file string, from io.Reader) {
		buffer, at := make([]byte, artifact.ChunkBytes), int64(0)
		for {
			n, err := io.ReadFull(from, buffer)
			if n > 0 {
				require.NoError(t, stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Chunk{
					Chunk: &trainerv1.ArtifactChunk{File: file, Offset: at, Data: buffer[:n]},
				}}))
				at += int64(n)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
			require.NoError(t, err)
		}
	}
	send(artifact.ConfigFile, strings.NewReader(settings))
	reader, _ = largeContent(layers)
	send(artifact.ModelFile, reader)
	_, err = stream.CloseAndRecv()
	require.NoError(t, err)
	uploaded := time.Since(began)

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	watch, err := s.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: job.GetId()})
	require.NoError(t, err)
	_, done := rest(t, watch)
	require.Equal(t, active, done.GetState(), done.GetReason())
	inForce := time.Since(began)

	to, err := artifact.Open(t.TempDir())
	require.NoError(t, err)
	_, err = to.Fetch(ctx, s, done.GetAdapter())
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	t.Logf("%d MB: uploaded after %v, in force after %v, fetched after %v; heap %d MiB more", size>>20, uploaded, inForce, time.Since(began), (int64(after.HeapSys)-int64(before.HeapSys))>>20)
	require.LessOrEqual(t, int64(after.HeapSys)-int64(before.HeapSys), int64(64<<20))
}
