package model

// Outcome is how an attempt, or a whole call, ended.
type Outcome string

// Answered is the one good outcome: valid against the schema and the rules of
// the caller.
const Answered Outcome = "answered"

// Unusable answers. They are asked for again, with their own text and the
// complaint, at most Config.Repairs times; then they are a failure of the role.
const (
	Truncated Outcome = "truncated"  // finish_reason length
	Empty     Outcome = "empty"      // content null, blank or missing
	Malformed Outcome = "malformed"  // not the one JSON value that was asked for
	OffSchema Outcome = "off_schema" // violates the schema or a rule of the caller
	Refused   Outcome = "refused"    // the refusal field
	Filtered  Outcome = "filtered"   // stopped by a content filter
)

// Transient failures. They are retried; while they last the run waits.
const (
	RateLimited Outcome = "rate_limited" // 429
	Overloaded  Outcome = "overloaded"   // 409, 500, 502, 503, 504 and other 5xx
	Unreachable Outcome = "unreachable"  // refused connection, DNS, TLS
	TimedOut    Outcome = "timed_out"    // 408, or no complete answer in time
	Interrupted Outcome = "interrupted"  // the connection broke in mid-answer
	Garbled     Outcome = "garbled"      // status 200, but not the JSON of a chat completion: HTML, nothing, cut off
)

// Permanent failures. The run fails at once, with what to change.
const (
	Unauthorized   Outcome = "unauthorized"     // 401, 403, or no quota
	UnknownModel   Outcome = "unknown_model"    // 404
	ContextTooLong Outcome = "context_too_long" // the prompt does not fit
	BadRequest     Outcome = "bad_request"      // 400, 422 and other 4xx
	WrongModel     Outcome = "wrong_model"      // another model answered than was asked
	WrongShape     Outcome = "wrong_dimension"  // an embedding of another dimension
	BudgetSpent    Outcome = "budget_spent"     // the limit of models.budget
	NotRecorded    Outcome = "not_recorded"     // replay: no recorded answer, or another prompt
)

// IsRepairable reports an unusable answer that is asked for again.
func (o Outcome) IsRepairable() bool {
	switch o {
	case Truncated, Empty, Malformed, OffSchema, Refused, Filtered:
		return true
	}
	return false
}

// IsTransient reports a failure that a retry may overcome.
func (o Outcome) IsTransient() bool {
	switch o {
	case RateLimited, Overloaded, Unreachable, TimedOut, Interrupted, Garbled:
		return true
	}
	return false
}

// Outcomes returns every outcome.
func Outcomes() []Outcome {
	return []Outcome{
		Answered, Truncated, Empty, Malformed, OffSchema, Refused, Filtered,
		RateLimited, Overloaded, Unreachable, TimedOut, Interrupted, Garbled,
		Unauthorized, UnknownModel, ContextTooLong, BadRequest, WrongModel, WrongShape, BudgetSpent, NotRecorded,
	}
}
