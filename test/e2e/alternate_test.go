package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// alive is a process as it was seen: its parent, its command and its memory.
type alive struct {
	parent   int
	command  string
	resident int64 // bytes
}

// processes returns every process of this machine by its id, from /proc.
func processes(t *testing.T) map[int]alive {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	all := make(map[int]alive, len(folders))
	for _, folder := range folders {
		stat, err := os.ReadFile(filepath.Join(folder, "stat"))
		if err != nil {
			continue // it has ended
		}
		command, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil {
			continue
		}
		// pid (name) state ppid ... rss is the 24th field; the name may have spaces.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[0] == "Z" {
			continue // ended, its memory is free
		}
		parent, err := strconv.Atoi(fields[1])
		require.NoError(t, err)
		pages, err := strconv.ParseInt(fields[21], 10, 64)
		require.NoError(t, err)
		id, err := strconv.Atoi(filepath.Base(folder))
		require.NoError(t, err)
		all[id] = alive{parent: parent, command: strings.ReplaceAll(string(command), "\x00", " "), resident: pages * int64(os.Getpagesize())}
	}
	return all
}

// card is what ran on the one card of a node, as its processes were seen.
type card struct {
	*gpuNode
	servers  map[int]bool // every process of vLLM that was seen
	both     []string     // moments at which vLLM and the worker were there together
	serving  int64        // greatest memory of vLLM's processes, bytes
	training int64        // greatest memory of the worker's, bytes
	refused  bool         // the gateway answered 503 while the worker was there
}

// look notes which children of the agent, and of those, are there now.
func (c *card) look() {
	c.t.Helper()
	all := processes(c.t)
	var server, worker int64
	for id, p := range all {
		root := id // the agent's own child at the top
		for all[root].parent != c.server.Process.Pid && all[root].parent > 1 {
			root = all[root].parent
		}
		switch {
		case all[root].parent != c.server.Process.Pid:
			if c.servers[id] { // an orphan of vLLM
				server += p.resident
			}
		case all[root].command == all[c.server.Process.Pid].command: // it is about to become another program
		case strings.Contains(all[root].command, "propersim_worker"):
			worker += p.resident
		default:
			c.servers[id] = true
			server += p.resident
		}
	}
	c.serving, c.training = max(c.serving, server), max(c.training, worker)
	if worker == 0 {
		return
	}
	if server > 0 {
		c.both = append(c.both, fmt.Sprintf("%d MB of vLLM, %d MB of the worker", server>>20, worker>>20))
	}
	if resp, err := http.Get("http://" + c.gateway + "/v1/models"); err == nil && resp.Body.Close() == nil {
		c.refused = c.refused || resp.StatusCode == http.StatusServiceUnavailable
	}
}

// entered matches the agent's log of a change of state.
var entered = regexp.MustCompile(`the node changes its state.*"to": "NODE_STATE_([A-Z]+)"`)

// turns returns the states that the agent logged, in order.
func (c *card) turns() (states []string) {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.logs, "node.log"))
	require.NoError(c.t, err)
	for _, match := range entered.FindAllStringSubmatch(string(text), -1) {
		states = append(states, match[1])
	}
	return states
}

// TestOneCardServesAndTrainsOnARealNode lives two short days with one night between
// on a node whose vLLM is stopped while the worker trains: vLLM's processes end, the
// worker is alone, vLLM starts again and loads the adapter, and day 2 is answered by
// it. The record is derived again when all of them are gone.
func TestOneCardServesAndTrainsOnARealNode(t *testing.T) {
	n := newNode(t)
	n.startAgent("--worker-command", strings.Join(n.worker, " "), "--idle", "5s")
	n.await()
	c := &card{gpuNode: n, servers: map[int]bool{}}
	out := filepath.Join(t.TempDir(), "run")
	simulation, said := exec.Command(binary, "simulate", "--config", n.config(2), "--out", out), &bytes.Buffer{}
	simulation.Stdout, simulation.Stderr = said, said
	began := time.Now()
	require.NoError(t, simulation.Start())
	ended := make(chan error, 1)
	go func() { ended <- simulation.Wait() }()
	for over := false; !over; {
		select {
		case err := <-ended:
			require.NoError(t, err, "%s", said.Bytes()[max(0, said.Len()-3000):])
			over = true
		case <-time.After(500 * time.Millisecond):
			c.look()
		}
	}
	t.Logf("two days and a night took %v; vLLM had %d MB at most, and the worker %d MB", time.Since(began).Round(time.Second), c.serving>>20, c.training>>20)
	c.requireTurns()

	conn, err := serve.Dial(n.agent)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	list, err := trainerv1.NewNodeServiceClient(conn).ListAdapters(t.Context(), &trainerv1.ListAdaptersRequest{})
	require.NoError(t, err)
	require.Equal(t, trainerv1.NodeState_NODE_STATE_SERVING, list.GetState())
	require.Len(t, list.GetAdapters(), 1)
	require.True(t, list.GetAdapters()[0].GetLoaded())
	n.end()

	days, nights := spoken(t, out)
	require.Len(t, nights, 1)
	require.Empty(t, nights[0].GetFailure())
	require.Positive(t, nights[0].GetMetrics().GetPairs())
	t.Logf("night 1: %d pairs, loss %.4f, margin %.4f, accuracy %.2f", nights[0].GetMetrics().GetPairs(), nights[0].GetMetrics().GetLoss(),
		nights[0].GetMetrics().GetMargin(), nights[0].GetMetrics().GetAccuracy())
	require.Equal(t, []string{""}, days[1], "on day 1 the base speaks")
	require.Equal(t, []string{"d001-" + nights[0].GetAdapter()[:16]}, days[2], "after the night its adapter speaks, and nothing else")
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
}

// requireTurns checks that vLLM and the worker were never there together, and that
// the agent took one turn.
func (c *card) requireTurns() {
	c.t.Helper()
	require.Greater(c.t, c.training, int64(256<<20), "the memory of the worker was seen")
	require.True(c.t, c.refused, "the gateway says 503 while the worker trains")
	require.Empty(c.t, c.both, "vLLM's processes have ended before the worker starts")
	require.Greater(c.t, c.serving, int64(256<<20), "the memory of vLLM was seen")
	require.Equal(c.t, []string{"SERVING", "DRAINING", "TRAINING", "STARTING", "SERVING"}, c.turns())
}
