// Package terminal makes text safe and short enough for a terminal. What people
// and models wrote may contain control characters, which a terminal would obey, and
// bidirectional marks, which show another text than the one that is there.
package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape replaces what does not print, newlines and tabs excepted, by its Go
// escape, such as \x1b or \u202e, above U+FFFF by two surrogates. Invalid UTF-8 becomes \xNN.
func Escape(s string) string {
	if plain(s) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			out.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case shows(r):
			out.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r) // as JSON writes it, so that escaped JSON is JSON
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			quoted := strconv.QuoteRune(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return out.String()
}

func plain(s string) bool {
	for i, r := range s {
		if !shows(r) || (r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD")) {
			return false
		}
	}
	return true
}

// shows reports whether a character may reach a terminal as it is.
func shows(r rune) bool { return r == '\n' || r == '\t' || strconv.IsPrint(r) }

// Writer escapes what it passes on. A write must not end inside a character;
// those of fmt and text/tabwriter do not.
type Writer struct{ To io.Writer }

// Write escapes p. The count is that of p's bytes.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.To, Escape(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
