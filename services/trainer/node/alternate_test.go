package node_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
	"github.com/propersim/propersim/services/trainer/node"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// The processes of the card are this test binary again, with one of its helpers.
// They find out from the environment where to listen, whom to call and which diary
// to keep.
const (
	standInAddress = "PROPERSIM_STANDIN_ADDRESS"
	standInTrainer = "PROPERSIM_STANDIN_TRAINER"
	standInDiary   = "PROPERSIM_STANDIN_DIARY"
)

// helper is the command of a helper.
func helper(name string) []string { return []string{os.Args[0], "-test.run", "^" + name + "$"} }

// note writes a line into the diary.
func note(t *testing.T, what string) {
	t.Helper()
	f, err := os.OpenFile(os.Getenv(standInDiary), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "%s %d\n", what, os.Getpid())
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// TestHelperModelServer is a model server as a process; no test of its own.
func TestHelperModelServer(t *testing.T) {
	if os.Getenv(standInAddress) == "" {
		t.Skip("started by other tests")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", os.Getenv(standInAddress))
	require.NoError(t, err)
	require.NotEmpty(t, os.Getenv("VLLM_ALLOW_RUNTIME_LORA_UPDATING"))
	note(t, "server begins")
	server := vllmtest.NewOn("tiny", listener)
	<-ctx.Done()
	server.Close()
	note(t, "server ends")
}

// TestHelperWorker is a worker as a process; no test of its own.
func TestHelperWorker(t *testing.T) {
	if os.Getenv(standInTrainer) == "" {
		t.Skip("started by other tests")
	}
	conn, err := serve.Dial(os.Getenv(standInTrainer))
	require.NoError(t, err)
	note(t, "worker begins")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	workers := trainerv1.NewWorkerServiceClient(conn)
	for ctx.Err() == nil {
		if held := lease(t, workers, 100*time.Millisecond); held.GetJob() != nil {
			note(t, "worker trains")
			handIn(t, workers, held, 1/float32(held.GetJob().GetDay()), func(*trainerv1.CompleteJobHeader) {})
		}
	}
	note(t, "worker ends")
}

// card is a node that runs its model server and perhaps a worker itself, with a
// coordinator.
type card struct {
	*cluster
	*gpu
	diary string
	from  *late
}

func startCard(t *testing.T, with node.Supervision) *card {
	t.Helper()
	address := loopback.Address(t)
	c := &card{cluster: &cluster{}, gpu: &gpu{dir: t.TempDir()}, diary: filepath.Join(t.TempDir(), "diary")}
	t.Setenv(standInAddress, address)
	t.Setenv(standInDiary, c.diary)

	from := &late{}
	c.from = from
	agent, err := node.New(node.Config{Dir: c.dir, Upstream: "http://" + address, Model: "tiny", Every: 5 * time.Millisecond, Supervision: with}, from)
	require.NoError(t, err)
	c.NodeServiceClient = trainerv1.NewNodeServiceClient(serving(t, "node", agent))
	s, err := trainer.New(trainer.Config{DSN: ":memory:", AdapterDir: t.TempDir(), Loader: trainer.Nodes{c.NodeServiceClient}}, onePair{})
	require.NoError(t, err)
	server, err := serve.New(serve.Config{Name: "trainer", Address: "127.0.0.1:0"}, s)
	require.NoError(t, err)
	t.Setenv(standInTrainer, server.Addr())
	conn, err := serve.Dial(server.Addr())
	require.NoError(t, err)
	c.TrainerServiceClient = trainerv1.NewTrainerServiceClient(conn)
	from.TrainerServiceClient = c.TrainerServiceClient
	handler, err := agent.Gateway()
	require.NoError(t, err)
	c.gateway = httptest.NewServer(handler)

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 3)
	for _, run := range []func(context.Context) error{s.Run, server.Run, agent.Run} {
		go func() { done <- run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			require.NoError(t, <-done)
		}
		c.gateway.Close()
		require.NoError(t, conn.Close())
		require.NoError(t, s.Close())
	})
	return c
}

// until waits for a state of the node, and returns what the node said then.
func (c *card) until(t *testing.T, want trainerv1.NodeState) (list *trainerv1.ListAdaptersResponse) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		list, err = c.ListAdapters(t.Context(), &trainerv1.ListAdaptersRequest{})
		return err == nil && list.GetState() == want
	}, time.Minute, time.Millisecond, want)
	return list
}

// lines returns the diary without process ids, and the process that wrote last.
func (c *card) lines(t *testing.T) (what []string, last int) {
	t.Helper()
	text, err := os.ReadFile(c.diary)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		at := strings.LastIndex(line, " ")
		what = append(what, line[:at])
		last, err = strconv.Atoi(strings.TrimSpace(line[at:]))
		require.NoError(t, err)
	}
	return what, last
}

// TestServingAndTrainingTakeTurns has one card: the model server is stopped while
// the worker trains every job that waits, and comes back with the adapters.
func TestServingAndTrainingTakeTurns(t *testing.T) {
	c := startCard(t, node.Supervision{Server: helper("TestHelperModelServer"), Worker: helper("TestHelperWorker"), Idle: 50 * time.Millisecond})
	serving := c.until(t, trainerv1.NodeState_NODE_STATE_SERVING)
	require.True(t, serving.GetWillTrain(), "jobs may wait for its worker")
	require.Equal(t, "tiny", serving.GetModel())
	status, by := c.chat(t, "tiny")
	require.Equal(t, 200, status)
	require.Equal(t, "tiny", by)

	for day := range int32(2) {
		job := c.submit(t, day+1)
		training := c.until(t, trainerv1.NodeState_NODE_STATE_TRAINING)
		require.False(t, training.GetWillTrain(), "the worker itself must ask for jobs now")
		status, by = c.chat(t, "tiny")
		require.Equal(t, 503, status, "a run waits")
		for _, route := range []string{"/health", "/v1/models"} {
			resp, err := http.Get(c.gateway.URL + route)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Contains(t, []int{200, 503}, resp.StatusCode, "200 where it serves again already")
			require.Equal(t, resp.StatusCode == 503, resp.Header.Get("Retry-After") != "", route)
		}
		require.Empty(t, by)
		done := c.end(t, job.GetId())
		require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, done.GetState(), done.GetReason())
		c.until(t, trainerv1.NodeState_NODE_STATE_SERVING)
		status, by = c.chatAs(t, "ada", done.GetServedModel())
		require.Equal(t, 200, status)
		require.Equal(t, done.GetServedModel(), by)
	}
	turn := []string{"server ends", "worker begins", "worker trains", "worker ends", "server begins"}
	what, _ := c.lines(t)
	require.Equal(t, slices.Concat([]string{"server begins"}, turn, turn), what, "never both at once")
	require.Len(t, c.listed(t, "ada"), 3, "the base and both adapters")
}

// TestANodeThatIsNotIdleServesOn has a request that was answered less than an hour
// ago, which is what idle means here.
func TestANodeThatIsNotIdleServesOn(t *testing.T) {
	c := startCard(t, node.Supervision{Server: helper("TestHelperModelServer"), Worker: helper("TestHelperWorker"), Idle: time.Hour})
	c.until(t, trainerv1.NodeState_NODE_STATE_SERVING)
	status, _ := c.chat(t, "tiny")
	require.Equal(t, 200, status)
	job := c.submit(t, 1)
	seen := c.from.lists.Load()
	require.Eventually(t, func() bool { return c.from.lists.Load() > seen+3 }, time.Minute, time.Millisecond, "the agent looks for jobs")
	got, err := c.GetJob(t.Context(), &trainerv1.GetJobRequest{Id: job.GetId()})
	require.NoError(t, err)
	require.Equal(t, trainerv1.JobState_JOB_STATE_QUEUED, got.GetJob().GetState())
	what, _ := c.lines(t)
	require.Equal(t, []string{"server begins"}, what)
}

// TestANodeWhoseWorkerFailsServesOn has a worker that ends at once. The model server
// gets the card back, and no job waits for that worker any longer than for any other.
func TestANodeWhoseWorkerFailsServesOn(t *testing.T) {
	c := startCard(t, node.Supervision{Server: helper("TestHelperModelServer"), Worker: []string{"false"}, Idle: time.Millisecond})
	c.until(t, trainerv1.NodeState_NODE_STATE_SERVING)
	job := c.submit(t, 1)
	c.until(t, trainerv1.NodeState_NODE_STATE_TRAINING)
	list := c.until(t, trainerv1.NodeState_NODE_STATE_SERVING)
	require.False(t, list.GetWillTrain())
	got, err := c.GetJob(t.Context(), &trainerv1.GetJobRequest{Id: job.GetId()})
	require.NoError(t, err)
	require.Equal(t, trainerv1.JobState_JOB_STATE_QUEUED, got.GetJob().GetState())
}

// TestAModelServerThatDiesIsStartedAgain kills it in mid-day: adapters come back,
// and no request is answered by the base under an adapter's name meanwhile.
func TestAModelServerThatDiesIsStartedAgain(t *testing.T) {
	c := startCard(t, node.Supervision{Server: helper("TestHelperModelServer")})
	c.until(t, trainerv1.NodeState_NODE_STATE_SERVING)
	c.submit(t, 1)
	conn, err := serve.Dial(os.Getenv(standInTrainer))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	workers := trainerv1.NewWorkerServiceClient(conn)
	done := c.end(t, handIn(t, workers, lease(t, workers, 0), 0.5, func(*trainerv1.CompleteJobHeader) {}).GetId())
	require.Equal(t, trainerv1.JobState_JOB_STATE_ACTIVE, done.GetState(), done.GetReason())

	_, first := c.lines(t)
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	refused := false
	require.Eventually(t, func() bool {
		status, by := c.chatAs(t, "ada", done.GetServedModel())
		if status != 200 {
			require.Equal(t, 503, status)
			refused = true
			return false
		}
		require.Equal(t, done.GetServedModel(), by)
		_, now := c.lines(t)
		return refused && now != first
	}, time.Minute, time.Millisecond)
}

func TestAWorkerAloneIsRefused(t *testing.T) {
	_, err := node.New(node.Config{Dir: t.TempDir(), Upstream: "http://localhost:8000", Model: "m", Supervision: node.Supervision{Worker: []string{"true"}}}, nil)
	require.ErrorContains(t, err, "server_command")
}
