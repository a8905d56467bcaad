package report_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

func TestModelsAndTheirJudges(t *testing.T) {
	in := input(experiment(2, 2, "proper"), "x")
	require.NotContains(t, write(t, in), `id="models"`, "no model was asked")
	in.File.Models = []figures.ModelUse{
		{Role: "assistant", Model: "big", Calls: 900, PromptTokens: 1000, CompletionTokens: 50, USD: 2.5},
		{Role: "judge", Model: "<b>small</b>", Calls: 100, PromptTokens: 500, CompletionTokens: 7, USD: 0.0123, Repaired: 3, Failed: 2, Retried: 4, P50: 0.25,
			Outcomes: map[string]int64{"answered": 98, "off_schema": 4, "rate_limited": 9}},
	}
	page := write(t, in)
	require.Contains(t, page, "<b>1,000</b> calls, <b>1,500</b> prompt and <b>57</b> answer tokens, <b>2.51 USD</b>")
	require.Contains(t, page, "9 rate limited, 4 off schema")
	require.Contains(t, page, "<td>0.0123</td>")
	require.NotContains(t, page, "<b>small</b>")
	require.Regexp(t, `role="alert">5.0% of the calls of the judge`, page, "above 1% the report says so at its top")
	require.NotContains(t, page, "Judge agreement")

	in.File.Models = nil
	in.File.Judges = []figures.JudgeAgreement{{
		Set: "agreement-model", Judge: "model, small, temperature 0", Moments: 10, Candidates: 40,
		WithExact: []figures.Agreement{
			{Criterion: "timing", N: 40, Exact: 0.75, ExactInterval: figures.Interval{Low: 0.6, High: 0.85}, Kappa: 0.41, KappaInterval: figures.Interval{Low: 0.2, High: 0.6}, Bias: -0.05},
			{Criterion: "total", Unjudged: 12},
		},
	}}
	page = write(t, in)
	require.Contains(t, page, `href="#models"`)
	require.Contains(t, page, `<td class="l">timing</td><td>40</td><td><b>0.75</b><small>0.60 to 0.85</small></td><td><b>0.41</b><small>0.20 to 0.60</small></td><td>-0.05</td><td>0</td>`)
	require.Contains(t, page, `<td class="l">total</td><td>0</td><td>–</td><td>–</td><td>–</td><td>12</td>`)
}
