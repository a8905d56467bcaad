package model_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
)

// TestUnusableAnswersAreRepaired: each fault once, then a good answer; the
// first attempt is on record with its outcome.
func TestUnusableAnswersAreRepaired(t *testing.T) {
	for name, c := range unusable() {
		t.Run(name, func(t *testing.T) {
			server, client := serve(t, fakemodel.Config{Answer: always(good)})
			server.Script(c.fault)
			answers, err := client.Do(t.Context(), judgeCall(1))
			require.NoError(t, err)
			require.Nil(t, answers[0].Failure)
			require.JSONEq(t, good, string(answers[0].JSON))
			attempts := answers[0].Record.Attempts
			require.Len(t, attempts, 2)
			require.Equal(t, c.outcome, attempts[0].Outcome)
			require.NotEmpty(t, attempts[0].Detail)
			repair := server.Requests()[1].Messages
			require.Len(t, repair, 4, "the repair shows the answer and the complaint")
			require.Contains(t, repair[3].Content, "cannot be used")
		})
	}
}

// TestAnswersThatStayUnusableAreFailures: never a score, a silence or an
// invented value.
func TestAnswersThatStayUnusableAreFailures(t *testing.T) {
	for name, c := range unusable() {
		t.Run(name, func(t *testing.T) {
			server, client := serve(t, fakemodel.Config{Fault: func(*fakemodel.Request) fakemodel.Fault { return c.fault }})
			answers, err := client.Do(t.Context(), judgeCall(1))
			require.NoError(t, err)
			require.NotNil(t, answers[0].Failure)
			require.Equal(t, c.outcome, answers[0].Failure.Outcome)
			require.Empty(t, answers[0].JSON)
			require.Error(t, answers[0].Decode(&verdict{}))
			require.Equal(t, 3, server.Calls(), "the answer and two repairs")
		})
	}
}

type unusableCase struct {
	fault   fakemodel.Fault
	outcome model.Outcome
}

func unusable() map[string]unusableCase {
	return map[string]unusableCase{
		"truncated JSON":      {fakemodel.Content(`{"score":3,"reason":"it f`), model.Malformed},
		"wrong schema":        {fakemodel.Content(`{"verdict":"good"}`), model.OffSchema},
		"extra fields":        {fakemodel.Content(`{"score":3,"reason":"x","confidence":1}`), model.OffSchema},
		"score 4/4":           {fakemodel.Content(`{"score":"4/4","reason":"x"}`), model.OffSchema},
		"score out of range":  {fakemodel.Content(`{"score":5,"reason":"x"}`), model.OffSchema},
		"NaN":                 {fakemodel.Content(`{"score":NaN,"reason":"x"}`), model.Malformed},
		"duplicate keys":      {fakemodel.Content(`{"score":1,"score":4,"reason":"x"}`), model.Malformed},
		"two values":          {fakemodel.Content(`{"score":1,"reason":"x"} or {"score":4,"reason":"x"}`), model.Malformed},
		"prose":               {fakemodel.Content(`I would give it a 3.`), model.Malformed},
		"content null":        {fakemodel.Finished(nil, "stop"), model.Empty},
		"content blank":       {fakemodel.Content(" \n "), model.Empty},
		"only thinking":       {fakemodel.Content(`<think>{"score":4,"reason":"x"}`), model.Empty},
		"a refusal":           {fakemodel.Refusal("I cannot judge people."), model.Refused},
		"finish length":       {fakemodel.Finished(`{"score":3,"rea`, "length"), model.Truncated},
		"length, but whole":   {fakemodel.Finished(good, "length"), model.Truncated},
		"content filter":      {fakemodel.Finished("", "content_filter"), model.Filtered},
		"filter as a status":  {fakemodel.Status(400, `{"error":{"code":"content_filter","message":"filtered"}}`), model.Filtered},
		"10 MB":               {fakemodel.Content(strings.Repeat("x", 10<<20)), model.Malformed},
		"invalid UTF-8":       {fakemodel.Body("application/json", "{\"model\":\"fake-judge\",\"choices\":[{\"message\":{\"content\":\"\xff\xfe\"}}]}"), model.Malformed},
		"no choices":          {fakemodel.Choices(), model.Empty},
		"deeply nested value": {fakemodel.Content(`{"score":` + strings.Repeat("[", 20000)), model.Malformed},
	}
}

// TestAnswersAreFoundWithinText: what surrounds the one JSON value is left out.
func TestAnswersAreFoundWithinText(t *testing.T) {
	for name, content := range map[string]string{
		"text before and after": "Here is my verdict: " + good + " I hope it helps {really}.",
		"code fence":            "```json\n" + good + "\n```",
		"think block":           `<think>A {"score":1,"reason":"x"}? No.</think>` + good,
		"open think block":      `A {"score":1}? No.</think>` + good,
		"twice the same":        good + "\n" + good,
	} {
		t.Run(name, func(t *testing.T) {
			_, client := serve(t, fakemodel.Config{Answer: always(content)})
			answers, err := client.Do(t.Context(), judgeCall(1))
			require.NoError(t, err)
			require.JSONEq(t, good, string(answers[0].JSON))
			require.Equal(t, content, answers[0].Record.Answer, "the record has the answer as received")
		})
	}
}

// TestTransientFailuresAreRetried: each fault once, then a good answer.
func TestTransientFailuresAreRetried(t *testing.T) {
	for name, c := range map[string]struct {
		fault   func(*fakemodel.Server) fakemodel.Fault
		outcome model.Outcome
	}{
		"408":              {fixed(fakemodel.Error(408, "timeout")), model.TimedOut},
		"409":              {fixed(fakemodel.Error(409, "conflict")), model.Overloaded},
		"429":              {fixed(fakemodel.Error(429, "slow down")), model.RateLimited},
		"429, Retry-After": {fixed(fakemodel.Error(429, "slow down", "Retry-After: 1")), model.RateLimited},
		"500":              {fixed(fakemodel.Error(500, "oops")), model.Overloaded},
		"502":              {fixed(fakemodel.Status(502, "<html>Bad Gateway</html>", "Content-Type: text/html")), model.Overloaded},
		"503":              {fixed(fakemodel.Error(503, "loading model")), model.Overloaded},
		"504":              {fixed(fakemodel.Status(504, "")), model.Overloaded},
		"reset":            {fixed(fakemodel.Reset()), model.Interrupted},
		"a hang":           {(*fakemodel.Server).Hang, model.TimedOut},
		"1 byte a second":  {func(s *fakemodel.Server) fakemodel.Fault { return s.Drip(time.Second) }, model.TimedOut},
		"HTML with 200":    {fixed(fakemodel.Body("text/html", "<html>Log in</html>")), model.Garbled},
		"empty body":       {fixed(fakemodel.Body("application/json", "")), model.Garbled},
		"half a body":      {fixed(fakemodel.Body("application/json", `{"choices":[{"mess`)), model.Garbled},
		"error with 200":   {fixed(fakemodel.Body("application/json", `{"error":{"message":"upstream"}}`)), model.Overloaded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fakemodel.New(fakemodel.Config{Answer: always(good)})
			t.Cleanup(server.Close)
			cfg := config(server.BaseURL())
			if c.outcome == model.TimedOut { // the first request, and no other on a busy machine
				e := cfg.Endpoints["test"]
				e.Timeout = 3 * time.Second
				cfg.Endpoints["test"] = e
			}
			client := open(t, cfg, func(d *model.Deps) { d.Patience = time.Minute })
			_, err := client.Do(t.Context(), judgeCall(0)) // the endpoint is known to be one
			require.NoError(t, err)
			server.Script(c.fault(server))
			answers, err := client.Do(t.Context(), judgeCall(1))
			require.NoError(t, err)
			require.JSONEq(t, good, string(answers[0].JSON))
			attempts := answers[0].Record.Attempts
			require.Len(t, attempts, 2)
			require.Equal(t, c.outcome, attempts[0].Outcome)
			require.Zero(t, attempts[0].Usage)
			require.Equal(t, 3, server.Calls())
		})
	}
}

func fixed(f fakemodel.Fault) func(*fakemodel.Server) fakemodel.Fault {
	return func(*fakemodel.Server) fakemodel.Fault { return f }
}

// TestAnEndpointThatIsAwayIsWaitedFor: a transient error says what is missing.
func TestAnEndpointThatIsAwayIsWaitedFor(t *testing.T) {
	secure := fakemodel.NewTLS(fakemodel.Config{})
	t.Cleanup(secure.Close)
	for name, c := range map[string]struct{ url, says string }{
		"refused connection": {"http://" + loopback.Address(t) + "/v1", "connection refused"},
		"DNS failure":        {"http://no-such-host.invalid/v1", "no-such-host.invalid"},
		"TLS failure":        {secure.BaseURL(), "TLS failed"},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, config(c.url))
			_, err := client.Do(t.Context(), judgeCall(1))
			require.ErrorIs(t, err, errs.ErrUnavailable)
			require.ErrorContains(t, err, c.says)
			var failed *model.Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, model.Unreachable, failed.Outcome)
		})
	}
}

// TestPermanentFailuresEndAtOnce: one request, and the error says what to
// change.
func TestPermanentFailuresEndAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		fault   fakemodel.Fault
		outcome model.Outcome
		says    string
	}{
		"400":                  {fakemodel.Error(400, "bad field"), model.BadRequest, "doctor models"},
		"400 context too long": {fakemodel.Error(400, "This model's maximum context length is 100 tokens"), model.ContextTooLong, "context"},
		"401":                  {fakemodel.Error(401, "no key"), model.Unauthorized, "key_file"},
		"403":                  {fakemodel.Error(403, "forbidden"), model.Unauthorized, "key_file"},
		"404 model":            {fakemodel.Error(404, "The model does not exist"), model.UnknownModel, "models.roles.judge.model"},
		"422":                  {fakemodel.Status(422, `{"detail":"unknown field"}`), model.BadRequest, "unknown field"},
		"429 without quota":    {fakemodel.Status(429, `{"error":{"code":"insufficient_quota","message":"pay"}}`), model.Unauthorized, "pay"},
		"another model":        {fakemodel.As("other-model", good), model.WrongModel, "models.roles.judge.aliases"},
		"HTML, never a model":  {fakemodel.Body("text/html", "<html>Log in</html>"), model.BadRequest, "/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := serve(t, fakemodel.Config{Fault: func(*fakemodel.Request) fakemodel.Fault { return c.fault }})
			_, err := client.Do(t.Context(), judgeCall(1))
			require.ErrorIs(t, err, errs.ErrPrecondition)
			require.ErrorContains(t, err, c.says)
			var failed *model.Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, c.outcome, failed.Outcome)
			require.Equal(t, 1, server.Calls())
		})
	}
}

// TestFewerChoicesThanAsked: what is missing is asked for by itself.
func TestFewerChoicesThanAsked(t *testing.T) {
	server, client := serve(t, fakemodel.Config{Answer: always(good)})
	server.Script(fakemodel.Choices(good))
	call := judgeCall(1)
	call.N = 3
	answers, err := client.Do(t.Context(), call)
	require.NoError(t, err)
	require.Len(t, answers, 3)
	for i, a := range answers {
		require.Nil(t, a.Failure)
		require.Equal(t, int32(i), *a.Record.Candidate)
	}
	require.Equal(t, 3, server.Calls(), "one request for three, and one for each that is missing")
}

// TestMissingUsageIsEstimatedAndMarked.
func TestMissingUsageIsEstimatedAndMarked(t *testing.T) {
	server, client := serve(t, fakemodel.Config{})
	server.Script(fakemodel.Without("usage", good))
	answers, err := client.Do(t.Context(), judgeCall(1))
	require.NoError(t, err)
	require.True(t, answers[0].Record.Usage.Estimated)
	require.Positive(t, answers[0].Record.Usage.Prompt)
}

// TestUnusableEmbeddings: another dimension or NaN is never a vector.
func TestUnusableEmbeddings(t *testing.T) {
	server, client := serve(t, fakemodel.Config{Dimensions: 3})
	call := func(step int32) model.EmbedCall {
		return model.EmbedCall{Purpose: "test", Run: "run", Step: step, Texts: []string{"tea"}}
	}
	for i, bad := range []string{`[1,NaN,2]`, `[1,null,2]`, `[]`, `[1e300,0,0]`} {
		server.Script(fakemodel.Embeddings(bad))
		vectors, records, _, err := client.Embed(t.Context(), call(int32(i)))
		require.NoError(t, err)
		require.Len(t, vectors[0], 3)
		require.Equal(t, model.OffSchema, records[0].Attempts[0].Outcome)
		back, err := model.UnpackVectors(records[0].Answer)
		require.NoError(t, err)
		require.Equal(t, vectors, back)
	}
	server.Script(fakemodel.Embeddings(`[1,2]`))
	_, _, _, err := client.Embed(t.Context(), call(10))
	var failed *model.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, model.WrongShape, failed.Outcome)

	bad := fakemodel.Embeddings(`[1,NaN]`)
	server.Script(bad, bad, bad)
	_, _, _, err = client.Embed(t.Context(), call(11))
	require.ErrorIs(t, err, errs.ErrPrecondition)
	server.Script(fakemodel.Embeddings(`[1,2,3]`, `[1,2,3]`))
	vectors, _, _, err := client.Embed(t.Context(), call(12))
	require.NoError(t, err, "two vectors for one text are asked for again")
	require.Len(t, vectors, 1)
}
