package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Message is one message of a prompt.
type Message struct {
	// Role is "system", "user" or "assistant".
	Role string `json:"role"`
	// Content is the text.
	Content string `json:"content"`
}

// Sampling is how an answer is drawn.
type Sampling struct {
	// Temperature is in [0,2].
	Temperature float64 `json:"temperature"`
	// TopP is in (0,1]; 0 leaves it to the endpoint.
	TopP float64 `json:"top_p,omitempty"`
	// MaxTokens bounds the answer's length.
	MaxTokens int `json:"max_tokens"`
	// Seed is sent to endpoints that take one; nil sends none.
	Seed *int64 `json:"seed,omitempty"`
}

// Call asks the model of a role for one or several answers.
type Call struct {
	// Role is one of Roles.
	Role string
	// Purpose says what the answer is for, e.g. "day-plan" or "judge".
	Purpose string
	// Run and Step say who asks. Together with Role, Purpose, Candidate, Criterion
	// and the request itself they identify the call: the same call again takes the
	// recorded answer.
	Run  string
	Step int32
	// At is the simulated time of the run in seconds since its start. Calls of
	// runs that are behind go first.
	At int64
	// Candidate and Criterion say what a judge judges; nil and empty otherwise.
	Candidate *int32
	Criterion string
	// Messages is the prompt, what changes least first.
	Messages []Message
	// Schema binds the answer; nil asks for free text.
	Schema *Schema
	// Check is a further rule that an answer must obey; its error is the complaint
	// that the model is shown. nil checks nothing.
	Check func(answer []byte) error
	// N is how many independent answers are wanted; 0 means 1.
	N int
	// Seed is the sampling seed for endpoints that take one; nil is none.
	Seed *int64
	// Ahead says that the answer is asked for before it is needed: it is kept, and
	// whoever makes the same call later gets it. Only that call is counted as one.
	Ahead bool
	// Adapter is the name of a LoRA adapter, asked for in place of the model.
	Adapter string
	// AdapterRun is the handle of the run that the adapter was trained for. It is
	// sent in the header RunHeader: a GPU node answers nobody else under the name.
	AdapterRun string
}

// Failure is an answer that stayed unusable after the allowed repairs.
type Failure struct {
	// Outcome is how the last attempt ended.
	Outcome Outcome
	// Detail is the complaint about it.
	Detail string
	// Last is the last answer as received.
	Last string
}

// Error implements error, for roles whose failure ends the run.
func (f *Failure) Error() string {
	last := f.Last
	if len(last) > 500 {
		last = last[:500] + " [...]"
	}
	return fmt.Sprintf("unusable answer (%s): %s; the last answer was %q; a higher models.repairs asks again, also in resume", f.Outcome, f.Detail, last)
}

// Answer is one answer of a call: either usable, or a Failure.
type Answer struct {
	// JSON is the value that was asked for, where the call has a schema, exactly
	// as the model wrote it apart from text around it.
	JSON []byte
	// Text is the answer in free text, where the call has no schema.
	Text string
	// Failure is nil for a usable answer.
	Failure *Failure
	// Record is what the journal keeps.
	Record Record
	// Timing is kept beside the journal's hash chain.
	Timing Timing
}

// Decode parses the answer into v. It returns the Failure of an unusable one.
func (a *Answer) Decode(v any) error {
	if a.Failure != nil {
		return a.Failure
	}
	if err := json.Unmarshal(a.JSON, v); err != nil {
		return fmt.Errorf("answer %q: %w", a.JSON, err)
	}
	return nil
}

// PromptDigest identifies a prompt: the SHA-256 of its messages in hexadecimal.
func PromptDigest(messages []Message) string {
	h := sha256.New()
	var length [20]byte
	for _, m := range messages {
		for _, part := range []string{m.Role, m.Content} {
			// Each part has its length before it, so that no two prompts run together.
			h.Write(fmt.Appendf(length[:0], "%d:", len(part)))
			h.Write([]byte(part))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// request is what is asked of an endpoint in one HTTP request.
type request struct {
	Model      string    `json:"model"`
	Messages   []Message `json:"messages,omitempty"`
	Schema     string    `json:"schema,omitempty"` // digest
	Sampling   Sampling  `json:"sampling"`
	N          int       `json:"n"`
	Texts      []string  `json:"texts,omitempty"` // to embed
	Dimensions int       `json:"dimensions,omitempty"`

	bySchema   *Schema
	structure  string
	adapterRun string
}

// tokens estimates how many tokens the request takes, and how many its answer
// may take at most: four bytes a token, and four tokens around each message.
func (r *request) tokens() (prompt, completion int64) {
	prompt = r.promptTokens()
	if len(r.Texts) > 0 {
		return prompt, 0
	}
	return prompt, int64(r.Sampling.MaxTokens) * int64(max(1, r.N))
}

func (r *request) promptTokens() (prompt int64) {
	for _, m := range r.Messages {
		prompt += EstimateTokens(m.Content) + 4
	}
	for _, text := range r.Texts {
		prompt += EstimateTokens(text)
	}
	if r.bySchema != nil && r.structure != ByJSONSchema {
		prompt += EstimateTokens(string(r.bySchema.JSON))
	}
	return prompt
}

// EstimateTokens approximates how many tokens a text has where no tokenizer is
// at hand: one for four bytes, which fits English prose within about 15%.
func EstimateTokens(text string) int64 { return int64(len(text)+3) / 4 }

// digest identifies the content of a request.
func (r *request) digest() string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(r); err != nil {
		panic("model: a request cannot fail to encode: " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// id names a call and one of its samples within their step: judge/judge/0/timing.
func (c *Call) id(sample int) string {
	var b strings.Builder
	b.WriteString(c.Role + "/" + c.Purpose)
	if c.Candidate != nil {
		fmt.Fprintf(&b, "/%d", *c.Candidate)
	}
	if c.Criterion != "" {
		b.WriteString("/" + c.Criterion)
	}
	if c.N > 1 {
		fmt.Fprintf(&b, "/%d", sample)
	}
	return b.String()
}
