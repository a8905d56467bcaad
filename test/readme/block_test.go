package readme

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// block is a fenced block of a document, with what the comments right above it
// say about it.
type block struct {
	line     int    // of the opening fence, from 1
	language string // "sh" is played, "text" may be compared
	text     string
	skip     string // why it is not played
	beside   string // a command that runs beside it
	server   bool   // runs beside the next block
	exit     int    // the exit code that its commands end with
	shown    bool   // the output of the last block that is played
}

// The markers, each an HTML comment on a line of its own.
var (
	notPlayed   = regexp.MustCompile(`^<!-- not played: (.+) -->$`)
	noneBelow   = regexp.MustCompile(`^<!-- not played from here on: (.+) -->$`)
	besideThat  = regexp.MustCompile(`^<!-- beside: (.+) -->$`)
	exitCode    = regexp.MustCompile(`^<!-- exit code (\d+) -->$`)
	besideNext  = "<!-- runs beside the next block -->"
	outputShown = "<!-- the output of the last block that is played -->"
)

// blocks returns the fenced blocks of a Markdown document.
func blocks(document string) ([]block, error) {
	var all []block
	var present, next block
	var inside bool
	var below string
	for i, line := range strings.Split(document, "\n") {
		fence := strings.HasPrefix(line, "```")
		switch {
		case inside && fence:
			all, inside, next = append(all, present), false, block{}
		case inside:
			present.text += line + "\n"
		case fence:
			present, inside = next, true
			present.line, present.language = i+1, strings.TrimPrefix(line, "```")
			if present.skip == "" {
				present.skip = below
			}
			if present.language == "" {
				return nil, fmt.Errorf("line %d: a fenced block without a language; write ```sh for commands, ```text for what is shown", i+1)
			}
		case strings.HasPrefix(line, "<!--"):
			if found := noneBelow.FindStringSubmatch(line); found != nil {
				below = found[1]
			} else if err := next.mark(line); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
		case line != "" && next != (block{}):
			return nil, fmt.Errorf("line %d: the marker above belongs to a fenced block", i+1)
		}
	}
	return all, nil
}

func (b *block) mark(line string) error {
	switch {
	case line == besideNext:
		b.server = true
	case line == outputShown:
		b.shown = true
	case notPlayed.MatchString(line):
		b.skip = notPlayed.FindStringSubmatch(line)[1]
	case besideThat.MatchString(line):
		b.beside = besideThat.FindStringSubmatch(line)[1]
	case exitCode.MatchString(line):
		b.exit, _ = strconv.Atoi(exitCode.FindStringSubmatch(line)[1])
	default:
		return fmt.Errorf("unknown marker %s", line)
	}
	return nil
}

// like returns the pattern of an output that a document shows: any digits stand
// for digits, any spaces for spaces, and a line "..." for any lines.
func like(shown string) *regexp.Regexp {
	var pattern strings.Builder
	for line := range strings.Lines(shown) {
		if strings.TrimSpace(line) == "..." {
			pattern.WriteString(`(?s:.*)`)
			continue
		}
		quoted := regexp.QuoteMeta(strings.Join(strings.Fields(line), " "))
		quoted = regexp.MustCompile(`\d+`).ReplaceAllString(quoted, `\d+`)
		pattern.WriteString(`[ \t]*` + strings.ReplaceAll(quoted, " ", `[ \t]+`) + `[ \t]*\n`)
	}
	return regexp.MustCompile(pattern.String())
}
