package terminal_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/internal/app/terminal"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":       "plain\ttext\n",
		"Zoë 林 🎧":             "Zoë 林 🎧",
		"\x1b[31mred":         `\x1b[31mred`,
		"abc\u202edcb":        `abc\u202edcb`,
		"bell\a back\b\r":     `bell\a back\b\r`,
		"\x9b1m":              `\x9b1m`,
		"tag\U000e0041":       `tag\udb40\udc41`,
		"nul\x00":             `nul\x00`,
		"\u0085next\u2028":    `\u0085next\u2028`,
		"isolate\u2066\u200f": `isolate\u2066\u200f`,
	} {
		require.Equal(t, want, terminal.Escape(in))
	}
}

func TestNothingThatATerminalObeysPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		})).Draw(t, "text")
		var out bytes.Buffer
		n, err := fmt.Fprint(terminal.Writer{To: &out}, in)
		require.NoError(t, err)
		require.Equal(t, len(in), n)
		require.False(t, strings.ContainsFunc(out.String(), func(r rune) bool {
			return (r < ' ' && r != '\n' && r != '\t') || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
		}), "%q", out.String())
		require.Equal(t, out.String(), terminal.Escape(out.String()), "what is escaped stays as it is")
	})
}
