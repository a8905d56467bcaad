package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

// ModelSum adds up what the calls to models used, over all roles.
func (v *view) ModelSum() figures.ModelUse {
	var sum figures.ModelUse
	for _, u := range v.File.Models {
		sum.Calls += u.Calls
		sum.PromptTokens += u.PromptTokens
		sum.CompletionTokens += u.CompletionTokens
		sum.USD += u.USD
	}
	return sum
}

// english groups digits by thousands.
var english = message.NewPrinter(language.English)

// whole writes a count, digits grouped by thousands.
func whole(n int64) string { return english.Sprint(n) }

// usd writes an amount: small ones with more digits, nothing as a dash.
func usd(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v < 1:
		return fmt.Sprintf("%.4f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// unanswered lists how requests ended that were not answered, the most frequent
// first.
func unanswered(outcomes map[string]int64) string {
	names := slices.Sorted(maps.Keys(outcomes))
	slices.SortStableFunc(names, func(a, b string) int { return int(outcomes[b] - outcomes[a]) })
	var out []string
	for _, name := range names {
		if name != "answered" {
			out = append(out, fmt.Sprintf("%d %s", outcomes[name], strings.ReplaceAll(name, "_", " ")))
		}
	}
	if len(out) == 0 {
		return "–"
	}
	return strings.Join(out, ", ")
}
