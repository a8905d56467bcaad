package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer/node"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// depot is a trainer that serves the adapters of a store.
type depot struct {
	trainerv1.UnimplementedTrainerServiceServer
	store *artifact.Store
	dir   string

	mu        sync.Mutex
	collected map[string]bool // guarded by mu
}

func newDepot(t *testing.T) *depot {
	dir := t.TempDir()
	store, err := artifact.Open(dir)
	require.NoError(t, err)
	return &depot{store: store, dir: dir, collected: map[string]bool{}}
}

func (d *depot) Register(r grpc.ServiceRegistrar) { trainerv1.RegisterTrainerServiceServer(r, d) }

func (d *depot) DownloadAdapter(req *trainerv1.DownloadAdapterRequest, stream grpc.ServerStreamingServer[trainerv1.DownloadAdapterResponse]) error {
	m, err := d.store.Manifest(req.GetId())
	if err != nil {
		return err
	}
	if err := stream.Send(&trainerv1.DownloadAdapterResponse{Part: &trainerv1.DownloadAdapterResponse_Manifest{Manifest: m}}); err != nil {
		return err
	}
	return d.store.Send(m, func(c *trainerv1.ArtifactChunk) error {
		return stream.Send(&trainerv1.DownloadAdapterResponse{Part: &trainerv1.DownloadAdapterResponse_Chunk{Chunk: c}})
	})
}

// collect says that the adapter is collected, or is no longer.
func (d *depot) collect(id string, collected bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.collected[id] = collected
}

func (d *depot) ListKeptAdapters(context.Context, *trainerv1.ListKeptAdaptersRequest) (*trainerv1.ListKeptAdaptersResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	resp := &trainerv1.ListKeptAdaptersResponse{}
	for id, gone := range d.collected {
		one := &trainerv1.KeptAdapter{Job: &trainerv1.Job{Adapter: id}}
		if gone {
			one.CollectTime = timestamppb.Now()
		}
		resp.Adapters = append(resp.Adapters, one)
	}
	return resp, nil
}

func (d *depot) GetAdapter(_ context.Context, req *trainerv1.GetAdapterRequest) (*trainerv1.GetAdapterResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.collected[req.GetId()] {
		return nil, errs.ErrNotFound
	}
	m, err := d.store.Manifest(req.GetId())
	return &trainerv1.GetAdapterResponse{Manifest: m}, err
}

// publish adds an adapter and returns its id.
func (d *depot) publish(t *testing.T, model string, day, rank int32, x float32) string {
	t.Helper()
	m, files := artifacttest.Lora(t, model, day, rank, x)
	artifacttest.Publish(t, d.store, m, files)
	return m.GetId()
}

// serving starts a server in memory and returns a connection to it.
func serving(t *testing.T, name string, service serve.Registrar) serve.Conn {
	t.Helper()
	server, err := serve.New(serve.Config{Name: name}, service)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	conn, err := server.Dial()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		cancel()
		require.NoError(t, <-done)
	})
	return conn
}

// gpu is a node with its stand-in of a model server.
type gpu struct {
	trainerv1.NodeServiceClient
	depot   *depot
	agent   *node.Agent
	vllm    *vllmtest.Server
	gateway *httptest.Server
	dir     string
}

func startNode(t *testing.T, cfg node.Config) *gpu {
	t.Helper()
	g := &gpu{depot: newDepot(t), vllm: vllmtest.New("tiny"), dir: t.TempDir()}
	t.Cleanup(g.vllm.Close)
	cfg.Dir, cfg.Upstream, cfg.Model = g.dir, g.vllm.URL, "tiny"
	g.start(t, cfg)
	return g
}

func (g *gpu) start(t *testing.T, cfg node.Config) {
	t.Helper()
	agent, err := node.New(cfg, trainerv1.NewTrainerServiceClient(serving(t, "trainer", g.depot)))
	require.NoError(t, err)
	g.agent = agent
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	handler, err := agent.Gateway()
	require.NoError(t, err)
	g.gateway = httptest.NewServer(handler)
	t.Cleanup(g.gateway.Close)
	g.NodeServiceClient = trainerv1.NewNodeServiceClient(serving(t, "node", agent))
}

// ada is the handle of the run that the tests load adapters for.
const ada = "handle-of-ada"

func (g *gpu) load(t *testing.T, name, id string) error {
	t.Helper()
	_, err := g.LoadAdapter(t.Context(), &trainerv1.LoadAdapterRequest{Name: name, Adapter: id, RunHandle: ada})
	return err
}

// chat asks a model through the gateway, as the run of ada, and returns the status
// and who answered.
func (g *gpu) chat(t *testing.T, name string) (status int, by string) {
	t.Helper()
	return g.chatAs(t, ada, name)
}

func (g *gpu) chatAs(t *testing.T, run, name string) (status int, by string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"model": name, "max_tokens": 4, "messages": []any{map[string]string{"role": "user", "content": "Well?"}}})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.gateway.URL+"/v1/chat/completions", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(model.RunHeader, run)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	var answer struct {
		Model string `json:"model"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return resp.StatusCode, answer.Model
}

func TestAnAdapterIsLoadedAndProbed(t *testing.T) {
	g := startNode(t, node.Config{})
	id := g.depot.publish(t, "tiny", 1, 2, 0.5)
	for range 2 { // a repeat is a no-op
		require.NoError(t, g.load(t, "d001-a", id))
	}
	require.Equal(t, []string{"d001-a"}, g.vllm.Loaded())
	require.Equal(t, []string{"d001-a"}, g.vllm.Loads())
	probe, err := g.ProbeAdapter(t.Context(), &trainerv1.ProbeAdapterRequest{Name: "d001-a"})
	require.NoError(t, err)
	require.Empty(t, probe.GetRejection())
	require.InDelta(t, 0.25, probe.GetDifference(), 1e-9)

	g.vllm.MakeInert("d001-a")
	probe, err = g.ProbeAdapter(t.Context(), &trainerv1.ProbeAdapterRequest{Name: "d001-a"})
	require.NoError(t, err)
	require.Contains(t, probe.GetRejection(), "log-probabilities of the base")

	list, err := g.ListAdapters(t.Context(), &trainerv1.ListAdaptersRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetAdapters(), 1)
	require.True(t, list.GetAdapters()[0].GetLoaded())
	require.Equal(t, id, list.GetAdapters()[0].GetAdapter())

	for range 2 {
		_, err = g.UnloadAdapter(t.Context(), &trainerv1.UnloadAdapterRequest{Name: "d001-a"})
		require.NoError(t, err)
	}
	require.Empty(t, g.vllm.Loaded())
	_, err = g.ProbeAdapter(t.Context(), &trainerv1.ProbeAdapterRequest{Name: "d001-a"})
	require.ErrorIs(t, err, errs.ErrNotFound)
}

func TestANameNeverChangesItsAdapter(t *testing.T) {
	g := startNode(t, node.Config{})
	one, two := g.depot.publish(t, "tiny", 1, 2, 0.5), g.depot.publish(t, "tiny", 1, 2, 0.25)
	require.NoError(t, g.load(t, "d001-a", one))
	require.ErrorIs(t, g.load(t, "d001-a", two), errs.ErrExists)
	require.ErrorIs(t, g.load(t, "tiny", one), errs.ErrInvalid, "the base keeps its name")
	require.NoError(t, g.load(t, "d001-b", two))
}

// TestWhatDoesNotFitNeverReachesTheModelServer has adapters of another base or
// rank, and damaged or hostile ones.
func TestWhatDoesNotFitNeverReachesTheModelServer(t *testing.T) {
	g := startNode(t, node.Config{MaxRank: 4})
	path := func(id, name string) string { return filepath.Join(g.depot.dir, id, name) }
	flip := func(id string) string {
		file := path(id, artifact.ModelFile)
		whole, err := os.ReadFile(file)
		require.NoError(t, err)
		whole[len(whole)-1] ^= 1
		require.NoError(t, os.WriteFile(file, whole, 0o644))
		return id
	}
	link := func(id string) string {
		file := path(id, artifact.ModelFile)
		require.NoError(t, os.Rename(file, file+".elsewhere"))
		require.NoError(t, os.Symlink(file+".elsewhere", file))
		return id
	}
	nothing, files := artifacttest.Lora(t, "tiny", 5, 2, 0)
	artifacttest.Publish(t, g.depot.store, nothing, files)
	for name, test := range map[string]struct {
		id   string
		want error
	}{
		"another base":    {g.depot.publish(t, "other", 1, 2, 0.5), errs.ErrInvalid},
		"too high a rank": {g.depot.publish(t, "tiny", 1, 8, 0.5), errs.ErrInvalid},
		"nothing learned": {nothing.GetId(), errs.ErrInvalid},
		"a flipped bit":   {flip(g.depot.publish(t, "tiny", 2, 2, 0.5)), errs.ErrDataLoss},
		"a link":          {link(g.depot.publish(t, "tiny", 3, 2, 0.5)), errs.ErrDataLoss},
		"unknown":         {strings.Repeat("0", 64), errs.ErrDataLoss},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, g.load(t, "d001-a", test.id), test.want)
			require.Empty(t, g.vllm.Loads())
		})
	}
	for _, bad := range []*trainerv1.LoadAdapterRequest{
		{Name: "../x", Adapter: strings.Repeat("0", 64)}, {Name: "d001-a", Adapter: "../../etc"}, {Name: "", Adapter: strings.Repeat("0", 64)},
	} {
		bad.RunHandle = ada
		_, err := g.LoadAdapter(t.Context(), bad)
		require.ErrorIs(t, err, errs.ErrInvalid)
	}
}

// TestEveryRouteButTheAllowedOnesIs404.
func TestEveryRouteButTheAllowedOnesIs404(t *testing.T) {
	g := startNode(t, node.Config{})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(method, path string) int {
		req, err := http.NewRequest(method, g.gateway.URL+path, strings.NewReader(`{"model":"tiny","lora_name":"x","lora_path":"/etc","messages":[]}`))
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	for _, path := range []string{"GET /health", "GET /metrics", "GET /v1/models", "POST /v1/chat/completions", "POST /v1/embeddings"} {
		method, path, _ := strings.Cut(path, " ")
		require.Equal(t, 200, get(method, path), path)
	}
	for _, path := range []string{
		"POST /v1/load_lora_adapter", "POST /v1/unload_lora_adapter", "POST /v1/completions", "POST /tokenize", "GET /version",
		"POST /adapters", "DELETE /adapters/d001-a", "POST /v1/responses", "POST /v1/messages", "POST /inference/v1/generate", "POST /scale_elastic_ep", "GET /openapi.json",
		"POST /reset_prefix_cache", "POST /collective_rpc", "POST /invocations", "GET /", "POST /v1/chat/completions/../load_lora_adapter",
		"POST /v1//load_lora_adapter", "POST /V1/load_lora_adapter", "POST /v1/chat/completions/x", "POST /v1/chat%2Fcompletions", "POST /v1/models/../load_lora_adapter",
		"POST //v1/load_lora_adapter", "POST /./v1/load_lora_adapter", "POST /v1/%6coad_lora_adapter", "POST /v1/chat/completions/%2e%2e/%2e%2e/load_lora_adapter",
		"GET /v1/chat/completions", "DELETE /v1/models", "POST /health", "PUT /metrics", "POST /sleep", "POST /wake_up", "POST /pause", "POST /v1/audio/speech", "GET /docs",
	} {
		method, path, _ := strings.Cut(path, " ")
		require.Equal(t, 404, get(method, path), path)
	}
}

// TestTheAgentAloneLoadsAdapters has a client that tries to load and unload
// adapters by way of the gateway, also with the handle of a run.
func TestTheAgentAloneLoadsAdapters(t *testing.T) {
	g := startNode(t, node.Config{})
	id := g.depot.publish(t, "tiny", 1, 2, 0.5)
	require.NoError(t, g.load(t, "d001-a", id))
	for path, body := range map[string]string{
		"/v1/load_lora_adapter":   `{"lora_name":"evil","lora_path":"` + filepath.Join(g.dir, id) + `","load_inplace":true}`,
		"/v1/unload_lora_adapter": `{"lora_name":"d001-a"}`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.gateway.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(model.RunHeader, ada)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 404, resp.StatusCode, path)
	}
	require.Equal(t, []string{"d001-a"}, g.vllm.Loaded())
	require.Equal(t, []string{"d001-a"}, g.vllm.Loads())
}

// TestAnAdapterAnswersItsOwnRunsAlone: a client cannot use, nor find in the list of
// models, an adapter that its run does not use, also after a restart of the agent.
func TestAnAdapterAnswersItsOwnRunsAlone(t *testing.T) {
	g := startNode(t, node.Config{})
	require.NoError(t, g.load(t, "d001-a", g.depot.publish(t, "tiny", 1, 2, 0.5)))
	shared := g.depot.publish(t, "tiny", 1, 2, 0.25)
	for _, run := range []string{"handle-of-ben", ada, ada} {
		_, err := g.LoadAdapter(t.Context(), &trainerv1.LoadAdapterRequest{Name: "d001-b", Adapter: shared, RunHandle: run})
		require.NoError(t, err)
	}
	_, err := g.LoadAdapter(t.Context(), &trainerv1.LoadAdapterRequest{Name: "d001-c", Adapter: shared})
	require.ErrorIs(t, err, errs.ErrInvalid, "an adapter of no run")
	check := func() {
		for run, uses := range map[string][]string{ada: {"d001-a", "d001-b"}, "handle-of-ben": {"d001-b"}, "": {}, "handle-of-eve": {}} {
			require.Equal(t, append([]string{"tiny"}, uses...), g.listed(t, run), run)
			for _, name := range []string{"d001-a", "d001-b"} {
				status, by := g.chatAs(t, run, name)
				if slices.Contains(uses, name) {
					require.Equal(t, 200, status)
					require.Equal(t, name, by)
				} else {
					require.Equal(t, 404, status, "%s asks for %s", run, name)
				}
			}
		}
	}
	check()
	g.start(t, node.Config{Dir: g.dir, Upstream: g.vllm.URL, Model: "tiny"})
	check()
	info, err := os.Stat(filepath.Join(g.dir, "names.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "handles are for the agent")
}

// listed returns the models that the gateway lists to a run.
func (g *gpu) listed(t *testing.T, run string) (names []string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.gateway.URL+"/v1/models", nil)
	require.NoError(t, err)
	req.Header.Set(model.RunHeader, run)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	require.Equal(t, 200, resp.StatusCode)
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&list))
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	return names
}

func TestAnUnknownModelIsNeverAnsweredByTheBase(t *testing.T) {
	g := startNode(t, node.Config{})
	require.NoError(t, g.load(t, "d001-a", g.depot.publish(t, "tiny", 1, 2, 0.5)))
	status, by := g.chat(t, "tiny")
	require.Equal(t, 200, status)
	require.Equal(t, "tiny", by)
	status, by = g.chat(t, "d001-a")
	require.Equal(t, 200, status)
	require.Equal(t, "d001-a", by)
	for _, name := range []string{"", "d002-b", "TINY"} {
		status, by = g.chat(t, name)
		require.Equal(t, 404, status, name)
		require.Empty(t, by)
	}
}

// TestARestartOfTheModelServerIsMended has a model server that forgets: the agent
// loads again what is kept, by itself and when a request comes first.
func TestARestartOfTheModelServerIsMended(t *testing.T) {
	g := startNode(t, node.Config{Every: time.Millisecond})
	require.NoError(t, g.load(t, "d001-a", g.depot.publish(t, "tiny", 1, 2, 0.5)))
	require.NoError(t, g.load(t, "d001-b", g.depot.publish(t, "tiny", 1, 2, 0.25)))
	g.vllm.Restart()
	require.Eventually(t, func() bool { return len(g.vllm.Loaded()) == 2 }, time.Minute, time.Millisecond)

	slow := startNode(t, node.Config{Every: time.Hour})
	require.NoError(t, slow.load(t, "d001-a", slow.depot.publish(t, "tiny", 1, 2, 0.5)))
	slow.vllm.Restart()
	status, by := slow.chat(t, "d001-a")
	require.Equal(t, 200, status)
	require.Equal(t, "d001-a", by)
	require.Equal(t, []string{"d001-a", "d001-a"}, slow.vllm.Loads())
}

func TestARestartOfTheAgentForgetsNothing(t *testing.T) {
	g := startNode(t, node.Config{Every: time.Hour})
	id := g.depot.publish(t, "tiny", 1, 2, 0.5)
	require.NoError(t, g.load(t, "d001-a", id))
	g.vllm.Restart() // both together, and the trainer has nothing to fetch any more
	require.NoError(t, os.RemoveAll(filepath.Join(g.depot.dir, id)))
	g.start(t, node.Config{Dir: g.dir, Upstream: g.vllm.URL, Model: "tiny", Every: time.Millisecond})
	require.Eventually(t, func() bool { return len(g.vllm.Loaded()) == 1 }, time.Minute, time.Millisecond)
	status, by := g.chat(t, "d001-a")
	require.Equal(t, 200, status)
	require.Equal(t, "d001-a", by)
}

func TestADamagedFileIsNotLoadedAgain(t *testing.T) {
	g := startNode(t, node.Config{Every: time.Hour})
	id := g.depot.publish(t, "tiny", 1, 2, 0.5)
	require.NoError(t, g.load(t, "d001-a", id))
	require.NoError(t, os.WriteFile(filepath.Join(g.dir, id, artifact.ModelFile), []byte("x"), 0o644))
	g.vllm.Restart()
	status, by := g.chat(t, "d001-a")
	require.Equal(t, 503, status)
	require.Empty(t, by)
	require.Empty(t, g.vllm.Loaded())
	require.NoError(t, g.load(t, "d001-a", id), "the trainer has it still")
	status, _ = g.chat(t, "d001-a")
	require.Equal(t, 200, status)
}

func TestRoomIsMadeForNewAdapters(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	g := startNode(t, node.Config{Keep: 2, Every: time.Hour, Clock: clock})
	require.NoError(t, g.load(t, "a", g.depot.publish(t, "tiny", 1, 2, 0.1)))
	require.NoError(t, g.load(t, "b", g.depot.publish(t, "tiny", 1, 2, 0.2)))
	status, _ := g.chat(t, "a") // now b was not used for the longest time
	require.Equal(t, 200, status)
	require.NoError(t, g.load(t, "c", g.depot.publish(t, "tiny", 1, 2, 0.3)))
	require.Equal(t, []string{"a", "c"}, g.vllm.Loaded())

	release := g.vllm.Hold()
	answered := make(chan int)
	go func() {
		status, _ := g.chat(t, "a")
		answered <- status
	}()
	g.awaitInFlight(t, 1)
	require.NoError(t, g.load(t, "d", g.depot.publish(t, "tiny", 1, 2, 0.4)))
	require.Equal(t, []string{"a", "d"}, g.vllm.Loaded(), "one in use is not unloaded")
	release()
	require.Equal(t, 200, <-answered)

	status, by := g.chat(t, "b")
	require.Equal(t, 200, status, "what was unloaded comes back when it is asked for")
	require.Equal(t, "b", by)
}

func TestAModelServerThatIsDownIsWaitedFor(t *testing.T) {
	g := startNode(t, node.Config{})
	id := g.depot.publish(t, "tiny", 1, 2, 0.5)
	g.vllm.Fail(func(string) int { return 503 })
	require.ErrorIs(t, g.load(t, "d001-a", id), errs.ErrUnavailable)
	g.vllm.Fail(func(path string) int {
		if path == "/v1/load_lora_adapter" {
			return 400
		}
		return 0
	})
	require.ErrorIs(t, g.load(t, "d001-a", id), errs.ErrPrecondition, "a refusal is not retried")
	g.vllm.Fail(nil)
	require.NoError(t, g.load(t, "d001-a", id))
	g.vllm.Close()
	status, _ := g.chat(t, "d001-a")
	require.Equal(t, 503, status)
}

func TestSettingsOfANodeAreChecked(t *testing.T) {
	_, err := node.New(node.Config{Upstream: "localhost:8000", MaxRank: -1}, nil)
	var faults errs.Violations
	require.ErrorAs(t, err, &faults)
	require.Len(t, faults, 4)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "names.json"), []byte("{"), 0o644))
	_, err = node.New(node.Config{Dir: dir, Upstream: "http://localhost:8000", Model: "m"}, nil)
	require.ErrorIs(t, err, errs.ErrDataLoss)
}

// TestAStartRemovesWhatAKillLeft has an agent that was killed while it fetched an
// adapter and wrote its names.
func TestAStartRemovesWhatAKillLeft(t *testing.T) {
	g := startNode(t, node.Config{})
	id := g.depot.publish(t, "tiny", 1, 2, 0.5)
	require.NoError(t, g.load(t, "d001-a", id))
	for _, name := range []string{".upload-1", ".staged-" + id + "-1", ".removed-1"} {
		require.NoError(t, os.MkdirAll(filepath.Join(g.dir, name, "x"), 0o755))
	}
	for _, name := range []string{".names.json-1", ".id-1", ".manifest-1"} {
		require.NoError(t, os.WriteFile(filepath.Join(g.dir, name), []byte("{"), 0o600))
	}
	g.start(t, node.Config{Dir: g.dir, Upstream: g.vllm.URL, Model: "tiny"})
	entries, err := os.ReadDir(g.dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, []string{id, "id", "names.json"}, names)
}
