package telemetry

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/serve"
)

func TestNoEndpointNoTraces(t *testing.T) {
	tel, err := New(t.Context(), Config{})
	require.NoError(t, err)
	require.Nil(t, tel.Tracer())
}

func TestTracesSettingsAreChecked(t *testing.T) {
	for says, traces := range map[string]Traces{
		"traces.endpoint": {Endpoint: "collector:4317", Sample: 1},
		"traces.sample":   {Endpoint: "http://collector:4317"},
	} {
		_, err := New(t.Context(), Config{Traces: traces})
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, says)
	}
}

func TestOffLoopbackWantsAToken(t *testing.T) {
	_, err := New(t.Context(), Config{Address: "0.0.0.0:0"})
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "metrics.address")

	secret := strings.Repeat("s", 32)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(secret), 0o600))
	security, err := serve.SecurityFiles{Token: file}.Load()
	require.NoError(t, err)
	tel := open(t, Config{Address: "127.0.0.1:0", Security: security, Level: zap.NewAtomicLevel()})
	for token, want := range map[string]int{"": 401, "Bearer " + strings.Repeat("x", 32): 401, "Bearer " + secret: 200} {
		for method, path := range map[string]string{http.MethodGet: "/metrics", http.MethodPut: "/log/level"} {
			req, err := http.NewRequest(method, "http://"+tel.Addr()+path, strings.NewReader(`{"level":"warn"}`))
			require.NoError(t, err)
			if token != "" {
				req.Header.Set("Authorization", token)
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, want, resp.StatusCode, "%s %s", method, path)
		}
	}
}
