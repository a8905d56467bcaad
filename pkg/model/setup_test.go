package model_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/model"
)

// verdict is what the tests ask for.
type verdict struct {
	Score  int    `json:"score" jsonschema:"minimum=0,maximum=4"`
	Reason string `json:"reason"`
}

var verdictSchema = model.MustSchemaOf[verdict]("verdict")

// good is a usable verdict.
const good = `{"score":3,"reason":"it fits"}`

// config points every role at one server.
func config(url string) model.Config {
	e := model.DefaultEndpoint()
	e.URLs = []string{url}
	e.Timeout = time.Minute
	roles := make(map[string]model.Role)
	for _, name := range model.Roles() {
		roles[name] = model.Role{Endpoint: "test", Model: "fake-" + name, MaxTokens: 64}
	}
	return model.Config{Endpoints: map[string]model.Endpoint{"test": e}, Roles: roles, Repairs: 2, KeepPrompts: "all"}
}

// open makes a client that probes often and gives up soon.
func open(t *testing.T, cfg model.Config, change ...func(*model.Deps)) *model.Client {
	t.Helper()
	deps := model.Deps{Answers: filepath.Join(t.TempDir(), "answers.db"), Patience: 150 * time.Millisecond, ProbeEvery: 20 * time.Millisecond}
	for _, c := range change {
		c(&deps)
	}
	client, err := model.New(t.Context(), cfg, deps)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close(context.Background())) })
	return client
}

// serve starts a server and a client for it.
func serve(t *testing.T, cfg fakemodel.Config, change ...func(*model.Config)) (*fakemodel.Server, *model.Client) {
	t.Helper()
	server := fakemodel.New(cfg)
	t.Cleanup(server.Close)
	c := config(server.BaseURL())
	for _, f := range change {
		f(&c)
	}
	return server, open(t, c)
}

// judgeCall is a call of the judge at a step.
func judgeCall(step int32) model.Call {
	return model.Call{
		Role: model.Judge, Purpose: "test", Run: "run", Step: step, Schema: verdictSchema,
		Messages: []model.Message{{Role: "system", Content: "You judge."}, {Role: "user", Content: "How good is it?"}},
	}
}

// always answers with the same content.
func always(content string) func(*fakemodel.Request, int) string {
	return func(*fakemodel.Request, int) string { return content }
}
