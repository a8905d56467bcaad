package live

import (
	"fmt"
	"math"

	"github.com/propersim/propersim/internal/app/terminal"
)

// Models is what models do and used.
type Models struct {
	// Roles that a model plays.
	Roles []ModelRole
	// Failing are the endpoints that fail at this moment, with the reason.
	Failing []string
}

// ModelRole is what the model of a role does and used.
type ModelRole struct {
	Role string
	// InFlight requests are not answered yet; Waiting ones have not been sent.
	InFlight, Waiting int
	// Calls, tokens and USD of all requests that were answered, in earlier processes
	// too.
	Calls, Prompt, Completion int64
	USD                       float64
	// Repaired and Failed calls, and requests that were Retried, in this process.
	Repaired, Failed, Retried int64
}

// sum adds the roles up.
func (m *Models) sum() ModelRole {
	var all ModelRole
	for _, r := range m.Roles {
		all.InFlight += r.InFlight
		all.Waiting += r.Waiting
		all.Calls += r.Calls
		all.Prompt += r.Prompt
		all.Completion += r.Completion
		all.USD += r.USD
		all.Repaired += r.Repaired
		all.Failed += r.Failed
		all.Retried += r.Retried
	}
	return all
}

// line sums up in one line.
func (m *Models) line() string {
	all := m.sum()
	out := fmt.Sprintf("models: %s calls, %d in flight, %d waiting, %s + %s tokens", Thousands(all.Calls), all.InFlight, all.Waiting, Thousands(all.Prompt), Thousands(all.Completion))
	if all.USD > 0 {
		out += fmt.Sprintf(", %.4f USD", all.USD)
	}
	for _, count := range []struct {
		n    int64
		what string
	}{{all.Repaired, "repaired"}, {all.Failed, "failed"}, {all.Retried, "retried"}} {
		if count.n > 0 {
			out += fmt.Sprintf(", %s %s", Thousands(count.n), count.what)
		}
	}
	for _, why := range m.Failing {
		out += "; " + terminal.Escape(why)
	}
	return out
}

// table has a line for each role, and one for each endpoint that fails. It fits
// into 80 columns.
func (m *Models) table() []string {
	const form = "  %-10s %6s %5s %6s %7s %7s %7s %8s %6s %7s"
	out := []string{soft.Render(fmt.Sprintf(form, "MODELS", "ACTIVE", "WAIT", "CALLS", "TOK IN", "TOK OUT", "USD", "REPAIRED", "FAILED", "RETRIED"))}
	for _, r := range m.Roles {
		usd := "-"
		if r.USD > 0 {
			usd = fmt.Sprintf("%.3f", r.USD)
		}
		out = append(out, fmt.Sprintf(form, r.Role, compact(int64(r.InFlight)), compact(int64(r.Waiting)), compact(r.Calls), compact(r.Prompt), compact(r.Completion),
			usd, compact(r.Repaired), compact(r.Failed), compact(r.Retried)))
	}
	for _, why := range m.Failing {
		out = append(out, alarm.Render("  waiting for endpoint "+terminal.Escape(why)))
	}
	return out
}

// compact writes a count in at most six characters: 9999, 12.3k, 590.9k, 1.2M.
func compact(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1fk", math.Floor(float64(n)/100)/10)
	}
	return fmt.Sprintf("%.1fM", math.Floor(float64(n)/100_000)/10)
}
