package figures

import (
	"cmp"
	"math"
	"slices"
	"strings"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// ModelUse is what the calls of one role to one model used and how they ended,
// over all runs.
type ModelUse struct {
	// Role is planner, judge, assistant, summarizer, embedder or rubric_compiler.
	Role  string `json:"role"`
	Model string `json:"model"`
	// Calls, and those of them that the cache answered.
	Calls  int64 `json:"calls"`
	Cached int64 `json:"cached"`
	// Tokens over all attempts of the calls that the cache did not answer.
	// CachedTokens are the prompt tokens that the server's prefix cache had.
	PromptTokens     int64 `json:"prompt_tokens"`
	CachedTokens     int64 `json:"cached_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	// Repaired calls had an unusable answer and then a usable one; Failed ones had
	// none. Retried ones waited for an endpoint that failed.
	Repaired int64 `json:"repaired"`
	Failed   int64 `json:"failed"`
	Retried  int64 `json:"retried"`
	// Outcomes counts the requests by how they ended, such as answered, off_schema or
	// rate_limited (docs/models.md).
	Outcomes map[string]int64 `json:"outcomes,omitempty"`
	// USD by the configured prices; 0 where there are none.
	USD float64 `json:"usd"`
	// Quantiles of the time from the first request to the last answer, in seconds;
	// 0 where the journal has no timings.
	P50 float64 `json:"latency_p50"`
	P90 float64 `json:"latency_p90"`
	P99 float64 `json:"latency_p99"`
}

// FailedShare is the share of calls that were repaired or failed.
func (u ModelUse) FailedShare() float64 {
	if u.Calls == 0 {
		return 0
	}
	return float64(u.Repaired+u.Failed) / float64(u.Calls)
}

// ModelUses adds calls up by role and model. The zero value is empty.
type ModelUses struct {
	uses map[[2]string]*modelUse
}

type modelUse struct {
	ModelUse
	seconds []float64
}

// unusable outcomes lead to a repair; transient ones to a retry.
var unusable = []string{"truncated", "empty", "malformed", "off_schema", "refused", "filtered"}

// Add counts a call. seconds is how long it took; negative where that is unknown.
func (m *ModelUses) Add(call *simv1.ModelCall, seconds float64) {
	if m.uses == nil {
		m.uses = make(map[[2]string]*modelUse)
	}
	role := strings.ToLower(strings.TrimPrefix(call.GetRole().String(), "ROLE_"))
	key := [2]string{role, call.GetModel()}
	u := m.uses[key]
	if u == nil {
		u = &modelUse{ModelUse: ModelUse{Role: role, Model: call.GetModel(), Outcomes: make(map[string]int64)}}
		m.uses[key] = u
	}
	u.Calls++
	if call.GetCached() {
		u.Cached++
	} else {
		u.PromptTokens += int64(call.GetPromptTokens())
		u.CachedTokens += int64(call.GetCachedTokens())
		u.CompletionTokens += int64(call.GetCompletionTokens())
	}
	if seconds >= 0 {
		u.seconds = append(u.seconds, seconds)
	}
	u.count(call.GetAttempts())
}

func (u *modelUse) count(attempts []*simv1.Attempt) {
	bad, last, retried := false, "", false
	for _, a := range attempts {
		last = a.GetOutcome()
		u.Outcomes[last]++
		switch {
		case last == "answered":
		case slices.Contains(unusable, last):
			bad = true
		default:
			retried = true
		}
	}
	if retried {
		u.Retried++
	}
	switch {
	case last != "answered" && last != "":
		u.Failed++
	case bad:
		u.Repaired++
	}
}

// List returns the sums, ordered by role and model.
func (m *ModelUses) List() []ModelUse {
	out := make([]ModelUse, 0, len(m.uses))
	for _, u := range m.uses {
		slices.Sort(u.seconds)
		u.P50, u.P90, u.P99 = quantileOf(u.seconds, 0.5), quantileOf(u.seconds, 0.9), quantileOf(u.seconds, 0.99)
		out = append(out, u.ModelUse)
	}
	slices.SortFunc(out, func(a, b ModelUse) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Model, b.Model)) })
	return out
}

// quantileOf sorted values: the smallest that so large a share does not exceed.
func quantileOf(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}
