package live

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"github.com/propersim/propersim/internal/app/terminal"
)

// Intervals between two pictures, wall time.
const (
	redraw    = 150 * time.Millisecond
	plainLine = 2 * time.Second
)

// Show draws the board on w until ctx is done, and a last time then.
func Show(ctx context.Context, w io.Writer, b *Board) {
	terminal := Terminal(w)
	every := plainLine
	if terminal {
		every = redraw
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	lines := 0
	for {
		select {
		case <-ctx.Done():
			if terminal {
				draw(w, b.Snapshot(time.Now()), lines)
			} else {
				fmt.Fprintln(w, plain(b.Snapshot(time.Now())))
			}
			return
		case now := <-tick.C:
			if terminal {
				lines = draw(w, b.Snapshot(now), lines)
			} else {
				fmt.Fprintln(w, plain(b.Snapshot(now)))
			}
		}
	}
}

// Terminal reports whether w is a terminal.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// widthOf returns the columns of a terminal as it is now, 80 where it does not
// say.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// plain is one line with all figures; with a single run it begins with the person,
// so that the logs of many processes can be read together.
func plain(s Snapshot) string {
	l := s.All
	parts := []string{
		l.Person,
		fmt.Sprintf("day %d of %d, %s", l.Day, l.Days, l.Clock),
		fmt.Sprintf("%d of %d runs done", l.Over, l.Runs),
		fmt.Sprintf("%s of %s steps", Thousands(l.Steps), Thousands(l.Total)),
		fmt.Sprintf("%s steps/s", Thousands(int64(s.PerSecond))),
		left(s),
		"mean score " + figure(l.Score, 2),
		figure(l.PerHour, 2) + " recommendations an hour",
	}
	if s.Models != nil {
		parts = append(parts, s.Models.line())
	}
	if l.Reason != "" {
		parts = append(parts, terminal.Escape(l.Reason))
	}
	if l.Person == "" {
		parts = parts[1:]
	}
	return strings.Join(parts, " | ")
}

var (
	strong = lipgloss.NewStyle().Bold(true)
	soft   = lipgloss.NewStyle().Foreground(lipgloss.Color("245"))
	full   = lipgloss.NewStyle().Foreground(lipgloss.Color("33"))
	alarm  = lipgloss.NewStyle().Foreground(lipgloss.Color("208"))
)

// draw replaces the last picture of so many lines and returns how many lines
// the new one has.
func draw(w io.Writer, s Snapshot, last int) int {
	var out []string
	out = append(out, fmt.Sprintf("  %s  day %s of %d, %s   %s %d of %d runs",
		bar(s.All.share(), 32), strong.Render(fmt.Sprint(s.All.Day)), s.All.Days, s.All.Clock, strong.Render(fmt.Sprintf("%3.0f%%", 100*s.All.share())), s.All.Over, s.All.Runs))
	out = append(out, soft.Render(fmt.Sprintf("  %s of %s steps, %s a second, %s",
		Thousands(s.All.Steps), Thousands(s.All.Total), Thousands(int64(s.PerSecond)), left(s))))
	for _, l := range s.Methods {
		name := l.Method
		out = append(out, fmt.Sprintf("  %-16s mean score %s   recommendations an hour %s", name, strong.Render(figure(l.Score, 2)), strong.Render(figure(l.PerHour, 2))))
	}
	if s.Models != nil {
		out = append(out, s.Models.table()...)
	}
	if s.All.Reason != "" {
		out = append(out, alarm.Render("  "+terminal.Escape(s.All.Reason)))
	}
	var picture strings.Builder
	if last > 0 {
		fmt.Fprintf(&picture, "\x1b[%dA", last)
	}
	// A line that wraps would be two, and the next picture would start too low.
	width := widthOf(w)
	for _, line := range out {
		picture.WriteString("\r\x1b[2K" + ansi.Truncate(line, width, "…") + "\n")
	}
	picture.WriteString("\x1b[J")
	io.WriteString(w, picture.String()) //nolint:errcheck // a lost picture harms nothing
	return len(out)
}

func bar(share float64, width int) string {
	filled := int(share * float64(width))
	return full.Render(strings.Repeat("█", filled)) + soft.Render(strings.Repeat("░", width-filled))
}

func left(s Snapshot) string {
	switch {
	case s.All.Over == s.All.Runs:
		return "done in " + round(s.Elapsed)
	case s.All.Waiting > 0 && s.All.Waiting == s.All.Runs-s.All.Over:
		if s.All.Waiting == 1 {
			return "1 run waits"
		}
		return fmt.Sprintf("%d runs wait", s.All.Waiting)
	case s.Left == 0:
		return "starting"
	}
	return round(s.Left) + " left"
}

func round(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// Thousands writes 258048 as "258,048".
func Thousands(n int64) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
