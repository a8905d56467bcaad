// Package install tests that the program can be installed without a checkout.
package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGoInstallOfAVersion packs the modules as a release does and lets the go
// command install the program from them, outside of any checkout. It takes
// about half a minute where the dependencies are built already.
func TestGoInstallOfAVersion(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the whole program")
	}
	bin := t.TempDir()
	cmd := exec.Command("go", "run", "./release", "install", bin)
	cmd.Dir, cmd.Env = filepath.Join("..", "..", "tools"), append(os.Environ(), "GOWORK=off")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))

	cmd = exec.Command(filepath.Join(bin, "propersim"), "version")
	cmd.Dir = t.TempDir()
	version, err := cmd.CombinedOutput()
	require.NoError(t, err, string(version))
	require.Regexp(t, `^propersim v\d+\.\d+\.\d+\n$`, string(version), "the version of the module, without linker flags")

	cmd = exec.Command(filepath.Join(bin, "propersim"), "simulate", "--personas", "1", "--days", "1", "--out", filepath.Join(bin, "run"))
	cmd.Dir = t.TempDir()
	said, err = cmd.CombinedOutput()
	require.NoError(t, err, "personas and worlds are part of the binary: %s", said)
}
