package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// largeModules are the adapted modules of a Llama 3.3 70B, with their rows and
// columns.
var largeModules = []struct {
	name          string
	rows, columns int
}{
	{"self_attn.q_proj", 8192, 8192}, {"self_attn.k_proj", 1024, 8192}, {"self_attn.v_proj", 1024, 8192}, {"self_attn.o_proj", 8192, 8192},
	{"mlp.gate_proj", 28672, 8192}, {"mlp.up_proj", 28672, 8192}, {"mlp.down_proj", 8192, 28672},
}

// writeLargeAdapter writes an adapter of rank 16 of a model with so many layers, in
// bf16: 414 MB with the 80 layers of a Llama 3.3 70B.
func writeLargeAdapter(t *testing.T, dir string, layers int) []*trainerv1.ArtifactFile {
	t.Helper()
	const rank = 16
	var entries, modules []string
	size := 0
	for layer := range layers {
		for _, m := range largeModules {
			for factor, shape := range map[string][2]int{"A": {rank, m.columns}, "B": {m.rows, rank}} {
				bytes := 2 * shape[0] * shape[1]
				entries = append(entries, fmt.Sprintf(`"base_model.model.model.layers.%d.%s.lora_%s.weight":{"dtype":"BF16","shape":[%d,%d],"data_offsets":[%d,%d]}`,
					layer, m.name, factor, shape[0], shape[1], size, size+bytes))
				size += bytes
			}
		}
	}
	for _, m := range largeModules {
		modules = append(modules, strconv.Quote(m.name[strings.Index(m.name, ".")+1:]))
	}
	header := "{" + strings.Join(entries, ",") + "}"
	file, err := os.Create(filepath.Join(dir, artifact.ModelFile))
	require.NoError(t, err)
	sum := sha256.New()
	out := io.MultiWriter(file, sum)
	_, err = out.Write(append(lengthOf(header), header...))
	require.NoError(t, err)
	pattern := make([]byte, 1<<20)
	for i := range pattern { // values around 2^-7 of both signs
		pattern[i] = []byte{byte(i * 7 >> 3), 0x3c | byte(i&2)<<6}[i%2]
	}
	for at := 0; at < size; at += len(pattern) {
		_, err = out.Write(pattern[:min(len(pattern), size-at)])
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	config := []byte(`{"peft_type":"LORA","r":16,"lora_alpha":32,"bias":"none","target_modules":[` + strings.Join(modules, ",") + `]}`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, artifact.ConfigFile), config, 0o644))
	return []*trainerv1.ArtifactFile{artifact.Describe(artifact.ConfigFile, config), {
		Name: artifact.ModelFile, Size: int64(8 + len(header) + size), Sha256: hex.EncodeToString(sum.Sum(nil)),
	}}
}

// lengthOf is the length of a header as safetensors has it before it: 8 bytes, the
// lowest first.
func lengthOf(header string) []byte {
	out := make([]byte, 8, 8+len(header))
	for i := range out {
		out[i] = byte(len(header) >> (8 * i))
	}
	return out
}

// memory returns how much memory of its own a process has, bytes: not the pages of
// its program, which the kernel loads and drops as it likes.
func (n *nights) memory(name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.processes[name].Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "RssAnon:")
	if !found {
		return 0, fmt.Errorf("no RssAnon in %s", text)
	}
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kilobytes << 10, err
}

// growth watches the memory of processes from now on. What it returns ends that, and
// returns by how many bytes each has grown at most.
func (n *nights) growth(names ...string) (end func() map[string]int64) {
	before, most := map[string]int64{}, map[string]int64{}
	look := func() {
		for _, name := range names {
			now, err := n.memory(name)
			if err != nil {
				n.t.Errorf("memory of the %s: %v", name, err)
			}
			if _, known := before[name]; !known {
				before[name] = now
			}
			most[name] = max(most[name], now-before[name])
		}
	}
	look()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				look()
			}
		}
	}()
	return func() map[string]int64 {
		close(stop)
		<-stopped
		return most
	}
}

// processor returns how much processor time a process has used: unlike the time on
// the wall it says little of what else the machine does.
func (n *nights) processor(name string) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.processes[name].Process.Pid))
	require.NoError(n.t, err)
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		x, err := strconv.Atoi(field)
		require.NoError(n.t, err)
		ticks += x
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// TestALargeAdapterTravelsInLittleMemory uploads the adapter of a model with 70
// billion parameters to a coordinator, which publishes it, and from where an agent
// fetches it and gives it to its model server; each is a process. Neither needs more
// than 64 MiB for that. The log has the time of each part.
func TestALargeAdapterTravelsInLittleMemory(t *testing.T) {
	layers := 80
	if testing.Short() {
		layers = 8
	}
	dir := t.TempDir()
	files := writeLargeAdapter(t, dir, layers)
	n := startNights(t)
	for _, worker := range []string{"worker-1", "worker-2"} { // the test is the worker
		n.kill(worker)
		delete(n.processes, worker)
	}
	conn, err := serve.Dial(n.trainer, serve.Timeout(5*time.Minute))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	worker := trainerv1.NewWorkerServiceClient(conn)
	held := n.leaseLarge(worker)
	digest := n.digestOfPairs(worker, held)
	agent, err := serve.Dial(n.node)
	require.NoError(t, err)
	defer func() { require.NoError(t, agent.Close()) }()
	require.Eventually(t, func() bool {
		_, err := trainerv1.NewNodeServiceClient(agent).ListAdapters(t.Context(), &trainerv1.ListAdaptersRequest{})
		return err == nil
	}, time.Minute, 20*time.Millisecond, "the agent has all that it needs before")
	grown := n.growth("trainer", "node")
	used := map[string]time.Duration{"trainer": n.processor("trainer"), "node": n.processor("node")}

	began := time.Now()
	uploadFrom(t, worker, dir, &trainerv1.CompleteJobHeader{
		JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Policy: artifact.LoraPolicy, Model: nightModel, DataDigest: digest,
		Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Accuracy: 0.9, Pairs: 8, Updates: 4}, Files: files,
	})
	t.Logf("%d MB: uploaded after %v", files[1].GetSize()/1_000_000, time.Since(began).Round(time.Millisecond))
	job, err := n.end(t.Context(), held.GetJob().GetId(), func(job *trainerv1.Job) {
		t.Logf("%v after %v", job.GetState(), time.Since(began).Round(time.Millisecond))
	})
	require.NoError(t, err)
	require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, job.GetState(), job.GetReason())
	for name, more := range grown() {
		t.Logf("%s: %d MiB more memory, %v of processor time", name, more>>20, n.processor(name)-used[name])
		require.LessOrEqual(t, more, int64(64<<20), name)
	}
}

func (n *nights) leaseLarge(worker trainerv1.WorkerServiceClient) *trainerv1.LeaseJobResponse {
	n.t.Helper()
	var modules []string
	for _, m := range largeModules {
		modules = append(modules, m.name[strings.Index(m.name, ".")+1:])
	}
	_, err := patiently(n.t.Context(), func() (*trainerv1.SubmitJobResponse, error) {
		return n.client.SubmitJob(n.t.Context(), &trainerv1.SubmitJobRequest{
			RunId: "ada", Day: 1, Executor: trainerv1.Executor_EXECUTOR_WORKER, Hyperparameters: &trainerv1.Hyperparameters{
				Beta: 0.1, Epochs: 2, LearningRate: 5e-5, BatchSize: 4, Pairs: 200, Reference: trainerv1.Reference_REFERENCE_BASE,
				Lora: &trainerv1.Lora{Model: nightModel, Rank: 16, Alpha: 32, TargetModules: modules},
			},
		})
	})
	require.NoError(n.t, err)
	held, err := worker.LeaseJob(n.t.Context(), &trainerv1.LeaseJobRequest{
		Worker: "large", Lease: durationpb.New(10 * time.Minute), Wait: durationpb.New(time.Minute),
		Capabilities: &trainerv1.WorkerCapabilities{Policies: []string{artifact.LoraPolicy}, Model: nightModel, Quantization: "nf4", MaxRank: 16},
	})
	require.NoError(n.t, err)
	require.NotNil(n.t, held.GetJob())
	return held
}

func (n *nights) digestOfPairs(worker trainerv1.WorkerServiceClient, held *trainerv1.LeaseJobResponse) string {
	n.t.Helper()
	w := &nightlyWorker{t: n.t, trainer: worker}
	digest, err := w.pairs(held.GetJob().GetId(), held.GetFencingToken())
	require.NoError(n.t, err)
	return digest
}

// uploadFrom hands in the files of a folder.
func uploadFrom(t *testing.T, worker trainerv1.WorkerServiceClient, dir string, header *trainerv1.CompleteJobHeader) {
	t.Helper()
	stream, err := worker.CompleteJob(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Header{Header: header}}))
	for _, f := range header.GetFiles() {
		file, err := os.Open(filepath.Join(dir, f.GetName()))
		require.NoError(t, err)
		buffer := make([]byte, artifact.ChunkBytes)
		for at := int64(0); at < f.GetSize(); {
			size, err := io.ReadFull(file, buffer[:min(int64(len(buffer)), f.GetSize()-at)])
			require.NoError(t, err)
			require.NoError(t, stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Chunk{
				Chunk: &trainerv1.ArtifactChunk{File: f.GetName(), Offset: at, Data: buffer[:size]},
			}}))
			at += int64(size)
		}
		require.NoError(t, file.Close())
	}
	_, err = stream.CloseAndRecv()
	require.NoError(t, err)
}
