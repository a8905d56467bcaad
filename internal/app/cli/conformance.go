package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/environment/method"
)

func (a *app) conformance() *cobra.Command {
	parent := &cobra.Command{Use: "conformance", Short: "Check a server of your own against its contract"}
	var opts conformance.Options
	var name, memory, scheme string
	cmd := &cobra.Command{
		Use: "assistant HOST:PORT", Short: "Check an assistant", Args: exact(1),
		Long: `Calls a running assistant as a run does, and reports for each requirement what was
found and what is allowed. The exit code is 1 if the assistant does not conform.`,
		Example: "  propersim conformance assistant 127.0.0.1:7090 --method desk-break --deterministic",
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "method", "ar", "`method` to open sessions with")
	flags.StringVar(&memory, "memory", "AR", "`level`: none, A, AR or ARS")
	flags.StringVar(&scheme, "scheme", "samples", "samples or contrast")
	flags.BoolVar(&opts.Deterministic, "deterministic", false, "the server claims that the same session gives the same answer")
	flags.Uint64Var(&opts.Seed, "seed", 1, "`seed` of the sessions")
	flags.DurationVar(&opts.Timeout, "timeout", 0, "longest `time` of a call (default 10s)")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		loaded := config.Default()
		for key, value := range map[string]string{"custom.memory": memory, "custom.scheme": scheme} {
			for _, f := range loaded.Fields() {
				if f.Key == key {
					if err := f.Set(value); err != nil {
						return usagef("%s: %w", key[len("custom."):], err)
					}
				}
			}
		}
		opts.Name, opts.Method = args[0], loaded.Custom.Method(name)
		if known, ok := method.Named(name); ok && !flags.Changed("memory") && !flags.Changed("scheme") {
			opts.Method = known
		}
		switch opts.Method.GetTold() {
		case simv1.Told_TOLD_RATE:
			opts.ToldRate = 1
		case simv1.Told_TOLD_SPEC:
			return usagef("--method %s: needs a preference spec, which this command does not have", name)
		}
		conn, err := a.dial(cmd, "assistant", args[0])
		if err != nil {
			return err
		}
		report, err := conformance.Assistant(cmd.Context(), assistantv1.NewAssistantServiceClient(conn), opts)
		if err := errors.Join(err, conn.Close()); err != nil {
			return err
		}
		return a.showConformance(report)
	})
	parent.AddCommand(cmd)
	return parent
}

func (a *app) showConformance(report *conformance.Report) error {
	if a.json {
		if err := a.printJSON(report); err != nil {
			return err
		}
	} else if err := report.WriteText(a.out); err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("%s: %s", report.Name, report.Verdict)
	}
	return nil
}
