package model_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
)

// canary is a key that must appear nowhere.
const canary = "sk-canary-4f1c9e77aa0b"

// TestAKeyAppearsNowhere: a server that repeats the key in every error; errors,
// records, spans, logs and files are searched for it.
func TestAKeyAppearsNowhere(t *testing.T) {
	for _, bad := range []fakemodel.Fault{
		fakemodel.Error(401, "Incorrect API key provided: "+canary),
		fakemodel.Error(429, "quota of "+canary),
		fakemodel.Status(400, canary),
		fakemodel.Body("text/html", "<html>"+canary),
		fakemodel.Body("application/json", `{"error":"`+canary+`"}`),
	} {
		folder := t.TempDir()
		key := filepath.Join(folder, "key")
		require.NoError(t, os.WriteFile(key, []byte(canary+"\n"), 0o600))
		server := fakemodel.New(fakemodel.Config{})
		cfg := config(server.BaseURL())
		e := cfg.Endpoints["test"]
		e.KeyFile = key
		cfg.Endpoints["test"] = e
		spans := tracetest.NewSpanRecorder()
		var logged bytes.Buffer
		log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&logged), zap.DebugLevel))
		state := t.TempDir()
		client := open(t, cfg, func(d *model.Deps) {
			d.Tracer, d.Logger, d.Answers = trace.NewTracerProvider(trace.WithSpanProcessor(spans)), log, filepath.Join(state, "answers.db")
		})
		answers, err := client.Do(t.Context(), judgeCall(0))
		require.NoError(t, err)
		require.Equal(t, "Bearer "+canary, server.Requests()[0].Authorization, "the server does get the key")
		server.Script(bad)
		more, err := client.Do(t.Context(), judgeCall(1))
		everything := fmt.Sprintf("%+v %#v %v %+v %+v %#v", answers, more, err, err, client, client)
		for _, span := range spans.Ended() {
			everything += fmt.Sprintf("%v %v", span.Attributes(), span.Status())
		}
		require.NotContains(t, everything+logged.String(), canary)
		require.NoError(t, filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotContains(t, string(raw), canary, path)
			return nil
		}))
		server.Close()
	}
}

// TestAKeyThatIsMissingStopsTheStart, and the error names the file or variable.
func TestAKeyThatIsMissingStopsTheStart(t *testing.T) {
	t.Setenv("TEST_BROKEN_KEY", "a\tb")
	for _, c := range []struct {
		change func(*model.Endpoint)
		says   string
	}{
		{func(e *model.Endpoint) { e.KeyFile = "/no/such/file" }, "models.endpoints.test.key_file"},
		{func(e *model.Endpoint) { e.KeyEnv = "NO_SUCH_KEY" }, "NO_SUCH_KEY"},
		{func(e *model.Endpoint) { e.KeyEnv = "TEST_BROKEN_KEY" }, "outside ASCII"},
		{func(e *model.Endpoint) { e.KeyFile, e.KeyEnv = "a", "b" }, "one of them"},
		{func(e *model.Endpoint) { e.URLs = []string{"http://user:" + canary + "@host/v1"} }, "key_file"},
	} {
		cfg := config("http://127.0.0.1:1/v1")
		e := cfg.Endpoints["test"]
		c.change(&e)
		cfg.Endpoints["test"] = e
		_, err := model.New(t.Context(), cfg, model.Deps{Answers: ":memory:"})
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), canary)
	}
}
