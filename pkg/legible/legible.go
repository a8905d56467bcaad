// Package legible says which characters may be in a text that people see: in a
// terminal, a report, a log or a database. Control characters can rewrite a
// terminal, bidirectional controls show a text in another order than it is
// compared in, and NUL is refused by PostgreSQL.
package legible

import (
	"fmt"
	"unicode"

	"github.com/propersim/propersim/pkg/errs"
)

// Line adds a violation where a text of one line, such as a name or an id, has a
// control, a bidirectional control or a line break.
func Line(faults *errs.Violations, field, text string) {
	check(faults, field, text, false)
}

// Prose adds a violation where a text has a control other than tab and line
// break, or a bidirectional control.
func Prose(faults *errs.Violations, field, text string) {
	check(faults, field, text, true)
}

func check(faults *errs.Violations, field, text string, prose bool) {
	for i, r := range text {
		if what := kind(r, prose); what != "" {
			faults.Add(field, "found %s U+%04X at byte %d, want none", what, r, i)
			return
		}
	}
}

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
	case r == unicode.ReplacementChar:
		return "the replacement character of broken text,"
	}
	return ""
}

// Printable returns a text as it can be printed on a terminal: what Prose would
// refuse is written as its code, "<U+202E>".
func Printable(text string) string {
	clean := true
	for _, r := range text {
		if kind(r, true) != "" {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var out []byte
	for _, r := range text {
		if kind(r, true) != "" {
			out = fmt.Appendf(out, "<U+%04X>", r)
			continue
		}
		out = append(out, string(r)...)
	}
	return string(out)
}
