// Package cli is the command line of propersim.
package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/propersim/propersim/internal/app/terminal"
	"github.com/propersim/propersim/pkg/errs"
)

// Exit codes. A command that a signal stopped exits with 128 and the signal's
// number: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitBudget      = 3
	exitHopeless    = 42
	exitInterrupted = 130
)

// app is what all commands share.
type app struct {
	version     string
	program     string    // the name of this program in a shell
	raw         io.Writer // standard output for data
	out, errOut io.Writer // for people: what does not print is escaped
	screen      io.Writer // standard error as it is, for the live view
	configFile  string
	sets        []string
	json        bool
	next        string // what simulate ends with; empty is its own advice
	from        place
	wait        time.Duration // for what does not answer at the start
}

// failure is an error of a command that was understood, with its exit code.
type failure struct {
	err  error
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage marks an error of how the command was called.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err: err, code: exitUsage}
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// errInterrupted ends a command that a signal has stopped.
var errInterrupted = errors.New("interrupted")

// Main runs a command line and returns its exit code: 0 done, 1 failed, 2 wrong
// usage or configuration, 3 a budget is spent, 42 an experiment failed and a retry
// fails again, 128 and the number of the signal that stopped it.
func Main(ctx context.Context, program Program, args []string, out, errOut io.Writer) int {
	a := &app{
		version: program.Version, program: cmp.Or(program.Name, "propersim"),
		raw: out, out: terminal.Writer{To: out}, errOut: terminal.Writer{To: errOut}, screen: errOut,
	}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	refuseUnknown(root)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code := exitUsage // whatever fails before a command begins is usage
	var f *failure
	if errors.As(err, &f) {
		code = f.code
	}
	if errors.Is(err, errInterrupted) {
		return interruption(ctx)
	}
	a.explain(command, err, code)
	return code
}

// explain prints an error, one line for each fault.
func (a *app) explain(command *cobra.Command, err error, code int) {
	var faults errs.Violations
	if errors.As(err, &faults) {
		for _, v := range faults {
			fmt.Fprintf(a.errOut, "propersim: %s: %s\n", v.Field, v.Message)
		}
	} else {
		fmt.Fprintf(a.errOut, "propersim: %s\n", errs.Text(err))
	}
	if code == exitUsage {
		path, _ := strings.CutPrefix(command.CommandPath(), "propersim")
		fmt.Fprintf(a.errOut, "See `%s%s --help`.\n", a.program, path)
	}
}

// run wraps the work of a command, so that its failures are distinct from those of
// its call.
func run(work func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := emptyFlags(cmd.Flags())
		if err == nil {
			err = work(cmd, args)
		}
		var f *failure
		switch {
		case err == nil:
			return nil
		case cmd.Context().Err() != nil && fromInterruption(err):
			return &failure{err: errInterrupted, code: exitInterrupted}
		case errors.As(err, &f):
			return err
		}
		return &failure{err: err, code: exitFailed}
	}
}

// mayBeEmpty are the flags whose empty value means something.
var mayBeEmpty = []string{"server-command", "worker-command", "next"}

// emptyFlags refuses a flag that is given an empty text, as by "$DIR" where a shell
// knows no DIR: the command would do something else than was meant.
func emptyFlags(flags *pflag.FlagSet) error {
	var faults errs.Violations
	flags.Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && !slices.Contains(mayBeEmpty, f.Name) {
			faults.Add("--"+f.Name, "is empty; leave the flag out for its default")
		}
	})
	return usage(faults.OrNil())
}

// fromInterruption reports whether an error may be due to the signal that ended the
// context of its command. A check that a signal cut short says nothing about usage.
func fromInterruption(err error) bool {
	var f *failure
	return errs.IsTransient(err) || errors.Is(err, context.Canceled) || errors.As(err, &f) && f.code == exitUsage
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "propersim",
		Short: "Simulate people with a proactive assistant that learns, and measure it",
		Long: `ProPerSim puts an assistant into a simulated home with many different people,
lets it live there for two weeks, has it learn every night, and measures whether
it learns when to speak and what to say.

Everything runs on this machine: no GPU, no key, no network.`,
		Example: `  propersim simulate --personas 1-4 --days 3      a first look, in seconds
  propersim simulate                              32 people, 14 days
  propersim simulate --method proper,silent       methods side by side
  propersim compare runs/A runs/B                 which of two is better
  propersim serve all                             the services on their ports`,
		SilenceUsage: true, SilenceErrors: true,
		Version: a.version,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVar(&a.configFile, "config", "", "YAML `file` with configuration; `propersim config show` lists the keys")
	flags.StringArrayVar(&a.sets, "set", nil, "set one value of the configuration, `key=value`; may be repeated")
	flags.BoolVar(&a.json, "json", false, "print JSON for programs")
	bindTo(flags, securityFlags)
	root.AddCommand(
		a.simulate(), a.resume(), a.replay(), a.report(), a.compare(), a.export(),
		a.runs(), a.persona(), a.serve(), a.training(), a.adapters(), a.retrieval(), a.conformance(), a.health(), a.logLevel(), a.token(), a.config(), a.doctor(), a.prompts(), a.judge(), a.rescore(), a.versionCommand(),
	)
	return root
}

// exact refuses another number of arguments, with the usage line.
func exact(n int) cobra.PositionalArgs { return arguments(n, n) }

// many is the most arguments of a command that takes any number.
const many = math.MaxInt

// arguments wants least to most arguments.
func arguments(least, most int) cobra.PositionalArgs {
	want := strconv.Itoa(least)
	switch {
	case most == many:
		want = fmt.Sprintf("at least %d", least)
	case most > least:
		want = fmt.Sprintf("%d to %d", least, most)
	}
	return func(cmd *cobra.Command, args []string) error {
		switch n := len(args); {
		case most == 0 && n > 0:
			return fmt.Errorf("found %q, want no arguments: %s", args[0], cmd.UseLine())
		case n < least || n > most:
			return fmt.Errorf("found %d arguments, want %s: %s", n, want, cmd.UseLine())
		}
		return nil
	}
}

// printJSON prints a value for programs.
func (a *app) printJSON(value any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: exact(0),
		RunE: run(func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]string{"version": a.version})
			}
			_, err := fmt.Fprintln(a.out, "propersim", a.version)
			return err
		}),
	}
}
