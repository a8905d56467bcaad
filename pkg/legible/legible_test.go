package legible_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
)

func TestWhatPeopleSeeHasNoControls(t *testing.T) {
	tests := map[string]struct {
		text        string
		line, prose bool // accepted
	}{
		"plain":       {"Ada Lovelace", true, true},
		"accents":     {"Siobhán O’Brien, 王小明, עדה", true, true},
		"emoji":       {"tea 🍵, family 👨‍👩‍👧", true, true},
		"lines":       {"one\ntwo\tthree\r\n", false, true},
		"separator":   {"one\u2028two", false, false},
		"NUL":         {"a\x00b", false, false},
		"escape":      {"\x1b[31mred", false, false},
		"C1":          {"a\u009bb", false, false},
		"override":    {"gpj.\u202eexe", false, false},
		"isolate":     {"\u2066x\u2069", false, false},
		"mark":        {"a\u200fb", false, false},
		"broken text": {"a\xffb", false, false},
		"replaced":    {"caf\ufffd", true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var line, prose errs.Violations
			legible.Line(&line, "name", tt.text)
			legible.Prose(&prose, "name", tt.text)
			require.Equal(t, tt.line, len(line) == 0, "%v", line)
			require.Equal(t, tt.prose, len(prose) == 0, "%v", prose)
			var printed errs.Violations
			legible.Prose(&printed, "name", legible.Printable(tt.text))
			require.Empty(t, printed)
		})
	}
	var faults errs.Violations
	legible.Line(&faults, "persona.name", "gpj.\u202eexe")
	require.Equal(t, "found the bidirectional control U+202E at byte 4, want none", faults[0].Message)
	require.Equal(t, "a<U+001B>b", legible.Printable("a\x1bb"))
	require.Equal(t, "a<0xFF>b\ufffd", legible.Printable("a\xffb\ufffd"))
	faults = nil
	legible.Prose(&faults, "text", "a\xffb")
	require.Equal(t, "found the byte 0xFF at byte 1, want UTF-8", faults[0].Message)
}
