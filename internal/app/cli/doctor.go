package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/doctor"
	"github.com/propersim/propersim/internal/app/live"
)

func (a *app) doctor() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check that this machine and configuration can run an experiment",
		Long: `Checks that the disk can be written and how long a sync takes, that the ports are
free, and that the services and stores of the configuration answer. The exit code is
1 if a check fails.`,
		Example: "  propersim doctor\n  propersim doctor --config mine.yaml --json\n  propersim doctor models --config models.yaml\n  propersim doctor gpu --config gpu.yaml --base /models/Llama-3.3-70B-Instruct",
	}
	cmd.AddCommand(a.doctorModels(), a.doctorGPU())
	cmd.Flags().StringVar(&data, "data", "runs", "`folder` that runs will be written to")
	cmd.RunE = run(func(cmd *cobra.Command, _ []string) error {
		loaded, err := a.load(cmd)
		if err != nil {
			return err
		}
		findings := doctor.Look(cmd.Context(), &loaded.Config, data, live.Terminal(a.errOut))
		return a.printFindings(findings)
	})
	return cmd
}

// printFindings prints what the checks found; an error where one of them failed.
func (a *app) printFindings(findings []doctor.Finding) error {
	bad := 0
	for _, f := range findings {
		if f.Status == doctor.Bad {
			bad++
		}
	}
	if a.json {
		if err := a.printJSON(findings); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		for _, f := range findings {
			fmt.Fprintf(w, "%s\t%s\t%s\n", f.Status, f.Check, f.Detail)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks failed", bad, len(findings))
	}
	return nil
}
