package model_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
)

// TestAStepThatIsTriedAgainPaysNothing: the same call gets the recorded answer,
// also from a new client on the same store.
func TestAStepThatIsTriedAgainPaysNothing(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	dsn := filepath.Join(t.TempDir(), "answers.db")
	at := func(d *model.Deps) { d.Answers = dsn }
	first := open(t, config(server.BaseURL()), at)
	call := judgeCall(7)
	call.N = 2
	before, err := first.Do(t.Context(), call)
	require.NoError(t, err)
	again, err := first.Do(t.Context(), call)
	require.NoError(t, err)
	require.NoError(t, first.Close(context.Background()))
	second := open(t, config(server.BaseURL()), at)
	after, err := second.Do(t.Context(), call)
	require.NoError(t, err)
	for i := range before {
		require.Equal(t, before[i].Record, again[i].Record)
		require.Equal(t, before[i].Record, after[i].Record)
	}
	require.Equal(t, 1, server.Calls())
	require.Equal(t, int64(1), second.Totals()[model.Judge].Requests, "totals survive a restart")

	other := call
	other.Step = 8
	_, err = second.Do(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, 2, server.Calls(), "another step is another call")
}

// TestRetriesOfACallAheadAreRecorded: who takes an answer from the store, of this
// process or of one before, records the failures on the way to it.
func TestRetriesOfACallAheadAreRecorded(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	server.Script(fakemodel.Error(http.StatusTooManyRequests, "slow down", "Retry-After: 0.01"))
	dsn := filepath.Join(t.TempDir(), "answers.db")
	at := func(d *model.Deps) { d.Answers = dsn }
	first := open(t, config(server.BaseURL()), at)
	call := judgeCall(7)
	call.Ahead = true
	_, err := first.Do(t.Context(), call)
	require.NoError(t, err)
	require.Equal(t, 2, server.Calls())
	call.Ahead = false
	morning, err := first.Do(t.Context(), call)
	require.NoError(t, err)
	require.NoError(t, first.Close(context.Background()))
	after, err := open(t, config(server.BaseURL()), at).Do(t.Context(), call)
	require.NoError(t, err)
	require.Equal(t, 2, server.Calls(), "the answer is in the store")
	for _, answers := range [][]model.Answer{morning, after} {
		var outcomes []model.Outcome
		for _, a := range answers[0].Record.Attempts {
			outcomes = append(outcomes, a.Outcome)
		}
		require.Equal(t, []model.Outcome{model.RateLimited, model.Answered}, outcomes)
	}
}

// TestACallerThatLeavesLosesNothing: the answer on its way is recorded.
func TestACallerThatLeavesLosesNothing(t *testing.T) {
	answer := make(chan struct{})
	server, client := serve(t, fakemodel.Config{Answer: func(*fakemodel.Request, int) string {
		<-answer
		return good
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for server.Calls() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := client.Do(ctx, judgeCall(1))
	require.ErrorIs(t, err, errs.ErrCanceled)
	close(answer)
	answers, err := client.Do(t.Context(), judgeCall(1))
	require.NoError(t, err)
	require.Nil(t, answers[0].Failure)
	require.Equal(t, 1, server.Calls())
}

// TestTheSameCallTwiceAtOnceIsOneRequest.
func TestTheSameCallTwiceAtOnceIsOneRequest(t *testing.T) {
	server, client := serve(t, fakemodel.Config{Latency: 20 * time.Millisecond})
	var all sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		all.Go(func() {
			answers, err := client.Do(t.Context(), judgeCall(1))
			if err == nil {
				got[i] = string(answers[0].JSON)
			}
		})
	}
	all.Wait()
	require.NotEmpty(t, got[0])
	for _, one := range got {
		require.Equal(t, got[0], one)
	}
	require.Equal(t, 1, server.Calls())
}

// TestRecordsAndTotalsAgree to the token, repairs included.
func TestRecordsAndTotalsAgree(t *testing.T) {
	server, client := serve(t, fakemodel.Config{}, func(c *model.Config) {
		e := c.Endpoints["test"]
		e.Price = model.Price{Input: 0.15, Output: 0.6}
		c.Endpoints["test"] = e
	})
	var sum model.Usage
	for step := range int32(20) {
		if step%3 == 0 {
			server.Script(fakemodel.Content("no"), fakemodel.Error(503, "later"))
		}
		call := judgeCall(step)
		call.N = 1 + int(step%4)
		answers, err := client.Do(t.Context(), call)
		for err != nil { // the endpoint failed for longer than the patience
			require.ErrorIs(t, err, errs.ErrUnavailable)
			answers, err = client.Do(t.Context(), call)
		}
		for _, a := range answers {
			sum.Prompt += a.Record.Usage.Prompt
			sum.Completion += a.Record.Usage.Completion
		}
	}
	total := client.Totals()[model.Judge]
	require.Equal(t, sum.Prompt, total.Prompt)
	require.Equal(t, sum.Completion, total.Completion)
	require.Equal(t, sum.Prompt*150_000+sum.Completion*600_000, total.Picos)
}

// TestTheCacheAnswersByContent: another run asks nothing again, and is not
// billed.
func TestTheCacheAnswersByContent(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{})
	t.Cleanup(server.Close)
	cfg := config(server.BaseURL())
	cfg.Cache = t.TempDir()
	one := open(t, cfg)
	before, err := one.Do(t.Context(), judgeCall(1))
	require.NoError(t, err)
	require.False(t, before[0].Record.Cached)
	two := open(t, cfg)
	after, err := two.Do(t.Context(), judgeCall(99))
	require.NoError(t, err)
	require.True(t, after[0].Record.Cached)
	require.Equal(t, before[0].JSON, after[0].JSON)
	require.Equal(t, 1, server.Calls())
	require.Zero(t, two.Totals()[model.Judge])
	changed := judgeCall(99)
	changed.Messages[1].Content += "!"
	_, err = two.Do(t.Context(), changed)
	require.NoError(t, err)
	require.Equal(t, 2, server.Calls())
}

// TestAnIndexThatIsBuiltAnewCostsNothing: every text was embedded by itself or in
// a batch before, also by another process, and gets the same vector again. Each
// payment is on one record.
func TestAnIndexThatIsBuiltAnewCostsNothing(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Dimensions: 5})
	t.Cleanup(server.Close)
	at := filepath.Join(t.TempDir(), "answers.db")
	keep := func(d *model.Deps) { d.Answers = at }
	client := open(t, config(server.BaseURL()), keep)
	embed := func(c *model.Client, texts ...string) ([][]float32, []model.Record) {
		vectors, records, timings, err := c.Embed(t.Context(), model.EmbedCall{Purpose: "test", Run: "run", Texts: texts})
		require.NoError(t, err)
		require.Len(t, timings, len(records))
		return vectors, records
	}
	one, first := embed(client, "tea")
	require.False(t, first[0].Cached)
	three, more := embed(client, "walk", "tea", "walk", "book")
	require.Equal(t, 2, server.Calls(), "what is missing is asked for in one request")
	require.Equal(t, one[0], three[1])
	require.Equal(t, three[0], three[2])
	require.Len(t, more, 3, "a record for each different text")
	paid := first[0].Usage.Prompt
	for i, r := range more {
		require.Equal(t, i == 1, r.Cached, r.ID)
		if !r.Cached {
			paid += r.Usage.Prompt
		}
	}
	require.Equal(t, client.Totals()[model.Embedder].Prompt, paid)
	require.NoError(t, client.Close(context.Background()))

	again, records := embed(open(t, config(server.BaseURL()), keep), "book", "tea", "walk")
	require.Equal(t, [][]float32{three[3], one[0], three[0]}, again)
	require.Equal(t, 2, server.Calls())
	for _, r := range records {
		require.True(t, r.Cached)
	}
}

// TestTheBudgetIsALimit: spending ends within what was in flight, and a higher
// limit goes on.
func TestTheBudgetIsALimit(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Latency: time.Millisecond})
	t.Cleanup(server.Close)
	dsn := filepath.Join(t.TempDir(), "answers.db")
	cfg := config(server.BaseURL())
	cfg.Budget.Tokens = 2000
	client := open(t, cfg, func(d *model.Deps) { d.Answers = dsn })
	var all sync.WaitGroup
	for run := range 4 {
		all.Go(func() {
			for step := range int32(100) {
				call := judgeCall(step)
				call.Run = fmt.Sprint(run)
				if _, err := client.Do(t.Context(), call); err != nil {
					require.ErrorIs(t, err, errs.ErrBudgetSpent)
					require.ErrorContains(t, err, "higher models.budget")
					return
				}
			}
		})
	}
	all.Wait()
	spent := client.Totals()[model.Judge].Tokens()
	require.LessOrEqual(t, spent, int64(2000))
	require.Greater(t, spent, int64(1700))
	require.NoError(t, client.Close(context.Background()))
	cfg.Budget.Tokens = 4000
	client = open(t, cfg, func(d *model.Deps) { d.Answers = dsn })
	_, err := client.Do(t.Context(), judgeCall(1000))
	require.NoError(t, err)
}

// TestPromptsAreKeptByDigest.
func TestPromptsAreKeptByDigest(t *testing.T) {
	_, client := serve(t, fakemodel.Config{})
	call := judgeCall(1)
	answers, err := client.Do(t.Context(), call)
	require.NoError(t, err)
	kept, err := client.Prompt(t.Context(), answers[0].Record.PromptDigest)
	require.NoError(t, err)
	require.Equal(t, call.Messages, kept)
	_, err = client.Prompt(t.Context(), "unknown")
	require.ErrorIs(t, err, errs.ErrNotFound)
}

// TestRequestsAreBuiltForWhatTheServerCan.
func TestRequestsAreBuiltForWhatTheServerCan(t *testing.T) {
	seed := int64(5)
	server, client := serve(t, fakemodel.Config{Answer: always(good)}, func(c *model.Config) {
		e := c.Endpoints["test"]
		e.Capabilities = model.Capabilities{Structured: model.ByPrompt, N: false, Seed: true, MaxTokensField: "max_completion_tokens", SystemRole: false, Reasoning: "none"}
		c.Endpoints["test"] = e
	})
	call := judgeCall(1)
	call.N, call.Seed = 2, &seed
	_, err := client.Do(t.Context(), call)
	require.NoError(t, err)
	require.Equal(t, 2, server.Calls(), "one request for each sample")
	asked := server.Requests()[0]
	require.Len(t, asked.Messages, 1)
	require.Equal(t, "user", asked.Messages[0].Role)
	require.Contains(t, asked.Messages[0].Content, `"maximum":4`)
	require.Equal(t, 64, asked.MaxCompletionTokens)
	require.Equal(t, int64(5), *asked.Seed)
	require.Empty(t, asked.ResponseFormat.Type)
}
