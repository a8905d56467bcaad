package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/serve"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// nightRuns are the runs whose nights are trained, at the same time.
var nightRuns = []string{"ada", "ben"}

// victims are the processes that are killed.
var victims = []string{"trainer", "node", "server", "worker-1", "worker-2"}

// nights is a coordinator, a GPU node with a stand-in of vLLM, and two workers, all
// of them processes. The test conducts the nights, as the environment does.
type nights struct {
	t                              *testing.T
	dir, diary                     string
	trainer, node, gateway, server string // addresses
	buffer                         string
	processes                      map[string]*exec.Cmd
	client                         trainerv1.TrainerServiceClient

	mu     sync.Mutex
	state  map[string]trainerv1.JobState // of the present night, by run; guarded by mu
	moved  chan struct{}                 // closed at the next change of state; guarded by mu
	ending bool                          // no further nights; guarded by mu
	jobs   []*trainerv1.Job              // that ended; guarded by mu
}

func startNights(t *testing.T) *nights {
	t.Helper()
	n := &nights{
		t: t, dir: t.TempDir(), trainer: loopback.Address(t), node: loopback.Address(t), gateway: loopback.Address(t), server: loopback.Address(t), buffer: loopback.Address(t),
		processes: map[string]*exec.Cmd{}, state: map[string]trainerv1.JobState{}, moved: make(chan struct{}),
	}
	n.diary = filepath.Join(n.dir, "diary")
	conn, err := serve.Dial(n.trainer, serve.Timeout(10*time.Second))
	require.NoError(t, err)
	n.client = trainerv1.NewTrainerServiceClient(conn)
	for _, name := range append([]string{"buffer"}, victims...) {
		n.start(name)
	}
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		for name := range n.processes {
			n.kill(name)
			if t.Failed() {
				t.Logf("%s: %s", name, tail(n.path(name+".log"), 3000))
			}
		}
	})
	n.fill()
	return n
}

func (n *nights) path(name string) string { return filepath.Join(n.dir, name) }

func (n *nights) start(name string) {
	n.t.Helper()
	helper := func(test string, env ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+test+"$", "-test.timeout", "0")
		cmd.Env = append(os.Environ(), append(env, nightDiary+"="+n.diary)...)
		return cmd
	}
	var cmd *exec.Cmd
	switch name {
	case "buffer":
		cmd = exec.Command(binary, "serve", "buffer", "--data", n.path("buffer"), "--address", n.buffer)
	case "trainer":
		cmd = exec.Command(binary, "serve", "trainer", "--data", n.path("trainer"), "--address", n.trainer, "--buffer-address", n.buffer, "--set", "connect.nodes="+n.node)
	case "node":
		cmd = exec.Command(binary, "serve", "node", "--upstream", "http://"+n.server, "--model", nightModel, "--data", n.path("node"),
			"--address", n.node, "--gateway", n.gateway, "--trainer-address", n.trainer)
	case "server":
		cmd = helper("TestHelperNightServer", nightAddress+"="+n.server)
	default:
		cmd = helper("TestHelperNightWorker", nightWorker+"="+name, nightTrainer+"="+n.trainer)
	}
	log, err := os.OpenFile(n.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(n.t, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(n.t, cmd.Start())
	require.NoError(n.t, log.Close())
	n.processes[name] = cmd
}

// kill kills a process by SIGKILL. One that has ended by itself fails the test.
func (n *nights) kill(name string) {
	cmd := n.processes[name]
	_ = cmd.Process.Kill() // the state says whether it was alive
	_ = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		n.t.Errorf("%s has ended by itself: %v: %s", name, cmd.ProcessState, tail(n.path(name+".log"), 3000))
	}
}

// freeze stops a worker for longer than its lease, so that it hands in what another
// worker trains meanwhile.
func (n *nights) freeze(name string) {
	p := n.processes[name].Process
	require.NoError(n.t, p.Signal(syscall.SIGSTOP))
	time.AfterFunc(nightLease+1500*time.Millisecond, func() { _ = p.Signal(syscall.SIGCONT) }) // it may be dead
}

// fill gives every run a few pairs.
func (n *nights) fill() {
	conn, err := serve.Dial(n.buffer)
	require.NoError(n.t, err)
	defer func() { require.NoError(n.t, conn.Close()) }()
	var pairs []*bufferv1.PreferencePair
	for _, run := range nightRuns {
		for step := range int32(8) {
			pairs = append(pairs, &bufferv1.PreferencePair{
				RunId: run, Step: step, Day: 1, Prompt: &simv1.Prompt{Messages: []*simv1.Message{{Role: "user", Content: fmt.Sprint("Step ", step)}}},
				Chosen: &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}, Completion: `{"action":"abstain"}`},
				Rejected: &simv1.Candidate{
					Choice:     &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "Tea?", Topic: "tea", Tone: "warm"}},
					Completion: `{"action":"recommend","topic":"tea","tone":"warm","text":"Tea?"}`,
				},
				ChosenEvaluation: &simv1.Evaluation{Total: new(int32(4))}, RejectedEvaluation: &simv1.Evaluation{Total: new(step % 4)},
			})
		}
	}
	client := bufferv1.NewPreferenceBufferServiceClient(conn)
	require.Eventually(n.t, func() bool {
		_, err := client.Append(n.t.Context(), &bufferv1.AppendRequest{Pairs: pairs})
		return err == nil
	}, time.Minute, 50*time.Millisecond)
}
