// Package fakeclient opens model clients for tests of drivers: every role is
// played by one fakemodel server.
package fakeclient

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/model"
)

// Config returns a configuration in which the server plays every role.
func Config(url string) model.Config {
	e := model.DefaultEndpoint()
	e.URLs, e.Slots = []string{url}, 32
	cfg := model.Config{Endpoints: map[string]model.Endpoint{"test": e}, Roles: make(map[string]model.Role), Repairs: 2, KeepPrompts: "all"}
	for _, name := range model.Roles() {
		cfg.Roles[name] = model.Role{Endpoint: "test", Model: "fake-" + name}
	}
	return cfg
}

// Open starts a server and a client for it, with the configuration changed.
func Open(t *testing.T, server fakemodel.Config, change ...func(*model.Config)) (*fakemodel.Server, *model.Client) {
	t.Helper()
	s := fakemodel.New(server)
	t.Cleanup(s.Close)
	cfg := Config(s.BaseURL())
	for _, c := range change {
		c(&cfg)
	}
	client, err := model.New(t.Context(), cfg, model.Deps{Answers: filepath.Join(t.TempDir(), "answers.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close(context.Background())) })
	return s, client
}
