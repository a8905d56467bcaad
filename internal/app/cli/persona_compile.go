package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/judge"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/rubric"
	"github.com/propersim/propersim/pkg/rubric/satisfy"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
)

func (p *people) compile() *cobra.Command {
	a := p.app
	var write bool
	var compiler string
	cmd := &cobra.Command{
		Use: "compile FILE|ID", Short: "Show how a rubric is read, clause by clause, or write the spec", Args: exact(1),
		Long: `Shows each text of a rubric with the rules that were read from it (=), what became
of each of its clauses (+ rule, . no rule, ? not read), and what a typical day of
this person comes to. The argument is a persona file, or the id or number of a
known person.

A clause is understood as a whole, or it makes no rule and is named. Where the
reading is not what you mean, say it in other words, or correct it yourself: with
--write the spec is appended to the file, beside the prose. A spec prevails over
the prose. docs/persona.schema.json describes the file to editors.`,
		Example: `  propersim persona compile 7
  propersim persona compile me.yaml
  propersim persona compile me.yaml --write
  propersim persona compile me.yaml --compiler model --config models.yaml`,
	}
	cmd.Flags().BoolVar(&write, "write", false, "append the spec to the file, for correction by hand")
	cmd.Flags().StringVar(&compiler, "compiler", "embedded", "who reads the prose: embedded, or `model`: the one of models.roles.compiler")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(client userv1.PersonaServiceClient) error {
			one, err := p.find(cmd, client, args[0])
			if err != nil {
				return err
			}
			got, err := a.compileBy(cmd, compiler, client, one.GetRubric())
			if err != nil {
				return err
			}
			if write {
				return a.writeSpec(args[0], one, got)
			}
			if a.json {
				return a.printProto(got)
			}
			return a.showReading(one.GetRubric(), got)
		})
	})
	return cmd
}

// compileBy reads a rubric by the service, or by a model of the configuration.
func (a *app) compileBy(cmd *cobra.Command, compiler string, client userv1.PersonaServiceClient, r *simv1.Rubric) (_ *userv1.CompileRubricResponse, err error) {
	if compiler == driver.Embedded {
		return client.CompileRubric(cmd.Context(), &userv1.CompileRubricRequest{Rubric: r})
	}
	loaded, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	compilers, stop, err := stack.CompilerOf(cmd.Context(), compiler, &loaded.Config)
	if err != nil {
		return nil, usage(err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	got, effects, err := compilers.Compiler.Compile(cmd.Context(), r)
	if err != nil {
		return nil, err
	}
	return &userv1.CompileRubricResponse{Spec: got.Spec, Warnings: got.Warnings, Clauses: got.Clauses, Calls: effects.Calls, Timings: effects.Timings}, nil
}

// find reads a persona from a file, or, where there is none of that name, from
// the service.
func (p *people) find(cmd *cobra.Command, client userv1.PersonaServiceClient, name string) (*simv1.Persona, error) {
	if _, err := os.Stat(name); err == nil {
		return parseFile(cmd.Context(), name)
	}
	got, err := client.GetPersona(cmd.Context(), &userv1.GetPersonaRequest{Id: name})
	if err != nil {
		return nil, fmt.Errorf("%s is neither a file nor a known person: %w", name, err)
	}
	return got.GetStored().GetPersona(), nil
}

// writeSpec appends the spec that a rubric was read into to a persona file. The
// rest of the file stays as it is, byte for byte.
func (a *app) writeSpec(path string, one *simv1.Persona, got *userv1.CompileRubricResponse) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return usagef("--write: want a persona file: %v", err)
	}
	if one.GetSpec() != nil {
		return usagef("--write: %s has a spec already; nothing was changed. Remove it from the file to have it written anew", path)
	}
	spec, err := persona.MarshalSpec(got.GetSpec())
	if err != nil {
		return err
	}
	var b strings.Builder
	b.Write(data)
	if len(data) > 0 && data[len(data)-1] != '\n' {
		b.WriteByte('\n')
	}
	b.WriteString("# Read from the rubric above. Correct it here: a spec prevails over the prose.\n")
	for _, w := range got.GetWarnings() {
		fmt.Fprintf(&b, "# not sure: %s: %q: %s\n", w.GetField(), w.GetPhrase(), w.GetReason())
	}
	b.Write(spec)
	if _, err := persona.Parse([]byte(b.String()), path); err != nil {
		return fmt.Errorf("the spec cannot be written into %s: %w", path, err)
	}
	if err := outfile.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s: spec written, %d doubts beside it\n", path, len(got.GetWarnings()))
	return err
}

// showReading prints the texts of a rubric with what was made of them.
func (a *app) showReading(prose *simv1.Rubric, got *userv1.CompileRubricResponse) error {
	rules := rubric.Describe(got.GetSpec())
	clauses := rubric.Read(prose).Readings
	for _, part := range []struct{ field, name, text string }{
		{"frequency", "frequency", prose.GetFrequency()},
		{"timing", "timing", prose.GetTiming()},
		{"personal_preference", "content", prose.GetPersonalPreference()},
		{"communication_safety", "communication", prose.GetCommunicationSafety()},
	} {
		fmt.Fprintf(a.out, "%s\n  %s\n", strings.ToUpper(strings.ReplaceAll(part.field, "_", " ")), strings.TrimSpace(part.text))
		for _, rule := range rules {
			if read, ok := strings.CutPrefix(rule, part.name+":"); ok {
				fmt.Fprintf(a.out, "    = %s\n", strings.TrimSpace(read))
			}
		}
		for _, c := range clauses {
			if c.Field == part.field {
				fmt.Fprintf(a.out, "      %s\n", clauseLine(c))
			}
		}
		for _, w := range got.GetWarnings() {
			if w.GetField() == part.field && !warned(clauses, w) {
				fmt.Fprintf(a.out, "    ! %q: %s\n", w.GetPhrase(), w.GetReason())
			}
		}
		fmt.Fprintln(a.out)
	}
	return a.showDay(got.GetSpec())
}

// clauseLine says what became of one clause.
func clauseLine(c rubric.Reading) string {
	switch {
	case c.Status == rubric.StatusUnread:
		return fmt.Sprintf("? %q: %s", c.Phrase, c.Warning)
	case c.Status == rubric.StatusRemark:
		line := fmt.Sprintf(". %q: no rule", c.Phrase)
		if c.Warning != "" {
			line += " (" + c.Warning + ")"
		}
		return line
	}
	line := fmt.Sprintf("+ %q: %s", c.Phrase, strings.Join(c.Rules, "; "))
	if c.Warning != "" {
		line += " (" + c.Warning + ")"
	}
	return line
}

// warned reports whether a warning is said with one of the clauses.
func warned(clauses []rubric.Reading, w *userv1.Warning) bool {
	for _, c := range clauses {
		if c.Field == w.GetField() && c.Phrase == w.GetPhrase() && c.Warning == w.GetReason() {
			return true
		}
	}
	return false
}

// showDay prints what a spec comes to on a typical day, and why it cannot be
// met where it cannot.
func (a *app) showDay(spec *simv1.PreferenceSpec) error {
	low, high := judge.WantedBand(spec)
	day := satisfy.On(spec)
	fmt.Fprintf(a.out, "Wanted: %.2f to %.2f recommendations per waking hour.\n", low, high)
	_, err := fmt.Fprintf(a.out, "A typical day, awake for 16 h: open %s, with a topic that passes %s; wants %.0f to %.0f, can get %d.\n",
		hours(day.Open), hours(day.Topical), low*16, high*16, day.Can)
	for _, f := range satisfy.Check(spec) {
		_, err = fmt.Fprintf(a.out, "Cannot be met: %s: %s\n", f.Path, f.Reason)
	}
	return err
}

func hours(minutes int) string { return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60) }
