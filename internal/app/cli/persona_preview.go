package cli

import (
	"fmt"
	"math"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/preview"
	"github.com/propersim/propersim/worlds"
)

func (p *people) preview() *cobra.Command {
	var days int32
	var world string
	var seed uint64
	cmd := &cobra.Command{
		Use: "preview FILE|ID", Short: "Show the days of a person, and when a recommendation is welcome", Args: exact(1),
		Long: `Plans the first days of a person and shows them: what it does and where, which
daily requirements come when, how much of each activity is open to a
recommendation, and how often a perfect assistant would speak. The argument is a
persona file, or the id or number of a known person.`,
		Example: `  propersim persona preview me.yaml --days 3
  propersim persona preview 7 --seed 2`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			place, err := previewWorld(world)
			if err != nil {
				return err
			}
			return p.with(cmd, func(client userv1.PersonaServiceClient) error {
				one, err := p.compiled(cmd, client, args[0])
				if err != nil {
					return err
				}
				settings := &simv1.Settings{Seed: seeded.RoleSeed(seed, one.GetId(), seeded.RoleUser), StepSeconds: 150, Days: days}
				lived, err := preview.Days(one, place, settings, days)
				if err != nil {
					return err
				}
				if p.app.json {
					return p.app.printJSON(lived)
				}
				return p.app.showDays(lived)
			})
		}),
	}
	cmd.Flags().Int32Var(&days, "days", 3, "how many `days`, at most 31")
	cmd.Flags().StringVar(&world, "world", "home", "`world` to live in")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "`seed` of the days")
	return cmd
}

func previewWorld(id string) (*simv1.World, error) {
	var faults errs.Violations
	if checkWorld(&faults, id); len(faults) > 0 {
		faults[0].Field = "--world"
		return nil, usage(faults)
	}
	return worlds.Get(id)
}

// compiled returns a person with its spec, from a file or the service.
func (p *people) compiled(cmd *cobra.Command, client userv1.PersonaServiceClient, name string) (*simv1.Persona, error) {
	if _, err := os.Stat(name); err == nil {
		stored, err := validateFile(cmd, client, name)
		return stored.GetPersona(), err
	}
	return p.find(cmd, client, name)
}

func (a *app) showDays(days []preview.Day) error {
	for _, d := range days {
		fmt.Fprintf(a.out, "DAY %d\n", d.Number)
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		for _, s := range d.Stretches {
			required := ""
			if s.Required {
				required = "required"
			}
			fmt.Fprintf(w, "  %s-%s\t%s\t%s\t%s\t%s\t%s\n", s.From, s.To, s.Kind, s.Description, s.Room, openShare(s.Open), required)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "  Awake %.1f h, open %.1f h, with something liked %.1f h. A perfect assistant speaks %s.\n\n",
			d.AwakeHours, d.OpenHours, d.LikedHours, times(d))
	}
	return nil
}

func openShare(share float64) string {
	switch percent := int(math.Round(100 * share)); percent {
	case 0:
		return "closed"
	case 100:
		return "open"
	default:
		return fmt.Sprintf("%d%% open", percent)
	}
}

func times(d preview.Day) string {
	text := fmt.Sprintf("%d times", d.Wanted)
	switch {
	case d.Wanted == 1:
		text = "once"
	case d.Wanted == 0:
		text = "never"
	}
	if d.Most > d.Wanted {
		text += fmt.Sprintf("; up to %d are welcome", d.Most)
	}
	return text
}
