package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// The JSON of the two commands, as far as the tests follow it.
type (
	night struct{ Run, Job, State, Reason, Adapter string }
	use   struct {
		Run, Job, State, Reason, Adapter string
		Day                              int
		Pairs                            []string
		Verified                         bool
		HeldOut                          bool `json:"held_out"`
	}
	stepped struct {
		Body struct {
			Step struct{ Candidates, Evaluations []json.RawMessage }
		}
		Lineage struct {
			Memories []struct{ Role, Content string }
			Pairs    []struct{ ID string }
			Trained  []use
			NotDrawn []night `json:"not_drawn"`
			Adapter  string
			MadeBy   *night `json:"made_by"`
			Unknown  []string
		}
	}
	adapterShown struct {
		night
		Day    int
		Parent *night
		Gate   []struct {
			Name   string
			Passed bool
		}
		Draw *struct {
			Verified bool
			Pairs    []struct {
				ID      string
				Step    int
				HeldOut bool `json:"held_out"`
			}
		}
		Spoke []struct {
			Run   string
			First int `json:"first_step"`
			Last  int `json:"last_step"`
		}
		Unknown []string
	}
)

// read runs a command that prints JSON.
func read[T any](t *testing.T, args ...string) (out T) {
	t.Helper()
	text := must(t, append(args, "--json")...)
	require.NoError(t, json.Unmarshal([]byte(text), &out), text)
	return out
}

// step reads the lineage of a step; adapter that of an adapter or a night.
func step(t *testing.T, n int, place ...string) stepped {
	t.Helper()
	return read[stepped](t, append([]string{"runs", "step"}, append(place, fmt.Sprint(n))...)...)
}

func adapter(t *testing.T, args ...string) adapterShown {
	t.Helper()
	return read[adapterShown](t, append([]string{"adapters", "show"}, args...)...)
}

// follow walks from a step of day 1 with a pair to its night, to the adapter of that
// night, to a step of day 2 that spoke with it, and back. It returns the step.
func follow(t *testing.T, runs, adapters []string, run string) int {
	t.Helper()
	first := adapter(t, append(adapters, run, "--day", "1")...)
	require.True(t, first.Draw.Verified)
	origin := first.Draw.Pairs[0].Step

	there := step(t, origin, runs...)
	require.NotEmpty(t, there.Lineage.Memories, "what the policy was given")
	require.Len(t, there.Body.Step.Candidates, 2)
	require.Len(t, there.Body.Step.Evaluations, 2)
	require.Len(t, there.Lineage.Pairs, 1)
	require.Empty(t, there.Lineage.Adapter, "day 1 is lived with the base policy")
	trained := there.Lineage.Trained[0]
	require.Equal(t, []string{there.Lineage.Pairs[0].ID}, trained.Pairs)
	require.True(t, trained.Verified)
	require.Equal(t, 1, trained.Day)
	require.Equal(t, "active", trained.State)
	require.Equal(t, first.Job, trained.Job)

	made := adapter(t, append(adapters, trained.Adapter)...)
	require.Equal(t, trained.Job, made.Job)
	require.Empty(t, made.Parent)
	require.Len(t, made.Spoke, 1)
	spoke := made.Spoke[0]

	back := step(t, spoke.First, runs...)
	require.Equal(t, made.Adapter, back.Lineage.Adapter)
	require.Equal(t, made.Job, back.Lineage.MadeBy.Job)
	require.Equal(t, made.Adapter, step(t, spoke.Last, runs...).Lineage.Adapter)
	again := adapter(t, append(adapters, back.Lineage.MadeBy.Job)...)
	require.Equal(t, there.Lineage.Pairs[0].ID, again.Draw.Pairs[0].ID)
	require.Equal(t, origin, again.Draw.Pairs[0].Step)
	require.Empty(t, slices.Concat(there.Lineage.Unknown, back.Lineage.Unknown, made.Unknown))
	return origin
}

// TestALineageIsFollowedInBothDirections follows it in a folder, of which nothing is
// written, and at running services.
func TestALineageIsFollowedInBothDirections(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "4", "--step", "15m", "--method", "proper", "--out", dir, "--set", "trainer.pairs=20")
	run := runOf(t, dir, "proper")
	before := contents(t, dir)
	origin := follow(t, []string{dir, run}, []string{dir}, run)

	t.Run("for people", func(t *testing.T) {
		shown := must(t, "runs", "step", dir, fmt.Sprint(origin))
		made := adapter(t, dir, run, "--day", "1")
		for _, want := range []string{
			"spoke with the base policy", "\nmemories\n", "Now, day 1", ", chosen", fmt.Sprintf("pair %s/%d/0: candidate", run, origin),
			"1                to train on  " + made.Job + "  " + made.Adapter[:12] + "  active",
		} {
			require.Contains(t, shown, want)
		}
		shown = must(t, "adapters", "show", dir, made.Adapter[:8])
		for _, want := range []string{
			"after day 1 of run " + run, made.Job, "the base policy", "with the digest that the job recorded", fmt.Sprintf("%s/%d/0, day 1, step %d", run, origin, origin),
			"and 12 more", "gate      files passed", "loaded    by the assistant", fmt.Sprintf("%d to %d", made.Spoke[0].First, made.Spoke[0].Last),
		} {
			require.Contains(t, shown, want)
		}
		require.Equal(t, 20, strings.Count(must(t, "adapters", "show", dir, made.Adapter, "--pairs"), run+"/"))
		require.Contains(t, must(t, "runs", "step", dir, fmt.Sprint(made.Spoke[0].First)), "made by the night after day 1: "+made.Job)
	})
	t.Run("the line of a run", func(t *testing.T) {
		lines := strings.Split(must(t, "adapters", "ls", dir, run), "\n")
		require.Len(t, lines, 1+3+1)
		require.Equal(t, 3, strings.Count(must(t, "adapters", "verify", dir, run), "whole"))
		last := adapter(t, dir)
		require.Equal(t, 3, last.Day, "of a run the adapter in force")
		require.Equal(t, strings.Fields(lines[2])[2], last.Parent.Adapter[:12])
		to := filepath.Join(t.TempDir(), "second")
		must(t, "adapters", "export", dir, run, to, "--day", "2")
		must(t, "adapters", "export", dir, filepath.Join(t.TempDir(), "last"))
		manifest, err := os.ReadFile(filepath.Join(to, artifact.ManifestFile))
		require.NoError(t, err)
		require.Contains(t, string(manifest), last.Parent.Adapter)
	})
	t.Run("a night draws some pairs and not others", func(t *testing.T) {
		drawn := map[string]bool{}
		for _, p := range adapter(t, dir, run, "--day", "3").Draw.Pairs {
			drawn[p.ID] = true
		}
		for _, p := range adapter(t, dir, run, "--day", "1").Draw.Pairs {
			found := step(t, p.Step, dir, run).Lineage
			require.Len(t, slices.Concat(found.NotDrawn, make([]night, len(found.Trained))), 3, "each night is one or the other")
			require.Equal(t, drawn[p.ID], slices.ContainsFunc(found.Trained, func(u use) bool { return u.Day == 3 }))
		}
	})
	t.Run("what is not there", func(t *testing.T) { refuseUnknown(t, dir, run) })
	require.Equal(t, before, contents(t, dir), "nothing was written")
	t.Run("at running services", func(t *testing.T) { followServed(t, dir, run) })
}

// refuseUnknown asks for what a folder does not have.
func refuseUnknown(t *testing.T, dir, run string) {
	for name, c := range map[string]struct {
		code  int
		args  []string
		words []string
	}{
		"run":           {1, []string{"runs", "step", dir, "nobody", "5"}, []string{`there is no run "nobody"`}},
		"step":          {1, []string{"runs", "step", dir, run, "9999"}, []string{"no step 9999: its steps are 0 to 383"}},
		"adapter":       {1, []string{"adapters", "show", dir, "nobody"}, []string{`no run, adapter or training job "nobody"`, "runs: " + run, "adapters: "}},
		"night":         {1, []string{"adapters", "show", dir, run, "--day", "4"}, []string{"no training after day 4", "after day 1, 2, 3"}},
		"folder":        {2, []string{"adapters", "show", dir + "-not", run}, []string{"is no folder"}},
		"anything":      {1, []string{"adapters", "show", "nobody"}, []string{`"nobody" is no run folder, and the trainer at 127.`, "does not answer: give its address"}},
		"day of an id":  {2, []string{"adapters", "show", dir, adapter(t, dir).Adapter, "--day", "1"}, []string{"--day is for a run"}},
		"export to any": {2, []string{"adapters", "export", dir, run, dir}, []string{"not empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, text := call(t, append(c.args, "--set", "connect.trainer="+loopback.Address(t))...)
			require.Equal(t, c.code, code, text)
			for _, want := range c.words {
				require.Contains(t, text, want)
			}
		})
	}
}

// serving runs services of this process until the test ends. It returns their
// addresses by name.
func serving(t *testing.T, data string, names ...string) map[string]string {
	t.Helper()
	return servingWith(t, data, nil, names...)
}

// servingWith is serving with further arguments.
func servingWith(t *testing.T, data string, args []string, names ...string) map[string]string {
	t.Helper()
	listen := map[string]string{}
	for _, name := range config.Services() {
		listen[name] = loopback.Address(t)
		args = append(args, "--set", "listen."+name+"="+listen[name])
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, len(names))
	for _, name := range names {
		go func() {
			done <- cli.Main(ctx, cli.Program{Version: "test"}, append([]string{"serve", name, "--data", data}, args...), &bytes.Buffer{}, &bytes.Buffer{})
		}()
	}
	for _, name := range names {
		require.Eventually(t, func() bool {
			code, _, _ := call(t, "health", listen[name])
			return code == 0
		}, time.Minute, 20*time.Millisecond, name)
	}
	t.Cleanup(func() {
		cancel()
		for range names {
			require.Equal(t, 0, <-done)
		}
	})
	return listen
}

func followServed(t *testing.T, dir, run string) {
	at := serving(t, dir, "user", "retrieval", "buffer", "trainer", "assistant", "environment")
	trainer := []string{"--trainer-address", at["trainer"], "--buffer-address", at["buffer"]}
	adapters := append(slices.Clone(trainer), "--environment-address", at["environment"])
	follow(t, append(slices.Clone(trainer), "--address", at["environment"], run), adapters, run)

	t.Run("of what does not answer the rest is shown", func(t *testing.T) {
		code, out, text := call(t, "runs", "step", "--address", at["environment"], run, "150", "--trainer-address", loopback.Address(t))
		require.Equal(t, 0, code, text)
		require.Contains(t, out, "candidate 0, delivered")
		require.Contains(t, text, "not known: the nights: ")
		code, out, text = call(t, "adapters", "show", run, "--trainer-address", at["trainer"], "--buffer-address", loopback.Address(t), "--environment-address", loopback.Address(t))
		require.Equal(t, 0, code, text)
		require.Contains(t, out, "after day 3 of run "+run)
		require.Contains(t, text, "not known: its pairs: ")
		require.Contains(t, text, "not known: the steps that spoke with it: ")
	})
}

// TestTheLineageOfAFork follows a pair of a step that a fork shares.
func TestTheLineageOfAFork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "3", "--step", "15m", "--method", "proper", "--out", dir)
	parent := runOf(t, dir, "proper")
	must(t, "runs", "fork", dir, parent, "--at", "130", "--set", "trainer.beta=0.5", "--name", "sharp")
	fork := runOf(t, dir, "sharp")

	shared := adapter(t, dir, fork, "--day", "1")
	require.Equal(t, parent, shared.Run, "the night is the parent's")
	require.Len(t, shared.Spoke, 2, "the parent and the fork spoke with it")
	own := adapter(t, dir, fork)
	require.Equal(t, fork, own.Run)
	require.Equal(t, shared.Adapter, own.Parent.Adapter)
	other := adapter(t, dir, parent)
	require.NotEqual(t, other.Adapter, own.Adapter)

	origin := shared.Draw.Pairs[0].Step
	found := step(t, origin, dir, fork).Lineage
	require.Equal(t, []string{parent, fork}, []string{found.Trained[0].Run, found.Trained[1].Run}, "not the parent's night after day 2")
	require.Equal(t, fmt.Sprintf("%s/%d/0", parent, origin), found.Trained[0].Pairs[0])
	require.Equal(t, fmt.Sprintf("%s/%d/0", fork, origin), found.Trained[1].Pairs[0])
	require.Equal(t, []string{parent, parent}, []string{step(t, origin, dir, parent).Lineage.Trained[0].Run, step(t, origin, dir, parent).Lineage.Trained[1].Run})
	late := step(t, own.Spoke[0].First, dir, fork).Lineage
	require.Equal(t, own.Job, late.MadeBy.Job)

	listed := must(t, "adapters", "ls", dir, fork)
	require.Contains(t, listed, shared.Adapter[:12])
	require.Contains(t, listed, own.Adapter[:12])
	require.NotContains(t, listed, other.Adapter[:12])
	require.Less(t, strings.Index(listed, shared.Adapter[:12]), strings.Index(listed, own.Adapter[:12]))
	require.Equal(t, 2, strings.Count(must(t, "adapters", "verify", dir, fork), "whole"))
}

// TestTheLineageOfAStepWithoutPair is of methods that do not train as well.
func TestTheLineageOfAStepWithoutPair(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "1", "--step", "15m", "--method", "silent", "--out", dir)
	out := must(t, "runs", "step", dir, "50")
	require.Contains(t, out, "no pair: ")
	require.Contains(t, out, "spoke with no adapter")
	code, _, text := call(t, "adapters", "show", dir)
	require.Equal(t, 1, code)
	require.Contains(t, text, "has no trainings")
}

// TestTheLineageOfNightsThatMadeNothing ends nights of a worker in several ways: the
// pair leads to each of them with its state and reason.
func TestTheLineageOfNightsThatMadeNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "2", "--step", "15m", "--method", "proper", "--out", dir)
	run := runOf(t, dir, "proper")
	at := serving(t, dir, "buffer", "trainer")
	conn, err := serve.Dial(at["trainer"])
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	w := worker{t, trainerv1.NewTrainerServiceClient(conn), trainerv1.NewWorkerServiceClient(conn)}
	failed := w.submit(run, 2)
	w.fail(w.lease(), "out of memory")
	rejected := w.submit(run, 3)
	w.complete(w.lease(), 0.4)
	served := w.submit(run, 4)
	w.complete(w.lease(), 0.9)
	waiting := w.submit(run, 5)

	made := adapter(t, dir, run, "--day", "4")
	require.Equal(t, "active", made.State)
	trainedOn := slices.IndexFunc(made.Draw.Pairs, func(p struct {
		ID      string
		Step    int
		HeldOut bool `json:"held_out"`
	}) bool {
		return !p.HeldOut
	})
	require.GreaterOrEqual(t, trainedOn, 0)
	heldOut := 0
	for _, p := range made.Draw.Pairs {
		if p.HeldOut {
			heldOut++
			require.True(t, step(t, p.Step, dir, run).Lineage.Trained[1].HeldOut)
		}
	}
	require.Positive(t, heldOut, "a tenth of %d", len(made.Draw.Pairs))
	code, out, text := call(t, "runs", "step", dir, run, fmt.Sprint(made.Draw.Pairs[trainedOn].Step))
	require.Equal(t, 0, code)
	require.Regexp(t, "2 +to train on +"+failed+" +- +failed +out of memory", out)
	require.Regexp(t, "3 +to train on +"+rejected+" +- +rejected +rejected by the check", out)
	require.Regexp(t, "4 +to train on +"+served+" +"+made.Adapter[:12]+" +active", out)
	require.Contains(t, text, "("+waiting+") drew the pair: the pairs are not drawn yet")

	none := must(t, "adapters", "show", dir, run, "--day", "3")
	require.Regexp(t, "(?m)^adapter +-$", none)
	require.Contains(t, none, "accuracy REJECTED: found 0.4")
	require.Contains(t, must(t, "adapters", "show", dir, failed), "failed out of memory")
	listed := must(t, "adapters", "ls", dir, run)
	require.Contains(t, listed, "no adapter after day 2: failed out of memory")
	require.Contains(t, listed, "no adapter after day 3: rejected rejected by the check")
	code, _, text = call(t, "adapters", "export", dir, run, filepath.Join(t.TempDir(), "x"), "--day", "2")
	require.Equal(t, 1, code)
	require.Contains(t, text, "made no adapter: failed out of memory")
}

// TestWhereAnAdapterIsLoaded asks a node that has the adapter, one that does not
// answer, and none.
func TestWhereAnAdapterIsLoaded(t *testing.T) {
	dir, vllm := filepath.Join(t.TempDir(), "a"), vllmtest.New("tiny")
	defer vllm.Close()
	must(t, "simulate", "--personas", "1", "--days", "1", "--step", "15m", "--method", "proper", "--out", dir)
	run, node := runOf(t, dir, "proper"), loopback.Address(t)
	at := servingWith(t, dir, []string{"--set", "connect.nodes=" + node}, "buffer", "trainer")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(ctx, cli.Program{Version: "test"}, []string{"serve", "node", "--upstream", vllm.URL, "--model", "tiny", "--data", t.TempDir(),
			"--address", node, "--gateway", loopback.Address(t), "--trainer-address", at["trainer"]}, &bytes.Buffer{}, &bytes.Buffer{})
	}()
	conn, err := serve.Dial(at["trainer"])
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	w := worker{t, trainerv1.NewTrainerServiceClient(conn), trainerv1.NewWorkerServiceClient(conn)}
	job := w.submit(run, 1)
	w.complete(w.lease(), 0.9)
	show := func(nodes string) string {
		return must(t, "adapters", "show", job, "--trainer-address", at["trainer"], "--buffer-address", at["buffer"], "--set", "connect.nodes="+nodes)
	}
	shown := show(node)
	require.Contains(t, shown, "gate       effect passed")
	require.Contains(t, shown, "served as  d001-")
	require.Contains(t, shown, "loaded     "+node+": yes, 0 requests in flight")
	away := loopback.Address(t)
	require.Contains(t, show(away), "loaded     "+away+": not known: ")
	require.Contains(t, show(""), "not asked: connect.nodes is empty here")
	cancel()
	require.Equal(t, 0, <-done)
}

// worker is a training worker at the contract, which trains nothing.
type worker struct {
	t    *testing.T
	jobs trainerv1.TrainerServiceClient
	trainerv1.WorkerServiceClient
}

func (w *worker) submit(run string, day int32) string {
	w.t.Helper()
	resp, err := w.jobs.SubmitJob(w.t.Context(), &trainerv1.SubmitJobRequest{
		RunId: run, Day: day, Executor: trainerv1.Executor_EXECUTOR_WORKER, Seed: 7,
		Hyperparameters: &trainerv1.Hyperparameters{
			Beta: 0.1, Epochs: 1, LearningRate: 1e-4, BatchSize: 4, Pairs: 200, Reference: trainerv1.Reference_REFERENCE_BASE,
			Lora: &trainerv1.Lora{Model: "tiny", Rank: 2, Alpha: 4, TargetModules: artifacttest.Modules},
		},
	})
	require.NoError(w.t, err)
	return resp.GetJob().GetId()
}

// lease takes the job that waits, and draws its pairs.
func (w *worker) lease() *trainerv1.LeaseJobResponse {
	w.t.Helper()
	held, err := w.LeaseJob(w.t.Context(), &trainerv1.LeaseJobRequest{
		Worker: "gpu", Lease: durationpb.New(time.Minute), Wait: durationpb.New(10 * time.Second),
		Capabilities: &trainerv1.WorkerCapabilities{Policies: []string{artifact.LoraPolicy}, Model: "tiny", Quantization: "nf4", MaxRank: 16},
	})
	require.NoError(w.t, err)
	stream, err := w.StreamPairs(w.t.Context(), &trainerv1.StreamPairsRequest{JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken()})
	require.NoError(w.t, err)
	for err == nil {
		var part *trainerv1.StreamPairsResponse
		if part, err = stream.Recv(); part.GetHeader() != nil {
			held.Job.DataDigest = part.GetHeader().GetDigest()
		}
	}
	require.ErrorIs(w.t, err, io.EOF)
	return held
}

func (w *worker) fail(held *trainerv1.LeaseJobResponse, reason string) {
	w.t.Helper()
	_, err := w.FailJob(w.t.Context(), &trainerv1.FailJobRequest{JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Reason: reason})
	require.NoError(w.t, err)
}

// complete hands in an adapter of an accuracy, and waits until its job is final.
func (w *worker) complete(held *trainerv1.LeaseJobResponse, accuracy float64) {
	w.t.Helper()
	_, files := artifacttest.Lora(w.t, "tiny", held.GetJob().GetDay(), 2, 0.5)
	header := &trainerv1.CompleteJobHeader{
		JobId: held.GetJob().GetId(), FencingToken: held.GetFencingToken(), Policy: artifact.LoraPolicy, Model: "tiny", DataDigest: held.GetJob().GetDataDigest(),
		Metrics: &trainerv1.TrainingMetrics{Loss: 0.5, Accuracy: accuracy, Pairs: 1},
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header.Files = append(header.Files, artifact.Describe(name, files[name]))
	}
	stream, err := w.CompleteJob(w.t.Context())
	require.NoError(w.t, err)
	require.NoError(w.t, stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Header{Header: header}}))
	require.NoError(w.t, artifact.Chunks(header.GetFiles(), files, func(chunk *trainerv1.ArtifactChunk) error {
		return stream.Send(&trainerv1.CompleteJobRequest{Part: &trainerv1.CompleteJobRequest_Chunk{Chunk: chunk}})
	}))
	_, err = stream.CloseAndRecv()
	require.NoError(w.t, err)
	watch, err := w.jobs.WatchJob(w.t.Context(), &trainerv1.WatchJobRequest{Id: held.GetJob().GetId()})
	for err == nil {
		_, err = watch.Recv()
	}
	require.True(w.t, errors.Is(err, io.EOF), err)
}
