package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/analysis/source"
)

// probeEvery is the least pause between two probes of an endpoint that fails.
const probeEvery = 10 * time.Second

// TestAnOutageIsWaitedFor: the server refuses everything in mid-run. The runs
// wait, say for what, probe at most every ten seconds, and continue by
// themselves; no step is lost or doubled.
func TestAnOutageIsWaitedFor(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Latency: 2 * time.Millisecond})
	t.Cleanup(server.Close)
	out := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(binary, "simulate", "--config", modelConfig(t, server.BaseURL()), "--out", out)
	var output buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return server.Calls() > 100 }, time.Minute, time.Millisecond)
	server.Change(func(c *fakemodel.Config) {
		c.Fault = func(*fakemodel.Request) fakemodel.Fault { return fakemodel.Error(503, "gone for a while") }
	})
	before, began := server.Calls(), time.Now()
	time.Sleep(outage(t))
	during := server.Requests()[before:]
	server.Change(func(c *fakemodel.Config) { c.Fault = nil })
	require.NoError(t, cmd.Wait(), output.String())
	require.Contains(t, output.String(), "gone for a while", "the live view names the cause")

	// The requests under way fail together, and so do those that find the failure to
	// last. From then on there is a probe every ten seconds.
	probes, last := 0, time.Time{}
	for _, r := range during {
		if r.At.Sub(began) < probeEvery {
			last = r.At
			continue
		}
		probes++
		require.GreaterOrEqual(t, r.At.Sub(last), probeEvery-100*time.Millisecond, "probe %d", probes)
		last = r.At
	}
	t.Logf("away for %s: %d requests at first, then %d probes", outage(t), len(during)-probes, probes)
	require.LessOrEqual(t, len(during)-probes, 2*16+1)
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
	requireEveryStep(t, out, 144)
}

// requireEveryStep requires that each run has the steps from 0 on, once each.
func requireEveryStep(t *testing.T, out string, steps int) {
	t.Helper()
	s, err := source.Open(t.Context(), filepath.Join(out, "journal.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	runs, err := s.Runs(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, runs)
	for _, r := range runs {
		next := int32(0)
		for e, err := range s.Entries(t.Context(), r.GetId(), 0) {
			require.NoError(t, err)
			if step := e.GetBody().GetStep(); step != nil {
				require.Equal(t, next, step.GetStep(), r.GetId())
				next++
			}
		}
		require.EqualValues(t, steps, next, r.GetId())
	}
}

// outage is how long the server is away: PROPERSIM_E2E_OUTAGE, or 7 s, so that
// the live view, which writes every five seconds, shows it.
func outage(t *testing.T) time.Duration {
	text := settings["PROPERSIM_E2E_OUTAGE"]
	if text == "" {
		return 7 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "PROPERSIM_E2E_OUTAGE")
	return d
}

// buffer is a bytes.Buffer that can be read while a process writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
