// Package faults lets every connection between the services fail in every way,
// in the middle of a run, and expects the results of a run without faults.
package faults

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/leaks"
)

// allowance is how much more memory may be in use after a fault than before it.
const allowance = 64 << 20

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // the proxy's own log
	os.Exit(m.Run())
}

// form is how long faults last.
type form struct {
	// cut is how long a connection is away.
	cut time.Duration
	// whole makes delay and narrowness last for the whole run, instead of a part.
	whole bool
	// patience is the most that a run may take.
	patience time.Duration
}

// chosen is the short form, or the full one with the cut that
// PROPERSIM_FAULTS_CUT gives, e.g. 30s.
func chosen(t *testing.T) form {
	text := os.Getenv("PROPERSIM_FAULTS_CUT")
	if text == "" {
		return form{cut: 2 * time.Second, patience: 2 * time.Minute}
	}
	cut, err := time.ParseDuration(text)
	require.NoError(t, err, "PROPERSIM_FAULTS_CUT")
	return form{cut: cut, whole: true, patience: 10 * time.Minute}
}

// fault is a way for a connection to fail.
type fault struct {
	name string
	// begin and end are what happens to the proxy.
	begin, end func(t *testing.T, c *constellation)
	// cuts reports that nothing passes: the run then has to wait.
	cuts bool
}

var faults = []fault{
	{"closed", func(_ *testing.T, c *constellation) { c.proxy.Stop() },
		func(t *testing.T, c *constellation) { require.NoError(t, c.proxy.Start()) }, true},
	toxic("silent", `{"type": "timeout", "attributes": {"timeout": 0}}`, true),
	toxic("500 ms later", `{"type": "latency", "attributes": {"latency": 500}}`, false, "downstream"),
	toxic("10 KB/s", `{"type": "bandwidth", "attributes": {"rate": 10}}`, false),
}

// toxic is a fault that the proxy knows, in the given directions or in both.
func toxic(name, what string, cuts bool, directions ...string) fault {
	if directions == nil {
		directions = []string{"upstream", "downstream"}
	}
	begin := func(t *testing.T, c *constellation) {
		for _, d := range directions {
			_, err := c.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name": %q, "stream": %q, %s`, d, d, what[1:])))
			require.NoError(t, err)
		}
	}
	end := func(t *testing.T, c *constellation) {
		for _, d := range directions {
			require.NoError(t, c.proxy.Toxics.RemoveToxic(t.Context(), d))
		}
	}
	return fault{name, begin, end, cuts}
}

// TestEveryConnectionFailsInEveryWay needs less than a minute; the full form,
// with PROPERSIM_FAULTS_CUT=30s, about 17.
func TestEveryConnectionFailsInEveryWay(t *testing.T) {
	f := chosen(t)
	began := time.Now()
	want := undisturbed(t)
	t.Logf("without faults, in one process: %.1fs", time.Since(began).Seconds())
	before := inUse()
	ignored := goleak.IgnoreCurrent()
	t.Logf("%-24s %-13s %8s %10s", "connection", "fault", "run", "in use")
	t.Run("all", func(t *testing.T) {
		for _, through := range connections {
			for _, how := range faults {
				t.Run(through.String()+" "+how.name, func(t *testing.T) {
					if !f.whole {
						t.Parallel()
					}
					c := start(t, through)
					defer c.stop(t)
					began := time.Now()
					got := lived(t, f, c, through, how)
					took := time.Since(began)
					require.Equal(t, want, got)
					more := inUse() - before // with other cases of the short form, that go on beside
					t.Logf("%-24s %-13s %7.1fs %+6.1f MiB", through, how.name, took.Seconds(), float64(more)/(1<<20))
					require.Less(t, more, int64(allowance))
				})
			}
		}
	})
	// A pipe of the proxy that waits for the other end of a link that was cut waits for
	// ever; it is none of ours.
	const proxy = "github.com/Shopify/toxiproxy/v2"
	leaks.None(t, ignored, goleak.IgnoreAnyFunction(proxy+"/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).read"), goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).write"))
	require.Less(t, inUse()-before, int64(allowance))
}

// lived returns the final hashes of runs during which a connection fails.
func lived(t *testing.T, f form, c *constellation, through connection, how fault) string {
	if f.whole && !how.cuts {
		how.begin(t, c)
		defer how.end(t, c)
		return hashes(t, c.client, begin(t, c.client, "whole"), f.patience)
	}
	ids, from := failing(t, f, c, how)
	if how.cuts {
		time.Sleep(f.cut)
		committed, total := steps(t, c.client, ids)
		require.Less(t, committed, total, "the runs cannot go on without")
	} else {
		until(t, c.client, ids, f.patience, "the runs go on", func(committed, total int32) bool {
			return committed >= min(from+span(through), total)
		})
	}
	how.end(t, c)
	return hashes(t, c.client, ids, f.patience)
}

// failing begins runs and then the fault, and returns how many steps were
// committed at that moment: less than half, so that a night is still to come.
// On a busy machine that may take more than one attempt.
func failing(t *testing.T, f form, c *constellation, how fault) (ids []string, from int32) {
	for attempt := range 20 {
		ids = begin(t, c.client, fmt.Sprint("attempt ", attempt))
		until(t, c.client, ids, f.patience, "the runs begin", func(committed, total int32) bool { return committed >= total/10 })
		how.begin(t, c)
		from, total := steps(t, c.client, ids)
		if from < total/2 {
			return ids, from
		}
		how.end(t, c)
		hashes(t, c.client, ids, f.patience)
	}
	require.Fail(t, "the machine is too busy for this test")
	return nil, 0
}

// span is how many steps a delay lasts in the short form: a few where every step
// uses the connection, a day for both people where only the night does.
func span(c connection) int32 {
	if c.to == "buffer" || c.to == "trainer" {
		return 2 * 48
	}
	return 6
}

// undisturbed returns the final hashes of the same life in one process.
func undisturbed(t *testing.T) string {
	cfg := life()
	at := folder.Folder(t.TempDir())
	require.NoError(t, at.Make())
	s, err := stack.Start(stack.Options{Config: &cfg, Store: at.Store(config.Store{}), Version: "test"})
	require.NoError(t, err)
	out := hashes(t, s, begin(t, s, "undisturbed"), time.Minute)
	require.NoError(t, s.Stop())
	return out
}

// inUse is the memory in use, bytes.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
