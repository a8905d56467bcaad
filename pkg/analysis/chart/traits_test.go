package chart_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/chart"
)

// TestALevelThatCannotBeIsNotOnTheAxis: with few people a t interval is wider than
// the scale.
func TestALevelThatCannotBeIsNotOnTheAxis(t *testing.T) {
	svg, err := chart.Traits{
		Y: "mean score", Most: 4, Names: []string{"extraversion"}, Width: 400, Height: 260,
		High: []chart.Bar{{Value: 3.8, Low: 2.5, High: 5.4, N: 2}}, Low: []chart.Bar{{Value: 1.2, Low: -1.1, High: 3.5, N: 2}},
	}.SVG()
	require.NoError(t, err)
	ticks := regexp.MustCompile(`>(-?[0-9.]+)</text>`).FindAllStringSubmatch(svg, -1)
	require.NotEmpty(t, ticks)
	for _, tick := range ticks {
		require.Regexp(t, `^[0-4](\.[0-9]+)?$`, tick[1])
	}
	require.Contains(t, svg, "2.5 to 5.4", "the interval itself is said")
}
