package cli

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"al.essio.dev/pkg/shellescape"
)

// Program is how the program was built and started.
type Program struct {
	// Version is set by the linker.
	Version string
	// Name is what a shell needs to start it again, such as "propersim",
	// ".bin/propersim" or "go run ./cmd/propersim"; empty means "propersim".
	Name string
}

// StartedAs returns the name under which a program was started, given its
// first argument: the argument itself, its last part where the search path leads
// to the same file, or the go run command that built it.
func StartedAs(arg0 string) string {
	self, err := os.Executable()
	if err != nil {
		return shellescape.Quote(arg0)
	}
	if strings.Contains(self, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/propersim"
	}
	if found, err := exec.LookPath(filepath.Base(arg0)); err == nil && sameFile(found, self) {
		return filepath.Base(arg0)
	}
	return shellescape.Quote(arg0)
}

func sameFile(a, b string) bool {
	left, errLeft := os.Stat(a)
	right, errRight := os.Stat(b)
	return errLeft == nil && errRight == nil && os.SameFile(left, right)
}

// signaled is why a context ended: a signal asked the program to stop.
type signaled struct{ os.Signal }

func (s signaled) Error() string { return "stopped by signal: " + s.String() }

// WithSignals returns a context that ends with SIGINT, SIGTERM or SIGHUP. A
// second signal then kills the process.
func WithSignals(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		s := <-received
		signal.Stop(received)
		cancel(signaled{s})
	}()
	return ctx
}

// interruption returns the exit code of a command that a signal stopped: 128 and
// the signal's number, as shells count. A context that ended without a signal
// counts as SIGINT.
func interruption(ctx context.Context) int {
	if s, ok := context.Cause(ctx).(signaled); ok {
		if number, ok := s.Signal.(syscall.Signal); ok {
			return 128 + int(number)
		}
	}
	return exitInterrupted
}

// command writes a command line of this program that a shell understands.
func (a *app) command(args ...string) string {
	return a.program + " " + shellescape.QuoteCommand(args)
}
