package telemetry

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
)

func open(t *testing.T, cfg Config) *Telemetry {
	t.Helper()
	tel, err := New(t.Context(), cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tel.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return tel
}

func TestMetricsAreServed(t *testing.T) {
	tel := open(t, Config{Address: "127.0.0.1:0"})
	resp, err := http.Get("http://" + tel.Addr() + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "propersim_go_goroutines")
}

func TestTheLogLevelCanBeChangedWhileRunning(t *testing.T) {
	level := zap.NewAtomicLevelAt(zap.WarnLevel)
	tel := open(t, Config{Address: "127.0.0.1:0", Level: level})
	req, err := http.NewRequest(http.MethodPut, "http://"+tel.Addr()+"/log/level", strings.NewReader(`{"level":"debug"}`))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, zap.DebugLevel, level.Level())
}

func TestAnOccupiedAddressIsAnError(t *testing.T) {
	tel := open(t, Config{Address: "127.0.0.1:0"})
	_, err := New(t.Context(), Config{Address: tel.Addr()})
	require.ErrorIs(t, err, errs.ErrPrecondition)
}
