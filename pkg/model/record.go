package model

import "time"

// Record is what is kept of a call for one of its answers. The sum over all
// records of an experiment equals the totals of its Usage exactly.
type Record struct {
	ID, Role, Purpose string
	// Candidate is the candidate that is judged or was drawn; nil where neither.
	Candidate *int32
	Criterion string
	// Model and Adapter are the names that were asked for.
	Model, Adapter string
	Sampling       Sampling
	// SchemaVersion is the digest of the schema; empty for free text.
	SchemaVersion string
	// PromptDigest identifies the first prompt; see PromptDigest.
	PromptDigest string
	// Outcome is Answered, or how the last attempt ended.
	Outcome Outcome
	// Answer is the last answer as received.
	Answer       string
	FinishReason string
	// Usage sums over all attempts.
	Usage Usage
	// Attempts lists what happened, the last one last.
	Attempts []Attempt
	// Cached reports that every answer came from the cache and was not paid for.
	Cached bool
}

// Attempt is one try within a call.
type Attempt struct {
	Outcome Outcome
	// Detail is the complaint, or the cause of a failure. Never a key.
	Detail       string
	Answer       string
	FinishReason string
	Usage        Usage
	// Cached reports an answer from the cache.
	Cached bool
}

// Usage counts tokens.
type Usage struct {
	// Prompt counts prompt tokens, the cached ones included.
	Prompt int64 `json:"prompt"`
	// Cached counts prompt tokens that the endpoint had in its prefix cache.
	Cached int64 `json:"cached,omitempty"`
	// Completion counts generated tokens.
	Completion int64 `json:"completion"`
	// Estimated reports counts that the endpoint did not give.
	Estimated bool `json:"estimated,omitempty"`
}

func (u *Usage) add(other Usage) {
	u.Prompt += other.Prompt
	u.Cached += other.Cached
	u.Completion += other.Completion
	u.Estimated = u.Estimated || other.Estimated
}

// share returns the part of the usage of a request with n choices that belongs
// to choice i. The parts sum up to the whole.
func (u Usage) share(i, n int) Usage {
	if n <= 1 {
		return u
	}
	part := Usage{Completion: u.Completion / int64(n), Estimated: u.Estimated}
	if i == 0 {
		part.Prompt, part.Cached = u.Prompt, u.Cached
		part.Completion += u.Completion % int64(n)
	}
	return part
}

// Timing is how long a call took. It differs between repetitions of a run and
// is therefore never part of what is hashed.
type Timing struct {
	CallID, Endpoint string
	// Waited is the time before requests were sent: queue, limits and outages.
	Waited time.Duration
	// Latency is the time from the first request to the last answer.
	Latency time.Duration
	// Attempts are the times of the single requests, 0 for a recorded answer.
	Attempts []time.Duration
}
