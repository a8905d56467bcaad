package readme

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// environment builds propersim and grpcurl and returns the variables of the
// commands: no setting of the program, and builds that a copy of the
// repository shares with the test cache (-trimpath keeps folders out of it).
func environment(t *testing.T) []string {
	bin, err := filepath.Abs(t.TempDir())
	require.NoError(t, err)
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PROPERSIM_") })
	env = append(env, "GOFLAGS=-trimpath", "CGO_ENABLED=0", "TERM=dumb",
		"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	build := func(folder string, more string, arg ...string) {
		cmd := exec.Command("go", append([]string{"build", "-o", bin}, arg...)...)
		cmd.Dir, cmd.Env = filepath.Join(root, folder), append(env, more)
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, string(said))
	}
	build(".", "GOWORK=", "./cmd/propersim")
	build("tools", "GOWORK=off", "github.com/fullstorydev/grpcurl/cmd/grpcurl")
	return env
}

// shell runs commands in a folder.
type shell struct {
	folder string
	env    []string
}

// command returns a script in a process group of its own, so that a signal
// reaches what it starts.
func (s shell) command(t *testing.T, script string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = s.folder, s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// serve runs a server until the test ends. It returns when the server listens
// on every address that the client names.
func (s shell) serve(t *testing.T, server, client string) {
	addresses := address.FindAllString(client, -1)
	for _, a := range addresses {
		if listens(a) {
			t.Skipf("%s is in use by another program", a)
		}
	}
	var said strings.Builder
	cmd := s.command(t, server)
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended
		t.Logf("%s ended: %v", server, <-ended)
	})
	for _, a := range addresses {
		for !listens(a) {
			select {
			case err := <-ended:
				ended <- err
				t.Fatalf("%s ended before %s answered: %v\n%s", server, a, err, said.String())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
