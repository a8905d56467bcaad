package modelsummarizer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/internal/fakemodel/fakeclient"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
	"github.com/propersim/propersim/services/assistant/modelsummarizer"
	"github.com/propersim/propersim/services/assistant/summarizertest"
)

func block() *driver.Block {
	return &driver.Block{
		Name: "1/08-09", Run: "r", AskedAt: 216, Day: 1, From: 8, To: 9, Scale: 150, Memory: simv1.MemoryLevel_MEMORY_LEVEL_ARS,
		Counts: driver.Counts{Steps: 4, Said: 1, Scored: 1, ScoreSum: 3},
		Lines: []driver.Line{
			{Step: 192, Kind: "breakfast", Description: "eating toast", Room: "kitchen", Score: -1},
			{Step: 193, Kind: "breakfast", Description: "eating toast", Room: "kitchen", Score: -1},
			{Step: 194, Kind: "breakfast", Description: "eating toast", Room: "kitchen", Said: "A book?", Score: 3},
			{Step: 195, Kind: "reading", Description: "reading a novel", Room: "kitchen", Score: -1},
		},
	}
}

func open(t *testing.T, answer string) (*fakemodel.Server, *modelsummarizer.Summarizer) {
	t.Helper()
	server, client := fakeclient.Open(t, fakemodel.Config{Answer: func(*fakemodel.Request, int) string { return answer }})
	set, err := prompts.Load("")
	require.NoError(t, err)
	s, err := modelsummarizer.New(client, set)
	require.NoError(t, err)
	return server, s
}

func TestABlockBecomesOneLine(t *testing.T) {
	server, s := open(t, `{"summary":"Ate toast\n and read."}`)
	text, effects, err := s.Summarize(t.Context(), block())
	require.NoError(t, err)
	require.Equal(t, "Ate toast and read.", text)
	require.Len(t, effects.Calls, 1)
	require.Contains(t, effects.Calls[0].GetId(), "1/08-09")
	require.False(t, s.Repeatable())
	prompt := server.Requests()[0].Prompt()
	require.Contains(t, prompt, "08:00 eating toast in the kitchen\n08:05 eating toast in the kitchen; the assistant said: A book? (score 3)\n08:07 reading a novel")
}

func TestAnUnusableSummaryIsNoSummary(t *testing.T) {
	_, s := open(t, `{"summary":"  "}`)
	_, _, err := s.Summarize(t.Context(), block())
	require.ErrorIs(t, err, errs.ErrPrecondition)
	require.ErrorContains(t, err, "blank")
}

// TestItConforms: the suite of every summarizer, on a model that repeats a line of
// its log.
func TestItConforms(t *testing.T) {
	summarizertest.Run(t, func(t *testing.T) driver.Summarizer {
		_, client := fakeclient.Open(t, fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string {
			log := r.Messages[len(r.Messages)-1].Content
			log, _, _ = strings.Cut(log[strings.Index(log, "<log>")+len("<log>"):], "</log>")
			summary, err := json.Marshal(map[string]string{"summary": log[:min(len(log), 380)]})
			require.NoError(t, err)
			return string(summary)
		}})
		set, err := prompts.Load("")
		require.NoError(t, err)
		s, err := modelsummarizer.New(client, set)
		require.NoError(t, err)
		return s
	})
}
