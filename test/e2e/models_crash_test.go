package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/seeded"
)

// lag is how long before a kill an answer may have left the server without
// being on disk yet. It is generous: processor and disk may be busy.
const lag = 3 * time.Second

// TestModelRunsKilledAtRandomMoments kills a simulation on a model server whose
// answers are random. Every committed entry stays as it is, an answer that had
// arrived is asked for once only, the record replays without the server, and the
// key is in no file.
func TestModelRunsKilledAtRandomMoments(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Latency: 5 * time.Millisecond})
	out := filepath.Join(t.TempDir(), "run")
	args := []string{"simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed of the moments: %d", seed)
	moments := seeded.New(seed, "models")
	var killed []time.Time
	committed := map[string][]string{}
	for i := range kills(t) {
		cmd := exec.Command(binary, args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		require.NoError(t, cmd.Start())
		// A moment is a number of requests after the start, so that every process gets
		// somewhere on a busy machine as well, and then a share of a request.
		until := server.Calls() + 1 + int(moments.Float64(2*i)*60)
		require.Eventually(t, func() bool { return server.Calls() >= until || isOver(cmd) }, time.Minute, time.Millisecond)
		time.Sleep(time.Duration(moments.Float64(2*i+1) * float64(20*time.Millisecond)))
		require.NoError(t, cmd.Process.Kill())
		at := time.Now()
		_ = cmd.Wait() // it was killed, or is over: the state says which
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			killed = append(killed, at)
		} else {
			require.Zero(t, cmd.ProcessState.ExitCode(), said.String())
		}
		if _, err := os.Stat(filepath.Join(out, "config.yaml")); err == nil {
			args = []string{"resume", out}
		}
		committed = requirePrefix(t, out, committed)
	}
	require.NotEmpty(t, killed)
	output := must(t, args...)
	require.NotContains(t, output, canary)
	steps := 0
	for _, entries := range requirePrefix(t, out, committed) {
		steps += len(entries)
	}
	require.GreaterOrEqual(t, steps, 3*144)
	requirePaidOnce(t, server, killed)
	server.Close()
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
	requireNoCanary(t, out)
	require.NotContains(t, must(t, "config", "show", "--config", filepath.Join(out, "config.yaml")), canary)
}

// isOver reports whether a process has ended without being waited for.
func isOver(cmd *exec.Cmd) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	_, after, found := strings.Cut(string(raw), ") ")
	return err != nil || found && strings.HasPrefix(after, "Z")
}

// requirePrefix reads the hash of every entry of every run, and requires that
// they continue those that were read before. Without a journal there are none.
func requirePrefix(t *testing.T, out string, before map[string][]string) map[string][]string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(out, "journal.db")); err != nil {
		require.Empty(t, before)
		return before
	}
	s, err := source.Open(t.Context(), filepath.Join(out, "journal.db"))
	if err != nil && len(before) == 0 {
		return before // killed while the journal was made
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	runs, err := s.Runs(t.Context())
	require.NoError(t, err)
	now := make(map[string][]string)
	for _, r := range runs {
		for e, err := range s.Entries(t.Context(), r.GetId(), 0) {
			require.NoError(t, err)
			now[r.GetId()] = append(now[r.GetId()], e.GetHash())
		}
	}
	for id, hashes := range before {
		require.GreaterOrEqual(t, len(now[id]), len(hashes), "run %s lost entries", id)
		require.Equal(t, hashes, now[id][:len(hashes)], "run %s: a committed entry changed", id)
	}
	return now
}

// requirePaidOnce requires that the server was asked a second time only for
// answers that were on their way when the client was killed: never for one that
// had left the server longer than lag before.
func requirePaidOnce(t *testing.T, server *fakemodel.Server, killed []time.Time) {
	t.Helper()
	model := make(map[string]string)
	for _, r := range server.Requests() {
		model[r.Digest] = r.Model
	}
	twice, oldest := 0, time.Duration(0)
	for digest, times := range server.Answered() {
		for i := range len(times) - 1 {
			twice++
			before := time.Hour // how long before the next kill the answer left the server
			for _, at := range killed {
				if at.Add(lag).After(times[i]) {
					before = min(before, at.Sub(times[i]))
				}
			}
			require.Less(t, before, lag, "%s was asked again for an answer that had left the server", model[digest])
			oldest = max(oldest, before)
		}
	}
	// What was under way at a kill is bounded by the slots of the endpoint.
	require.LessOrEqual(t, twice, 16*len(killed))
	t.Logf("%d kills, %d requests, %d of them for an answer that was under way at a kill (it had left the server at most %s before)", len(killed), server.Calls(), twice, oldest)
}

// TestAModelRunKilledAtNoonKeepsItsMorning kills the program by SIGKILL at noon.
// Plan and summaries of the morning are random and come from no seed: only the
// record can bring them back. The resumed run asks for neither again, and its
// prompts of the afternoon have the words of the morning.
func TestAModelRunKilledAtNoonKeepsItsMorning(t *testing.T) {
	noon := make(chan struct{}, 1000)
	server := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string {
		if r.Model == "fake-judge" && strings.Contains(r.Prompt(), "\nDay 1, 12:") {
			noon <- struct{}{}
		}
		// Every plan and every summary has words of its own.
		named := strings.NewReplacer(`"doing":"`, fmt.Sprintf(`"doing":"plan%d `, r.Number), `"tasks":["`, fmt.Sprintf(`"tasks":["plan%d `, r.Number),
			`"summary":"`, fmt.Sprintf(`"summary":"recap%d `, r.Number))
		return named.Replace(fakemodel.Random(r))
	}})
	out := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(binary, "simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out, "--personas", "1")
	require.NoError(t, cmd.Start())
	<-noon
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	killed, morning := time.Now(), server.Calls()
	must(t, "resume", out)

	seen := map[string]map[int]bool{"plan": {}, "recap": {}} // words of the morning in prompts of the afternoon
	words := regexp.MustCompile(`(plan|recap)(\d+)`)
	recaps := 0
	for _, r := range server.Requests()[morning:] {
		require.NotEqual(t, "fake-planner", r.Model, "the day was planned again: %s", r.Prompt())
		if r.Model == "fake-summarizer" {
			recaps++
		}
		for _, found := range words.FindAllStringSubmatch(r.Prompt(), -1) {
			var number int
			_, err := fmt.Sscan(found[2], &number)
			require.NoError(t, err)
			if number <= morning {
				seen[found[1]][number] = true
			}
		}
	}
	require.GreaterOrEqual(t, len(seen["plan"]), 3, "the afternoon follows the plan of the morning")
	require.GreaterOrEqual(t, len(seen["recap"]), 3, "the memory has the summaries of the morning")
	require.Positive(t, recaps, "the afternoon is summed up")
	requirePaidOnce(t, server, []time.Time{killed})
	server.Close()
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
}
