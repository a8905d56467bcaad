package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	"github.com/propersim/propersim/pkg/serve"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// The stand-in of vLLM and the workers of TestNightsSurviveKills are this test
// binary again. They learn from the environment which diary to keep, where to listen
// and whom to call.
const (
	nightDiary   = "NIGHTS_DIARY"
	nightAddress = "NIGHTS_ADDRESS"
	nightTrainer = "NIGHTS_TRAINER"
	nightWorker  = "NIGHTS_WORKER"
)

// nightModel is the name of the base model.
const nightModel = "tiny"

// nightLease is the length of a worker's lease: the shortest allowed.
const nightLease = time.Second

// line is a line of the diary.
type line struct {
	What string // leased, hands in, accepted, refused; load
	// Of a worker:
	Job    string `json:",omitempty"`
	Token  int64  `json:",omitempty"`
	Worker string `json:",omitempty"`
	// Of the stand-in:
	Name   string `json:",omitempty"`
	Folder string `json:",omitempty"`
	// SHA-256 of files by name: of an adapter as it is handed in or loaded.
	Files map[string]string `json:",omitempty"`
}

// note appends a line to the diary in one write: a kill leaves whole lines.
func note(t *testing.T, l line) {
	t.Helper()
	text, err := json.Marshal(l)
	require.NoError(t, err)
	f, err := os.OpenFile(os.Getenv(nightDiary), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = f.Write(append(text, '\n'))
	require.NoError(t, errors.Join(err, f.Close()))
}

func readDiary(t *testing.T, path string) (lines []line) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for one := range strings.Lines(string(text)) {
		var l line
		require.NoError(t, json.Unmarshal([]byte(one), &l), one)
		lines = append(lines, l)
	}
	return lines
}

func digests(files map[string][]byte) map[string]string {
	out := map[string]string{}
	for name, content := range files {
		sum := sha256.Sum256(content)
		out[name] = hex.EncodeToString(sum[:])
	}
	return out
}

// TestHelperNightServer is the stand-in of vLLM as a process; no test of its own.
// It takes up to 40 ms for an answer and notes every byte that it loads.
func TestHelperNightServer(t *testing.T) {
	if os.Getenv(nightAddress) == "" {
		t.Skip("started by TestNightsSurviveKills")
	}
	listener, err := net.Listen("tcp", os.Getenv(nightAddress))
	require.NoError(t, err)
	server := vllmtest.NewOn(nightModel, listener)
	server.OnLoad = func(name, folder string) {
		files := map[string]string{}
		for _, file := range []string{artifact.ConfigFile, artifact.ModelFile} {
			f, err := os.Open(filepath.Join(folder, file))
			require.NoError(t, err)
			sum := sha256.New()
			_, err = io.Copy(sum, f)
			require.NoError(t, errors.Join(err, f.Close()))
			files[file] = hex.EncodeToString(sum.Sum(nil))
		}
		note(t, line{What: "load", Name: name, Folder: filepath.Base(folder), Files: files})
	}
	server.Fail(func(string) int {
		time.Sleep(rand.N(40 * time.Millisecond)) // so that kills fall between a request and its answer
		return 0
	})
	select {} // until it is killed
}

// TestHelperNightWorker is a worker as a process; no test of its own.
func TestHelperNightWorker(t *testing.T) {
	if os.Getenv(nightWorker) == "" {
		t.Skip("started by TestNightsSurviveKills")
	}
	conn, err := serve.Dial(os.Getenv(nightTrainer), serve.Timeout(5*time.Second))
	require.NoError(t, err)
	w := &nightlyWorker{t: t, name: os.Getenv(nightWorker), trainer: trainerv1.NewWorkerServiceClient(conn)}
	for { // until it is killed
		held, err := w.trainer.LeaseJob(t.Context(), &trainerv1.LeaseJobRequest{
			Worker: w.name, Lease: durationpb.New(nightLease), Wait: durationpb.New(time.Second),
			Capabilities: &trainerv1.WorkerCapabilities{Policies: []string{artifact.LoraPolicy}, Model: nightModel, Quantization: "nf4", MaxRank: 16},
		})
		if err != nil {
			time.Sleep(50 * time.Millisecond) // the coordinator is down
			continue
		}
		if held.GetJob() != nil {
			w.work(held)
		}
	}
}

// nightlyWorker trains for a moment. It is a bad holder of a lease: it hands in
// whatever it was told about the lease meanwhile. Only fencing keeps that out.
type nightlyWorker struct {
	t       *testing.T
	name    string
	trainer trainerv1.WorkerServiceClient
}

func (w *nightlyWorker) work(held *trainerv1.LeaseJobResponse) {
	job, token := held.GetJob(), held.GetFencingToken()
	note(w.t, line{What: "leased", Job: job.GetId(), Token: token, Worker: w.name})
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	go w.beat(ctx, job.GetId(), token)
	digest, err := w.pairs(job.GetId(), token)
	for err != nil && !refused(err) {
		time.Sleep(50 * time.Millisecond)
		digest, err = w.pairs(job.GetId(), token)
	}
	if err != nil {
		note(w.t, line{What: "refused", Job: job.GetId(), Token: token, Worker: w.name})
		return
	}
	time.Sleep(rand.N(300 * time.Millisecond)) // the training
	files := w.train(job, token)
	note(w.t, line{What: "hands in", Job: job.GetId(), Token: token, Worker: w.name, Files: digests(files)})
	for {
		err := w.handIn(job, token, digest, files)
		if err == nil || refused(err) {
			what := "accepted"
			if err != nil {
				what = "refused"
			}
			note(w.t, line{What: what, Job: job.GetId(), Token: token, Worker: w.name})
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// refused reports that a call fails for good.
func refused(err error) bool { return err != nil && !transient(err) }

func (w *nightlyWorker) beat(ctx context.Context, job string, token int64) {
	for ctx.Err() == nil {
		// An error is one of a lease that is lost, or of a coordinator that is down.
		_, _ = w.trainer.Heartbeat(ctx, &trainerv1.HeartbeatRequest{JobId: job, FencingToken: token, Lease: durationpb.New(nightLease)})
		time.Sleep(nightLease / 4)
	}
}

func (w *nightlyWorker) pairs(job string, token int64) (digest string, err error) {
	stream, err := w.trainer.StreamPairs(w.t.Context(), &trainerv1.StreamPairsRequest{JobId: job, FencingToken: token})
	if err != nil {
		return "", err
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return digest, nil
		}
		if err != nil {
			return "", err
		}
		if h := part.GetHeader(); h != nil {
			digest = h.GetDigest()
		}
	}
}

// poisoned says of which nights the training goes wrong: its weights are NaN.
func poisoned(day int32) bool { return day%5 == 0 }

// train makes an adapter that no other attempt makes: its configuration says whose
// it is.
func (w *nightlyWorker) train(job *trainerv1.Job, token int64) map[string][]byte {
	x := float32(0.5)
	if poisoned(job.GetDay()) {
		x = float32(math.NaN())
	}
	_, files := artifacttest.Lora(w.t, nightModel, job.GetDay(), 16, x)
	var config map[string]any
	require.NoError(w.t, json.Unmarshal(files[artifact.ConfigFile], &config))
	config["revision"] = []any{w.name, os.Getpid(), token}
	var err error
	files[artifact.ConfigFile], err = json.Marshal(config)
	require.NoError(w.t, err)
	return files
}

// handIn uploads in small chunks, with pauses for kills to fall into.
func (w *nightlyWorker) handIn(job *trainerv1.Job, token int64, digest string, files map[string][]byte) error {
	header := &trainerv1.CompleteJobHeader{
		JobId: job.GetId(), FencingToken: token, Policy: artifact.LoraPolicy, Model: nightModel, DataDigest: digest,
		Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Accuracy: 0.9, Pairs: 8, Updates: 4}, Probes: []*trainerv1.Probe{nightProbe()},
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		header.Files = append(header.Files, artifact.Describe(name, files[name]))
	}
	stream, err := w.trainer.CompleteJob(w.t.Context())
	if err != nil {
		return err
	}
	err = stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Header{Header: header}})
	for _, name := range names {
		at := int64(0)
		for data := range slices.Chunk(files[name], 256) {
			if err != nil { // the answer says why
				break
			}
			err = stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Chunk{Chunk: &trainerv1.ArtifactChunk{File: name, Offset: at, Data: data}}})
			at += int64(len(data))
			time.Sleep(rand.N(4 * time.Millisecond))
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

// nightProbe is a question with the log-probabilities that the stand-in serves.
func nightProbe() *trainerv1.Probe {
	p := &trainerv1.Probe{
		Messages: []*simv1.Message{{Role: "system", Content: "Speak or be silent."}, {Role: "user", Content: "It is 8."}},
		Tokens:   []int32{5, 6, 7, 8}, AnswerTokens: 2, Answer: `{"action":"abstain","text":""}`,
	}
	for _, token := range p.GetTokens()[2:] {
		p.BaseLogprob += vllmtest.TokenLogprob(token)
	}
	p.AdapterLogprob = p.GetBaseLogprob() + 2*vllmtest.Effect
	return p
}
