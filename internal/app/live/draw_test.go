package live

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

// TestAFrameFitsTheTerminal: no line wraps, which would leave parts of earlier
// frames on the screen.
func TestAFrameFitsTheTerminal(t *testing.T) {
	s := Snapshot{Methods: []Line{{Method: strings.Repeat("m", 200)}}, All: Line{Days: 14, Runs: 1, Reason: strings.Repeat("away ", 60) + "\x1b[2J"}}
	var out bytes.Buffer
	lines := draw(&out, s, 7)
	require.True(t, strings.HasPrefix(out.String(), "\x1b[7A"), "it starts where the last frame did")
	shown := strings.Split(strings.TrimPrefix(out.String(), "\x1b[7A"), "\n")
	require.Len(t, shown, lines+1)
	for _, line := range shown {
		require.LessOrEqual(t, ansi.StringWidth(line), 80)
		require.NotContains(t, line, "\x1b[2J")
	}
}
