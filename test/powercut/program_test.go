//go:build linux

package powercut

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	_ "github.com/propersim/propersim/internal/app/cli" // so that a changed program is tested anew, and not read from the test cache
	"github.com/propersim/propersim/internal/powercut"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// program builds the program once and returns its path.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "propersim")
	out, err := exec.Command("go", "build", "-o", path, "github.com/propersim/propersim/cmd/propersim").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// run runs the program to its end, or until off says that the power is off.
func run(t *testing.T, off func() bool, args ...string) (output string, err error) {
	t.Helper()
	return runIn(t, ".", off, args...)
}

// runIn runs the program in a folder.
func runIn(t *testing.T, folder string, off func() bool, args ...string) (output string, err error) {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	// A shell goes to the folder: exec.Cmd's Dir would stop the Go runtime of this process
	// until the folder answers, which this process serves.
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `cd "$0" && exec "$@"`, folder, path}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case err := <-ended:
			return out.String(), err
		case <-poll.C:
			if off() {
				kill()
			}
		}
	}
}

func simulate(folder string) []string {
	return []string{"simulate", "--personas", "1-2", "--days", "2", "--step", "30m", "--method", "proper", "--out", folder, "--continue"}
}

// hashes returns the last hash of each run of an experiment.
func hashes(t *testing.T, folder string) map[string]string {
	t.Helper()
	f, err := figures.Read(filepath.Join(folder, "metrics.json"))
	require.NoError(t, err)
	out := map[string]string{}
	for _, r := range f.Runs {
		out[r.ID] = r.FinalHash
	}
	return out
}

// TestAnExperimentSurvivesPowerCuts cuts the power at random moments of whole
// experiments, from the first folder to the last output. Continued, each ends with
// the same hashes, and everything in its folder verifies.
func TestAnExperimentSurvivesPowerCuts(t *testing.T) {
	never := func() bool { return false }
	reference := filepath.Join(t.TempDir(), "results")
	out, err := run(t, never, simulate(reference)...)
	require.NoError(t, err, out)
	want := hashes(t, reference)

	random := rand.New(rand.NewPCG(11, 11))
	most, cuts := 400, 0 // of changes before a cut; grows with what was seen
	for cuts < 40 {
		disk := powercut.New(random.Uint64())
		mountpoint := t.TempDir()
		folder := filepath.Join(mountpoint, "results")
		for done := false; !done; {
			unmount := mount(t, disk, mountpoint)
			fuse := random.IntN(most)
			disk.CutAfter(fuse)
			out, err := run(t, disk.Off, simulate(folder)...)
			off := disk.Off()
			done = err == nil && !off
			if done {
				require.Equal(t, want, hashes(t, folder))
				disk.CutAfter(-1)
				out, err := run(t, never, "replay", "--verify", folder)
				require.NoError(t, err, out)
			}
			unmount()
			if done {
				break
			}
			require.True(t, off, "it failed while the power was on: %v\n%s", err, out)
			disk.Restore()
			cuts++
			most += most / 8
		}
		most = 400
	}
	t.Logf("%d cuts", cuts)
}
