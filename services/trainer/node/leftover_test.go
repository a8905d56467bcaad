package node_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/services/trainer/node"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// leftOverDir has the folder of an agent that a test kills.
const leftOverDir = "PROPERSIM_LEFTOVER_DIR"

// TestHelperAgent is an agent with a model server as a process; no test of its own.
func TestHelperAgent(t *testing.T) {
	if os.Getenv(leftOverDir) == "" {
		t.Skip("started by other tests")
	}
	require.NoError(t, agentOf(t, os.Getenv(leftOverDir)).Run(context.Background())) // until it is killed
}

func agentOf(t *testing.T, dir string) *node.Agent {
	t.Helper()
	agent, err := node.New(node.Config{
		Dir: dir, Upstream: "http://" + os.Getenv(standInAddress), Model: "tiny", Every: 5 * time.Millisecond,
		Supervision: node.Supervision{Server: helper("TestHelperForkingServer"), Output: os.Stderr, Grace: 5 * time.Second},
	}, &late{})
	require.NoError(t, err)
	return agent
}

// TestHelperForkingServer is a model server with two children, as vLLM has for its
// engine: one in a session of its own. No test of its own.
func TestHelperForkingServer(t *testing.T) {
	if os.Getenv(standInAddress) == "" || os.Getenv(standInDiary) == "" {
		t.Skip("started by other tests")
	}
	listener, err := net.Listen("tcp", os.Getenv(standInAddress))
	require.NoError(t, err)
	server := vllmtest.NewOn("tiny", listener)
	defer server.Close()
	for _, session := range []bool{false, true} {
		child := exec.Command("sleep", "600")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
		require.NoError(t, child.Start())
		noteProcess(t, "child", child.Process.Pid)
	}
	noteProcess(t, "server", os.Getpid())
	select {} // until it is killed
}

func noteProcess(t *testing.T, what string, pid int) {
	t.Helper()
	f, err := os.OpenFile(os.Getenv(standInDiary), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "%s %d\n", what, pid)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// TestAnAgentEndsWhatAKilledOneLeft kills an agent by SIGKILL. Its model server dies
// with it, the children of that do not: the next agent of the folder kills them
// before it starts a model server, and nobody else's processes.
func TestAnAgentEndsWhatAKilledOneLeft(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("this system has no /proc")
	}
	address, dir, diary := loopback.Address(t), t.TempDir(), filepath.Join(t.TempDir(), "diary")
	t.Setenv(standInAddress, address)
	t.Setenv(standInDiary, diary)
	killed := exec.Command(os.Args[0], "-test.run", "^TestHelperAgent$")
	killed.Env = append(os.Environ(), leftOverDir+"="+dir)
	require.NoError(t, killed.Start())
	first := serverOf(t, diary, 0)
	other := exec.Command("sleep", "600") // a process of another node
	other.Env = append(os.Environ(), "PSIM_CHILD_OF_NODE=another")
	require.NoError(t, other.Start())
	t.Cleanup(func() {
		for _, pid := range first {
			_ = syscall.Kill(pid, syscall.SIGKILL) // where the test has failed
		}
		_ = other.Process.Kill()
		_ = other.Wait()
	})

	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait() // killed
	require.Eventually(t, func() bool { return !alive(first[2]) }, time.Minute, time.Millisecond, "the kernel ends the server with its agent")
	require.True(t, alive(first[0]) && alive(first[1]), "its children go on")

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	agent := agentOf(t, dir)
	go func() { ended <- agent.Run(ctx) }()
	second := serverOf(t, diary, 3)
	require.False(t, alive(first[0]) || alive(first[1]), "they were ended before the next server began")
	require.True(t, alive(other.Process.Pid))

	// A model server that dies alone leaves its children too.
	require.NoError(t, syscall.Kill(second[2], syscall.SIGKILL))
	third := serverOf(t, diary, 6)
	require.False(t, alive(second[0]) || alive(second[1]))
	cancel()
	require.NoError(t, <-ended)
	require.Eventually(t, func() bool { return !alive(third[0]) && !alive(third[1]) && !alive(third[2]) }, time.Minute, time.Millisecond,
		"an agent that ends leaves nothing")
}

// serverOf waits for a model server to begin, and returns its two children and
// itself: the three lines of the diary after some.
func serverOf(t *testing.T, diary string, after int) (pids []int) {
	t.Helper()
	var lines []string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(diary)
		lines = strings.Split(strings.TrimSpace(string(text)), "\n")
		return err == nil && len(lines) >= after+3
	}, time.Minute, 5*time.Millisecond)
	for _, line := range lines[after : after+3] {
		pid, err := strconv.Atoi(line[strings.Index(line, " ")+1:])
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	return pids
}

// alive reports whether a process runs; one that has ended may wait for its parent.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	after := string(text[strings.LastIndex(string(text), ")")+2:])
	return after[0] != 'Z' && after[0] != 'X'
}
