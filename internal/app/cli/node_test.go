package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer/node/vllmtest"
)

// TestANodeServesBesideAModelServer runs a trainer and a node agent as processes
// do, calls a model through the gateway with the token and without, and lists the
// trainer's workers.
func TestANodeServesBesideAModelServer(t *testing.T) {
	vllm := vllmtest.New("tiny")
	defer vllm.Close()
	token := filepath.Join(t.TempDir(), "token")
	secret := strings.Repeat("s", 40)
	require.NoError(t, os.WriteFile(token, []byte(secret+"\n"), 0o600))
	trainer, node, gateway, buffer := loopback.Address(t), loopback.Address(t), loopback.Address(t), loopback.Address(t)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 3)
	serving := func(args ...string) {
		args = append(append([]string{"serve"}, args...), "--token-file", token)
		go func() { done <- cli.Main(ctx, cli.Program{Version: "test"}, args, &bytes.Buffer{}, &bytes.Buffer{}) }()
	}
	serving("buffer", "--data", t.TempDir(), "--address", buffer)
	serving("trainer", "--data", t.TempDir(), "--address", trainer, "--buffer-address", buffer, "--set", "connect.nodes="+node)
	serving("node", "--upstream", vllm.URL, "--model", "tiny", "--data", t.TempDir(), "--address", node, "--gateway", gateway, "--trainer-address", trainer)

	get := func(authorization string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/v1/models", gateway), nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, ""
		}
		defer func() { require.NoError(t, resp.Body.Close()) }()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	require.Eventually(t, func() bool { status, _ := get(""); return status == http.StatusUnauthorized }, time.Minute, 20*time.Millisecond)
	status, text := get("Bearer " + secret)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, `"tiny"`)

	security, err := serve.SecurityFiles{Token: token}.Load()
	require.NoError(t, err)
	conn, err := serve.Dial(trainer, serve.Secure(security))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	workers := trainerv1.NewWorkerServiceClient(conn)
	require.Eventually(t, func() bool {
		_, err := workers.LeaseJob(t.Context(), &trainerv1.LeaseJobRequest{
			Worker: "gpu-7", Lease: durationpb.New(time.Minute),
			Capabilities: &trainerv1.WorkerCapabilities{Policies: []string{artifact.LoraPolicy}, Model: "tiny", Quantization: "nf4", Device: "a card"},
		})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	listed := must(t, "trainer", "workers", "--trainer-address", trainer, "--token-file", token)
	require.Contains(t, listed, "gpu-7")
	require.Contains(t, listed, "tiny nf4")
	require.Contains(t, must(t, "trainer", "jobs", "--trainer-address", trainer, "--token-file", token), "STATE")

	cancel()
	for range 3 {
		require.Equal(t, 0, <-done)
	}
}

func TestANodeOffLoopbackWantsAToken(t *testing.T) {
	code, _, text := call(t, "serve", "node", "--model", "tiny", "--gateway", "0.0.0.0:0", "--data", t.TempDir())
	require.Equal(t, 2, code)
	require.Contains(t, text, "--token-file")
	code, _, text = call(t, "serve", "node", "--data", t.TempDir())
	require.NotEqual(t, 0, code)
	require.Contains(t, text, "model: is empty")
}
