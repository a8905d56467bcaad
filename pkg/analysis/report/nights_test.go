package report_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/report"
)

func TestEveryNightIsShown(t *testing.T) {
	runs := experiment(1, 5, "proper")
	days := runs[0].Days
	days[0].NoPairs = true
	days[1].Training, days[1].NightAdapter = &figures.Training{Loss: 0.512, Margin: 0.7, Accuracy: 0.91, Pairs: 180,
		HeldOut: &figures.HeldOut{Pairs: 20, Margin: 0.432, ParentMargin: 0.111}}, "0123456789abcdef"
	days[1].NightSeconds, days[1].TrainingSeconds = 75, 60
	days[2].FailedNight = `training job job-1 was rejected: rejected by the check "held-out": <b>worse</b> in both`
	days[2].Training = &figures.Training{Loss: 9.5}
	days[3].FailedNight = "training job job-2 failed: out of memory"
	var page bytes.Buffer
	require.NoError(t, report.Write(&page, report.Input{Name: "n", File: figures.NewFile("v", nil, nil, runs)}))
	text := page.String()
	for _, want := range []string{
		"no pairs, adapter kept", "passed", "<td>180</td><td>0.512</td><td>0.700</td><td>0.91</td><td>20</td><td>0.432</td><td>0.111</td><td>75</td><td>60</td><td class=\"l mono\">0123456789ab</td>",
		"rejected: rejected by the check &#34;held-out&#34;: &lt;b&gt;worse&lt;/b&gt; in both; adapter kept", "failed: out of memory; adapter kept",
		`<td>1</td><td>0</td><td>1</td><td>0</td><td>0</td><td>0</td><td>–</td>`,
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "<td>9.500</td><td>9", "the mean is over nights that passed")
}
