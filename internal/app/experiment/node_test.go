package experiment_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/rederive"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	"github.com/propersim/propersim/pkg/serve"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer/node"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// startAgent starts a node before a stand-in of vLLM. It returns where the agent
// and its gateway listen.
func startAgent(t *testing.T, trainer string, vllm *vllmtest.Server) (address, gateway string) {
	t.Helper()
	conn, err := serve.Dial(trainer)
	require.NoError(t, err)
	agent, err := node.New(node.Config{Dir: t.TempDir(), Upstream: vllm.URL, Model: "tiny", Every: 10 * time.Millisecond}, trainerv1.NewTrainerServiceClient(conn))
	require.NoError(t, err)
	server, err := serve.New(serve.Config{Name: "node", Address: "127.0.0.1:0"}, agent)
	require.NoError(t, err)
	handler, err := agent.Gateway()
	require.NoError(t, err)
	passing := httptest.NewServer(handler)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	for _, run := range []func(context.Context) error{server.Run, agent.Run} {
		go func() { done <- run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		require.NoError(t, errors.Join(<-done, <-done))
		passing.Close()
		require.NoError(t, conn.Close())
	})
	return server.Addr(), passing.URL
}

// trainNights hands in an adapter for every job until ctx is done.
func trainNights(ctx context.Context, t *testing.T, address string) error {
	conn, err := serve.Dial(address)
	if err != nil {
		return err
	}
	workers := trainerv1.NewWorkerServiceClient(conn)
	for err == nil && ctx.Err() == nil {
		held, failed := workers.LeaseJob(ctx, &trainerv1.LeaseJobRequest{
			Worker: "gpu", Lease: durationpb.New(time.Minute), Wait: durationpb.New(100 * time.Millisecond),
			Capabilities: &trainerv1.WorkerCapabilities{Policies: []string{artifact.LoraPolicy}, Model: "tiny", Quantization: "nf4", MaxRank: 16},
		})
		if failed == nil && held.GetJob() != nil {
			err = handIn(ctx, t, workers, held)
		}
	}
	return errors.Join(err, conn.Close())
}

// handIn reads the pairs of a leased job and hands in an adapter.
func handIn(ctx context.Context, t *testing.T, workers trainerv1.WorkerServiceClient, held *trainerv1.LeaseJobResponse) error {
	pairs, err := workers.StreamPairs(ctx, &trainerv1.StreamPairsRequest{JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken()})
	digest := ""
	for err == nil {
		var part *trainerv1.StreamPairsResponse
		if part, err = pairs.Recv(); part.GetHeader() != nil {
			digest = part.GetHeader().GetDigest()
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	day := held.GetJob().GetDay()
	_, files := artifacttest.Lora(t, "tiny", day, 2, 1/float32(day+1))
	header := &trainerv1.CompleteJobHeader{
		JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Policy: artifact.LoraPolicy, Model: "tiny", DataDigest: digest,
		Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Accuracy: 0.9, Pairs: 1},
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header.Files = append(header.Files, artifact.Describe(name, files[name]))
	}
	stream, err := workers.CompleteJob(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Header{Header: header}})
	if err == nil {
		err = artifact.Chunks(header.GetFiles(), files, func(chunk *trainerv1.ArtifactChunk) error {
			return stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Chunk{Chunk: chunk}})
		})
	}
	_, closed := stream.CloseAndRecv()
	return errors.Join(err, closed)
}

// learning returns the configuration of three days with an assistant that is the
// model of a node.
func learning(t *testing.T, trainer, node, gateway string) *config.Config {
	t.Helper()
	loaded, err := config.Load(config.Sources{Sets: []string{
		"simulation.personas=1", "simulation.days=3", "simulation.step=30m", "simulation.methods=proper-contrast",
		"backends.assistant=model", "backends.judge=exact", "backends.trainer=worker", "listen.trainer=" + trainer, "connect.nodes=" + node,
		"models.endpoints.node.url=" + gateway + "/v1", "models.roles.assistant.endpoint=node", "models.roles.assistant.model=tiny",
		"models.roles.assistant.catalogue=true", "trainer.lora.rank=2", "trainer.lora.alpha=4",
	}})
	require.NoError(t, err)
	loaded.Trainer.Lora.Modules = artifacttest.Modules
	return &loaded.Config
}

// TestARunLivesThroughARestartOfItsModelServer trains an assistant that is a
// language model in two nights. On day 2 the stand-in of vLLM fails for a while and
// then has no adapter any more: the run waits and continues under the adapter's
// name. Afterwards everything is derived again without trainer, node and model.
func TestARunLivesThroughARestartOfItsModelServer(t *testing.T) {
	answers := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string { return fakemodel.Random(r) }})
	vllm := vllmtest.New("tiny")
	defer vllm.Close()
	vllm.Answers = answers
	trainer := loopback.Address(t)
	address, gateway := startAgent(t, trainer, vllm)
	c := learning(t, trainer, address, gateway)
	at := folder.Folder(t.TempDir())
	require.NoError(t, at.Make())
	s, err := stack.Start(stack.Options{Config: c, Store: at.Store(c.Store), Version: "test", Workers: true})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	trained := make(chan error, 1)
	go func() { trained <- trainNights(ctx, t, trainer) }()

	runs, err := experiment.Create(t.Context(), s, c, "node", experiment.Shard{})
	require.NoError(t, err)
	restarted, waited := false, false
	var run *environmentv1.Run
	for began := time.Now(); run.GetState() != environmentv1.RunState_RUN_STATE_FINISHED; time.Sleep(time.Millisecond) {
		got, err := s.Runs.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: runs[0].GetId()})
		require.NoError(t, err)
		run = got.GetRun()
		require.NotEqual(t, environmentv1.RunState_RUN_STATE_FAILED, run.GetState(), run.GetReason())
		require.Less(t, time.Since(began), 10*time.Minute, run.GetReason())
		switch {
		case run.GetProgress().GetSteps() > 48+18 && !restarted: // day 2, 9 o'clock
			restarted = true
			vllm.Fail(func(string) int { return 503 })
			vllm.Restart()
		case restarted && run.GetState() == environmentv1.RunState_RUN_STATE_WAITING:
			waited = true
			vllm.Fail(nil)
		}
	}
	require.True(t, waited, "the run says that it waits")
	cancel()
	require.NoError(t, <-trained)
	require.NoError(t, s.Stop())
	answers.Close()

	recorded, err := source.Open(t.Context(), filepath.Join(string(at), "journal.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, recorded.Close()) }()
	spoke, nights := spoken(t, recorded, run.GetId())
	require.Len(t, nights, 2)
	require.Equal(t, map[int32][]string{1: {""}, 2: {"d001-" + nights[0][:16]}, 3: {"d002-" + nights[1][:16]}}, spoke)
	followNights(t, string(at), run.GetId(), nights)
	result, err := rederive.Run(t.Context(), c, recorded, run, "")
	require.NoError(t, err)
	require.Empty(t, result.Fault)
	require.Equal(t, 144, result.Steps)
}

// followNights walks from the adapter of each night to a step whose pair the night
// drew and back, and to the steps that spoke with the adapter, in the folder alone.
func followNights(t *testing.T, at, run string, nights []string) {
	t.Helper()
	for i, id := range nights {
		var made struct {
			Adapter, Job string
			ServedAs     string `json:"served_as"`
			Draw         struct {
				Verified bool
				Pairs    []struct {
					ID      string
					Step    int
					HeldOut bool `json:"held_out"`
				}
			}
			Spoke []struct {
				First int `json:"first_step"`
			}
		}
		printed(t, &made, "adapters", "show", at, run, "--day", strconv.Itoa(i+1))
		require.Equal(t, id, made.Adapter)
		require.NotEmpty(t, made.ServedAs)
		require.True(t, made.Draw.Verified)
		type step struct {
			Lineage struct {
				Memories []struct{ Content string }
				Trained  []struct {
					Job     string
					Pairs   []string
					HeldOut bool `json:"held_out"`
				}
				MadeBy *struct{ Job string } `json:"made_by"`
			}
		}
		for _, pair := range made.Draw.Pairs[:3] {
			var from step
			printed(t, &from, "runs", "step", at, run, strconv.Itoa(pair.Step))
			night := slices.IndexFunc(from.Lineage.Trained, func(n struct {
				Job     string
				Pairs   []string
				HeldOut bool `json:"held_out"`
			}) bool {
				return n.Job == made.Job
			})
			require.GreaterOrEqual(t, night, 0)
			require.Contains(t, from.Lineage.Trained[night].Pairs, pair.ID)
			require.Equal(t, pair.HeldOut, from.Lineage.Trained[night].HeldOut)
		}
		var to step
		printed(t, &to, "runs", "step", at, run, strconv.Itoa(made.Spoke[0].First))
		require.Equal(t, made.Job, to.Lineage.MadeBy.Job)
		require.NotEmpty(t, to.Lineage.Memories, "with or without a pair")
	}
}

// printed reads the JSON that a command prints.
func printed(t *testing.T, into any, args ...string) {
	t.Helper()
	var out, errOut bytes.Buffer
	require.Zero(t, cli.Main(t.Context(), cli.Program{Version: "test"}, append(args, "--json"), &out, &errOut), errOut.String())
	require.NoError(t, json.Unmarshal(out.Bytes(), into), out.String())
}

// spoken returns under which adapters' names the assistant was asked on each day,
// and the adapters of the nights.
func spoken(t *testing.T, recorded source.Source, run string) (days map[int32][]string, nights []string) {
	t.Helper()
	days = map[int32][]string{}
	for e, err := range recorded.Entries(t.Context(), run, 0) {
		require.NoError(t, err)
		if night := e.GetBody().GetNight(); night != nil {
			require.Empty(t, night.GetFailure())
			nights = append(nights, night.GetAdapter())
		}
		step := e.GetBody().GetStep()
		for _, call := range step.GetCalls() {
			if day := step.GetDay(); call.GetRole() == simv1.Role_ROLE_ASSISTANT && !slices.Contains(days[day], call.GetAdapter()) {
				days[day] = append(days[day], call.GetAdapter())
			}
		}
	}
	return days, nights
}
