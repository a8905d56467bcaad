package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/persona"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// people says which PersonaService a persona command talks to.
type people struct {
	app           *app
	address, data string
}

func (a *app) persona() *cobra.Command {
	p := &people{app: a}
	parent := &cobra.Command{
		Use: "persona", Short: "List, show and validate personas, see how rubrics are read, add your own",
		Long: `Works with personas: the 32 that come with the program, and your own. Without
--address a user service runs in this process; with --data it keeps what you add
in that folder, as "serve" and "simulate --out" would.`,
		Example: `  propersim persona ls
  propersim persona show 7
  propersim persona compile me.yaml --write
  propersim persona preview me.yaml --days 3
  propersim persona import --format generative-agents people/*/scratch.json --out mine
  propersim persona add me.yaml --address 127.0.0.1:7071`,
	}
	parent.PersistentFlags().StringVar(&p.address, "address", "", "`host:port` of a user service")
	parent.PersistentFlags().StringVar(&p.data, "data", "", "data `folder` with added personas")
	parent.AddCommand(p.list(), p.show(), p.validate(), p.compile(), p.preview(), p.imports(), p.add())
	return parent
}

// with calls work with a client of the PersonaService.
func (p *people) with(cmd *cobra.Command, work func(client userv1.PersonaServiceClient) error) error {
	if p.address != "" && p.data != "" {
		return usagef("--address and --data exclude each other")
	}
	if p.address != "" {
		conn, err := p.app.dial(cmd, "user", p.address)
		if err != nil {
			return err
		}
		return errors.Join(work(userv1.NewPersonaServiceClient(conn)), conn.Close())
	}
	store := config.Store{Users: ":memory:"}
	if p.data != "" {
		at := folder.Folder(p.data)
		if err := at.Make(); err != nil {
			return err
		}
		store = at.Store(config.Store{})
	}
	services, err := p.app.only("user", store)
	if err != nil {
		return err
	}
	return errors.Join(work(services.Personas), services.Stop())
}

func (p *people) list() *cobra.Command {
	a := p.app
	return &cobra.Command{
		Use: "ls", Short: "List the people", Args: exact(0),
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(client userv1.PersonaServiceClient) error {
				all, err := experiment.ListPeople(cmd.Context(), client)
				if err != nil {
					return err
				}
				if a.json {
					return printProtos(a, all)
				}
				w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "NO\tID\tNAME\tAGE\tTRAITS\tWANTS AN HOUR\tWARNINGS")
				for _, s := range all {
					number := "-"
					if s.GetNumber() > 0 {
						number = fmt.Sprint(s.GetNumber())
					}
					low, high := judge.WantedBand(s.GetPersona().GetSpec())
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%.2f-%.2f\t%d\n", number, s.GetPersona().GetId(), s.GetPersona().GetName(), s.GetPersona().GetAge(),
						profile(s.GetPersona().GetBigFive()), low, high, len(s.GetWarnings()))
				}
				return w.Flush()
			})
		}),
	}
}

// profile writes the Big Five as "E a C o N": a capital is the high pole.
func profile(b *simv1.BigFive) string {
	var out []string
	for _, trait := range []struct {
		letter string
		level  simv1.TraitLevel
	}{{"e", b.GetExtraversion()}, {"a", b.GetAgreeableness()}, {"c", b.GetConscientiousness()}, {"o", b.GetOpenness()}, {"n", b.GetNeuroticism()}} {
		if trait.level == simv1.TraitLevel_TRAIT_LEVEL_HIGH {
			trait.letter = strings.ToUpper(trait.letter)
		}
		out = append(out, trait.letter)
	}
	return strings.Join(out, " ")
}

func (p *people) show() *cobra.Command {
	a := p.app
	return &cobra.Command{
		Use: "show ID", Short: "Show a person as YAML, by id or number", Args: exact(1),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(client userv1.PersonaServiceClient) error {
				got, err := client.GetPersona(cmd.Context(), &userv1.GetPersonaRequest{Id: args[0]})
				if err != nil {
					return err
				}
				if a.json {
					return a.printProto(got.GetStored())
				}
				one := got.GetStored().GetPersona()
				if !got.GetStored().GetSpecGiven() {
					one.Spec = nil // the rubric says it, and "persona compile" reads it
				}
				data, err := persona.Marshal(one)
				if err != nil {
					return err
				}
				_, err = a.out.Write(data)
				return err
			})
		}),
	}
}

func (p *people) validate() *cobra.Command {
	a := p.app
	return &cobra.Command{
		Use: "validate FILE...", Short: "Validate persona files without storing them", Args: arguments(1, many),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(client userv1.PersonaServiceClient) error {
				var faults errs.Violations
				for _, path := range args {
					stored, err := validateFile(cmd, client, path)
					if cmd.Context().Err() != nil {
						return err
					}
					if err != nil {
						if err := faults.Take(err); err != nil {
							return err
						}
						fmt.Fprintf(a.errOut, "%s: not valid\n", path)
						continue
					}
					fmt.Fprintf(a.out, "%s: valid, %s, %d warnings\n", path, stored.GetPersona().GetId(), len(stored.GetWarnings()))
					a.printWarnings(stored.GetWarnings())
				}
				return faults.OrNil()
			})
		}),
	}
}

func validateFile(cmd *cobra.Command, client userv1.PersonaServiceClient, path string) (*userv1.StoredPersona, error) {
	one, err := parseFile(cmd.Context(), path)
	if err != nil {
		return nil, err
	}
	got, err := client.ValidatePersona(cmd.Context(), &userv1.ValidatePersonaRequest{Persona: one})
	return got.GetStored(), errs.In(path, err)
}

func parseFile(ctx context.Context, path string) (*simv1.Persona, error) {
	data, err := infile.Read(ctx, path, persona.MaxBytes)
	if err != nil {
		return nil, err
	}
	return persona.Parse(data, path)
}

func (a *app) printWarnings(warnings []*userv1.Warning) {
	for _, w := range warnings {
		fmt.Fprintf(a.out, "  warning: %s: %q: %s\n", w.GetField(), w.GetPhrase(), w.GetReason())
	}
}

func (p *people) add() *cobra.Command {
	a := p.app
	return &cobra.Command{
		Use: "add FILE...", Short: "Store personas in a service (--address) or a data folder (--data)", Args: arguments(1, many),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if p.address == "" && p.data == "" {
				return usagef("say where: --address of a user service, or --data of a folder")
			}
			read, err := experiment.ReadPeople(cmd.Context(), args) // all of them, before one is stored
			if err != nil {
				return err
			}
			return p.with(cmd, func(client userv1.PersonaServiceClient) error {
				for i, path := range args {
					stored, err := experiment.Add(cmd.Context(), client, path, read[i])
					if err != nil {
						return err
					}
					fmt.Fprintf(a.out, "%s: stored as %s\n", path, stored.GetPersona().GetId())
					a.printWarnings(stored.GetWarnings())
				}
				return nil
			})
		}),
	}
}
