package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (p *people) imports() *cobra.Command {
	a := p.app
	var format, out string
	cmd := &cobra.Command{
		Use: "import FILE...", Short: "Convert personas of other projects into persona files", Args: arguments(1, many),
		Long: `Reads people from another project's format and writes persona YAML. Formats:

  generative-agents   the scratch.json of simulations of that family

With one FILE and no --out the YAML goes to the output. With --out DIR each person
becomes DIR/ID.yaml; two people of one name get different ids. A file that exists
is never overwritten: it is an error, and the others are written. For each person
the command says how many clauses of the rubric were not read, and whether the
rest can be met; "persona compile" shows them.

What a file does not say is left open: the YAML is then a draft with each gap
marked GAP, the gaps are listed, and the exit code is 1.`,
		Example: `  propersim persona import --format generative-agents scratch.json > me.yaml
  propersim persona import --format generative-agents people/*/scratch.json --out mine`,
	}
	cmd.Flags().StringVar(&format, "format", "generative-agents", "`format` of the files")
	cmd.Flags().StringVar(&out, "out", "", "`folder` to write ID.yaml into, or, with one FILE, a file that ends in .yaml")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		if format != "generative-agents" {
			return usagef("--format: found %q, want generative-agents", format)
		}
		if out == "" && len(args) > 1 {
			return usagef("--out: want a folder for %d files", len(args))
		}
		in := &importing{app: a, out: out, taken: map[string]bool{}}
		if len(args) == 1 && (out == "" || filepath.Ext(out) == ".yaml" || filepath.Ext(out) == ".yml") {
			return in.single(cmd.Context(), args[0])
		}
		if err := outfile.MkdirAll(out, 0o755); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		var faults errs.Violations
		for _, path := range args {
			err := in.one(cmd.Context(), path)
			if cmd.Context().Err() != nil {
				return err
			}
			if err := faults.Take(err); err != nil {
				faults.Add(path, "%v", err)
			}
		}
		return faults.OrNil()
	})
	return cmd
}

// importing writes people into one folder.
type importing struct {
	app   *app
	out   string
	taken map[string]bool // ids of this call
}

// single writes one person to a file or to the output.
func (in *importing) single(ctx context.Context, path string) error {
	draft, err := in.read(ctx, path)
	if err != nil {
		return err
	}
	data, err := draft.Marshal()
	if err != nil {
		return err
	}
	if in.out == "" {
		fmt.Fprintln(in.app.errOut, reading(draft))
		if _, err = in.app.out.Write(data); err != nil {
			return err
		}
		return open(draft)
	}
	return in.create(in.out, draft, data)
}

// one writes one person into the folder.
func (in *importing) one(ctx context.Context, path string) error {
	draft, err := in.read(ctx, path)
	if err != nil {
		return err
	}
	if draft.Persona.GetName() == "" {
		return fmt.Errorf("the file names nobody: no name, first_name or last_name")
	}
	persona.Distinct([]*simv1.Persona{draft.Persona}, in.taken)
	in.taken[draft.Persona.GetId()] = true
	data, err := draft.Marshal()
	if err != nil {
		return err
	}
	return in.create(filepath.Join(in.out, draft.Persona.GetId()+".yaml"), draft, data)
}

// create writes a file that must not exist.
func (in *importing) create(path string, draft *persona.Draft, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists; nothing was overwritten", path)
	}
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := outfile.WriteFile(path, data, 0o644); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if _, err = fmt.Fprintf(in.app.out, "%s: %s\n", path, reading(draft)); err != nil {
		return err
	}
	return open(draft)
}

// open is the error of a draft with gaps; nil where there is none.
func open(draft *persona.Draft) error {
	if len(draft.Gaps) == 0 {
		return nil
	}
	return fmt.Errorf("a draft: %d gaps are to be filled, each marked GAP: %s", len(draft.Gaps), strings.Join(draft.Gaps, ", "))
}

func (in *importing) read(ctx context.Context, path string) (*persona.Draft, error) {
	data, err := infile.Read(ctx, path, persona.MaxImport)
	if err != nil {
		return nil, err
	}
	draft, err := persona.ImportDraft(bytes.NewReader(data))
	if err != nil {
		return nil, errs.In(path, err)
	}
	for _, w := range draft.Warnings {
		fmt.Fprintf(in.app.errOut, "warning: %s: %s\n", path, w)
	}
	return draft, nil
}

// reading says in one line how much of a rubric was read.
func reading(draft *persona.Draft) string {
	one := draft.Persona
	if len(draft.Gaps) > 0 {
		return fmt.Sprintf("%s, a draft with %d gaps", one.GetId(), len(draft.Gaps))
	}
	got := rubric.Read(one.GetRubric())
	unread := 0
	for _, c := range got.Readings {
		if c.Status == rubric.StatusUnread {
			unread++
		}
	}
	line := fmt.Sprintf("%s, %d clauses, %d not read", one.GetId(), len(got.Readings), unread)
	if _, _, err := rubric.CompileStrict(one.GetRubric(), "rubric"); err != nil {
		return line + "; needs a spec: " + err.Error()
	}
	if faults := satisfy.Check(got.Spec); len(faults) > 0 {
		return line + "; cannot be met: " + faults[0].Reason
	}
	return line
}
