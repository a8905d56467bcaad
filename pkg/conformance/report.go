package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Level says how binding a requirement is.
type Level string

// The levels.
const (
	// Must: a run fails or is wrong when it is violated.
	Must Level = "must"
	// Should: a run continues, with less certainty or worse messages.
	Should Level = "should"
)

// Result is the outcome of one check.
type Result string

// The results. A violated Must fails, a violated Should warns.
const (
	Pass Result = "pass"
	Fail Result = "fail"
	Warn Result = "warn"
	Skip Result = "skip"
)

// Verdict is the outcome of the whole.
type Verdict string

// The verdicts.
const (
	// Conforms: every Must that applies is satisfied.
	Conforms Verdict = "conforms"
	// DoesNotConform: a Must is violated.
	DoesNotConform Verdict = "does not conform"
	// Incomplete: the limit was reached before every Must was checked.
	Incomplete Verdict = "incomplete"
)

// Trainable says what is known of UseAdapter.
type Trainable string

// What UseAdapter showed.
const (
	TrainableYes     Trainable = "yes"
	TrainableNo      Trainable = "no"
	TrainableUnknown Trainable = "unknown"
)

// Check is one requirement and what was found.
type Check struct {
	// ID is stable, "group.name".
	ID string `json:"id"`
	// Level is how binding it is.
	Level Level `json:"level"`
	// Requires is the requirement in a sentence.
	Requires string `json:"requires"`
	// Result is the outcome.
	Result Result `json:"result"`
	// Found says what the server did.
	Found string `json:"found"`
	// Allowed says what it may do; empty when nothing was wrong.
	Allowed string `json:"allowed,omitempty"`
}

// Report is the result of a conformance check.
type Report struct {
	// Name is the server's, as the options gave it.
	Name string `json:"name"`
	// Method, Memory and Scheme of the sessions.
	Method string `json:"method"`
	Memory string `json:"memory"`
	Scheme string `json:"scheme"`
	// Deterministic is the claim of the options.
	Deterministic bool `json:"deterministic"`
	// Verdict of the whole.
	Verdict Verdict `json:"verdict"`
	// Trainable is what UseAdapter showed.
	Trainable Trainable `json:"trainable"`
	// Checks in the order in which they ran.
	Checks []Check `json:"checks"`
	// Calls is the number of answered Recommend calls.
	Calls int `json:"recommend_calls"`
	// MedianMillis and SlowestMillis are wall times of Recommend in ms.
	MedianMillis  float64 `json:"recommend_median_ms"`
	SlowestMillis float64 `json:"recommend_slowest_ms"`

	cut bool // the limit was reached before the end
}

func newReport(opts Options) *Report {
	return &Report{
		Name: opts.Name, Method: opts.Method.GetName(),
		Memory:        strings.ToLower(strings.TrimPrefix(opts.Method.GetMemory().String(), "MEMORY_LEVEL_")),
		Scheme:        strings.ToLower(strings.TrimPrefix(opts.Method.GetScheme().String(), "SCHEME_")),
		Deterministic: opts.Deterministic,
		Trainable:     TrainableUnknown,
	}
}

func (r *Report) finish(p *probe) {
	r.Trainable = p.trainable
	if r.Trainable == "" {
		r.Trainable = TrainableUnknown
	}
	r.Verdict = Conforms
	if r.cut {
		r.Verdict = Incomplete
	}
	if r.Count(Fail) > 0 {
		r.Verdict = DoesNotConform
	}
	r.Calls = len(p.latencies)
	if r.Calls > 0 {
		sorted := slices.Sorted(slices.Values(p.latencies))
		r.MedianMillis = millis(sorted[len(sorted)/2])
		r.SlowestMillis = millis(sorted[len(sorted)-1])
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// OK reports whether the server conforms.
func (r *Report) OK() bool { return r.Verdict == Conforms }

// Count returns the number of checks with a result.
func (r *Report) Count(result Result) int {
	n := 0
	for _, c := range r.Checks {
		if c.Result == result {
			n++
		}
	}
	return n
}

func (r *Report) check(id string) *Check {
	for i := range r.Checks {
		if r.Checks[i].ID == id {
			return &r.Checks[i]
		}
	}
	return nil
}

// JSON returns the report as an indented JSON object.
func (r *Report) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// WriteText writes the report for people: a line for each check, the requirement
// and what is allowed below a violated one, and the verdict at the end.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	claim := ""
	if r.Deterministic {
		claim = ", deterministic"
	}
	fmt.Fprintf(&b, "%s against propersim.assistant.v1.AssistantService\nmethod %s, memory %s, scheme %s%s\n",
		r.Name, r.Method, r.Memory, r.Scheme, claim)
	group := ""
	for _, c := range r.Checks {
		if g, _, _ := strings.Cut(c.ID, "."); g != group {
			group = g
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "  %-4s  %-26s %-6s  %s\n", strings.ToUpper(string(c.Result)), c.ID, c.Level, c.Found)
		if c.Result == Fail || c.Result == Warn {
			fmt.Fprintf(&b, "        required: %s\n", c.Requires)
			if c.Allowed != "" {
				fmt.Fprintf(&b, "        allowed:  %s\n", c.Allowed)
			}
		}
	}
	b.WriteString("\n" + r.summary() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pass, %d fail, %d warn, %d skip; Recommend took %.1f ms in the median, %.1f ms at most, over %d calls.\n",
		r.Count(Pass), r.Count(Fail), r.Count(Warn), r.Count(Skip), r.MedianMillis, r.SlowestMillis, r.Calls)
	switch r.Trainable {
	case TrainableYes:
		b.WriteString("Trainable: it accepts adapters.\n")
	case TrainableNo:
		b.WriteString("Not trainable: UseAdapter is not implemented; use the server with methods that do not train.\n")
	case TrainableUnknown:
		b.WriteString("Trainable: unknown without a real adapter of the server.\n")
	}
	switch r.Verdict {
	case Conforms:
		b.WriteString("VERDICT: conforms to the contract")
		if warnings := r.Count(Warn); warnings > 0 {
			fmt.Fprintf(&b, "; warnings: %d", warnings)
		}
		b.WriteString(".")
	case DoesNotConform:
		fmt.Fprintf(&b, "VERDICT: does not conform to the contract; requirements violated: %d.", r.Count(Fail))
	case Incomplete:
		b.WriteString("VERDICT: incomplete; the limit was reached before every requirement was checked.")
	}
	return b.String()
}
