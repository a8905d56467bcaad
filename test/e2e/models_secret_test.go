package e2e

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/propersim/propersim/internal/fakemodel"
)

// canary is an API key that must appear in no file and no output.
const canary = "sk-canary-77f0b1e2c9d4"

// requireNoCanary searches a folder for the key.
func requireNoCanary(t *testing.T, dir string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(raw), canary, path)
		files++
		return nil
	}))
	require.Greater(t, files, 5)
}

// TestTheKeyOfAnEndpointIsNowhere: a server repeats the key in its errors, at
// first in transient ones and then in a final one. The key is in no journal,
// log, trace, error, report and no configuration that is shown.
func TestTheKeyOfAnEndpointIsNowhere(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Fault: func(r *fakemodel.Request) fakemodel.Fault {
		switch {
		case r.Number > 200:
			return fakemodel.Error(401, "Incorrect API key provided: "+canary)
		case r.Number%25 == 0:
			return fakemodel.Error(429, "slow down, "+canary, "Retry-After-Ms: 1")
		}
		return nil
	}})
	t.Cleanup(server.Close)
	traces := startCollector(t)
	out := filepath.Join(t.TempDir(), "run")
	config := modelConfig(t, server.BaseURL(), "log: {level: debug}", "traces: {endpoint: \"http://"+traces.address+"\"}")
	code, output := propersim(t, "simulate", "--config", config, "--out", out, "--personas", "1")
	require.NotZero(t, code)
	require.Equal(t, "Bearer "+canary, server.Requests()[0].Authorization, "the server does get the key")
	require.Contains(t, output, "401", "the error is shown")
	require.Contains(t, output, "key_file", "and says what to change")
	output += must(t, "config", "show", "--config", config) + must(t, "config", "show", "--config", filepath.Join(out, "config.yaml"))
	output += must(t, "report", out) + must(t, "runs", "step", out, "60", "--prompts")
	_, said := propersim(t, "doctor", "models", "--config", config)
	require.Contains(t, said, "401")
	require.NotContains(t, output+said, canary)
	requireNoCanary(t, out)
	got := traces.text()
	require.Contains(t, got, "fake-judge", "requests are traced")
	require.NotContains(t, got, canary)
}

// traceCollector is an OTLP collector that keeps what it gets as text.
type traceCollector struct {
	collector.UnimplementedTraceServiceServer
	address string
	mu      sync.Mutex
	got     string // guarded by mu
}

func startCollector(t *testing.T) *traceCollector {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c, server := &traceCollector{address: listener.Addr().String()}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }() // it ends with Stop
	t.Cleanup(server.Stop)
	return c
}

// Export implements collector.TraceServiceServer.
func (c *traceCollector) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got += prototext.Format(req)
	return &collector.ExportTraceServiceResponse{}, nil
}

func (c *traceCollector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got
}
