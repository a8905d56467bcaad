package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/model"
)

func probe(t *testing.T, server fakemodel.Config) []model.Finding {
	t.Helper()
	s := fakemodel.New(server)
	t.Cleanup(s.Close)
	cfg := config(s.BaseURL())
	for name := range cfg.Roles {
		if name != model.Judge && name != model.Embedder {
			delete(cfg.Roles, name)
		}
	}
	found, err := model.Probe(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, found, 2)
	return found
}

func TestAProbeFindsWhatAServerCan(t *testing.T) {
	found := probe(t, fakemodel.Config{})
	embedder, judge := found[0], found[1]
	require.NoError(t, embedder.Err)
	require.Equal(t, 64, embedder.Dimensions)
	require.NoError(t, judge.Err)
	require.Equal(t, model.ByJSONSchema, judge.Found.Structured)
	require.True(t, judge.Found.N)
	require.False(t, judge.Found.Seed, "its answers differ though the seed is the same")
	require.False(t, judge.Found.Logprobs)
}

func TestAProbeFindsWhatAServerCannot(t *testing.T) {
	found := probe(t, fakemodel.Config{
		Model:  "another",
		Answer: func(*fakemodel.Request, int) string { return `<think>hm</think>{"color":"red","count":3}` },
		Fault: func(r *fakemodel.Request) fakemodel.Fault {
			switch {
			case r.ResponseFormat.Type != "":
				return fakemodel.Error(400, "response_format is not supported")
			case r.MaxTokens > 0:
				return fakemodel.Error(400, "use max_completion_tokens")
			case r.N > 1:
				return fakemodel.Error(400, "n must be 1")
			}
			return nil
		},
	})
	judge := found[1]
	require.NoError(t, judge.Err)
	require.Equal(t, model.Capabilities{Structured: model.ByPrompt, Seed: true, MaxTokensField: "max_completion_tokens", SystemRole: true, Reasoning: "think_tags"}, judge.Found)
	require.Equal(t, "another", judge.Answers)
}

func TestAProbeSaysWhyAModelCannotBeUsed(t *testing.T) {
	found := probe(t, fakemodel.Config{Fault: func(*fakemodel.Request) fakemodel.Fault { return fakemodel.Error(401, "no key") }})
	for _, f := range found {
		require.ErrorContains(t, f.Err, "unauthorized")
	}
}
