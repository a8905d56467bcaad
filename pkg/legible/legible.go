// Package legible says which characters may be in a text that people see: in a
// terminal, a report, a log or a database. Control characters can rewrite a
// terminal, bidirectional controls show a text in another order than it is
// compared in, NUL is refused by PostgreSQL, and bytes that are not UTF-8 by
// protocol buffers. U+FFFD is a character as any other: whoever wrote the text may
// have decoded broken bytes, but the text itself is sound.
package legible

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/propersim/propersim/pkg/errs"
)

// Line adds a violation where a text of one line, such as a name or an id, has a
// control, a bidirectional control, a line break or bytes that are not UTF-8.
func Line(faults *errs.Violations, field, text string) {
	check(faults, field, text, false)
}

// Prose adds a violation where a text has a control other than tab and line
// break, a bidirectional control, or bytes that are not UTF-8.
func Prose(faults *errs.Violations, field, text string) {
	check(faults, field, text, true)
}

func check(faults *errs.Violations, field, text string, prose bool) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch what := kind(r, prose); {
		case broken(r, size):
			faults.Add(field, "found the byte 0x%02X at byte %d, want UTF-8", text[i], i)
			return
		case what != "":
			faults.Add(field, "found %s U+%04X at byte %d, want none", what, r, i)
			return
		}
		i += size
	}
}

// broken reports a byte that is not UTF-8: decoding it gives U+FFFD with size 1.
func broken(r rune, size int) bool { return r == utf8.RuneError && size == 1 }

// kind names what is wrong with a character; empty for a good one.
func kind(r rune, prose bool) string {
	switch {
	case r < 0x7f && r >= ' ':
		return ""
	case r == '\n' || r == '\r' || r == '\t':
		if prose {
			return ""
		}
		return "the line break or tab"
	case unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
		return "the line separator"
	case unicode.IsControl(r):
		return "the control character"
	case unicode.Is(unicode.Bidi_Control, r):
		return "the bidirectional control"
	}
	return ""
}

// Printable returns a text as it can be printed on a terminal: what Prose would
// refuse is written as its code, "<U+202E>", and a byte that is not UTF-8 as
// "<0xFF>".
func Printable(text string) string {
	var faults errs.Violations
	if Prose(&faults, "", text); len(faults) == 0 {
		return text
	}
	var out []byte
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case broken(r, size):
			out = fmt.Appendf(out, "<0x%02X>", text[i])
		case kind(r, true) != "":
			out = fmt.Appendf(out, "<U+%04X>", r)
		default:
			out = append(out, text[i:i+size]...)
		}
		i += size
	}
	return string(out)
}
