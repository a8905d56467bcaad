// Package assistantpython checks the Python example against the contract.
package assistantpython

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// deskBreak is the method of the example: rules of its own, not a policy of ours.
var deskBreak = &simv1.Method{
	Name: "desk-break", Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_SAMPLES,
	Decider: simv1.Decider_DECIDER_CUSTOM, Told: simv1.Told_TOLD_NOTHING,
}

// python returns an interpreter that has requirements.txt: the one that
// PROPERSIM_TEST_PYTHON names, or python3.
func python(t *testing.T) string {
	t.Helper()
	named, required := os.LookupEnv("PROPERSIM_TEST_PYTHON")
	if !required {
		named = "python3"
	}
	out, err := exec.Command(named, "-c", "import grpc, grpc_tools").CombinedOutput()
	if err != nil && required {
		t.Fatalf("PROPERSIM_TEST_PYTHON=%s does not have requirements.txt: %v: %s", named, err, out)
	}
	if err != nil {
		t.Skip("SKIPPED: no python3 with requirements.txt; set PROPERSIM_TEST_PYTHON to one that has it")
	}
	return named
}

func TestItConforms(t *testing.T) {
	interpreter := python(t)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(root, "proto/deps/buf")); err != nil {
		deps := exec.Command("go", "run", "-C", "tools", "./protodeps", "../proto/deps") // as make does
		deps.Dir = root
		deps.Env = append(os.Environ(), "GOWORK=off")
		out, err := deps.CombinedOutput()
		require.NoError(t, err, string(out))
	}

	address := loopback.Address(t)
	var output strings.Builder
	server := exec.Command(interpreter, "assistant.py", address)
	server.Stdout, server.Stderr = &output, &output
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		require.NoError(t, server.Process.Signal(os.Interrupt))
		require.NoError(t, server.Wait(), "it shuts down gracefully: %s", &output)
	})
	waitFor(t, address)

	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	report, err := conformance.Assistant(t.Context(), assistantv1.NewAssistantServiceClient(conn),
		conformance.Options{Name: "the Python example", Method: deskBreak, Deterministic: true})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.True(t, report.OK(), text.String())
	require.Zero(t, report.Count(conformance.Warn), text.String())
}

// waitFor returns when something listens at the address.
func waitFor(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			require.NoError(t, conn.Close())
			return
		}
		require.NoError(t, ctx.Err(), "nothing listens at %s", address)
		time.Sleep(20 * time.Millisecond)
	}
}
