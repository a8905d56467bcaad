package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/prompts"
)

func (a *app) prompts() *cobra.Command {
	var dir string
	parent := &cobra.Command{
		Use: "prompts", Short: "Show and compare the prompts of the roles",
		Long: `Prompts are Go text templates, one file each, embedded in the program. A folder with
files of the same names replaces them: simulate --prompts DIR. A run keeps the texts
that it was made with.`,
		Example: `  propersim prompts ls
  propersim prompts show judge/candidate
  propersim prompts render runs/2026-11-22-ars RUN 412 judge
  propersim prompts diff embedded my-prompts`,
	}
	parent.PersistentFlags().StringVar(&dir, "prompts", "", "`folder` of templates that replace the embedded ones")
	parent.AddCommand(a.promptsList(&dir), a.promptsShow(&dir), a.promptsRender(), a.promptsDiff())
	return parent
}

func (a *app) promptsList(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the prompts", Args: exact(0),
		RunE: run(func(*cobra.Command, []string) error {
			set, err := prompts.Load(*dir)
			if err != nil {
				return usage(err)
			}
			if a.json {
				return a.printJSON(map[string]any{"digest": set.Digest(), "prompts": set.Names()})
			}
			fmt.Fprintf(a.out, "digest %s\n", set.Digest())
			for _, name := range set.Names() {
				fmt.Fprintln(a.out, name)
			}
			return nil
		}),
	}
}

func (a *app) promptsShow(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a template with its list of variables", Args: exact(1),
		RunE: run(func(_ *cobra.Command, args []string) error {
			set, err := prompts.Load(*dir)
			if err != nil {
				return usage(err)
			}
			text, known := set.Texts()[args[0]]
			if !known {
				return usagef("found %q, want one of %s", args[0], strings.Join(set.Names(), ", "))
			}
			_, err = fmt.Fprint(a.out, text)
			return err
		}),
	}
}

func (a *app) promptsRender() *cobra.Command {
	return &cobra.Command{
		Use: "render DIR [RUN] STEP ROLE", Short: "Show the prompts that a role got at a recorded step, as they were sent", Args: cobra.RangeArgs(3, 4),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			s, _, rest, err := a.openPlace(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.Close()
			role, number := rest[len(rest)-1], rest[len(rest)-2]
			step, err := strconv.ParseInt(number, 10, 32)
			if err != nil || step < 0 {
				return usagef("found step %q, want a whole number from 0", number)
			}
			r, err := findRun(cmd.Context(), s, first(rest[:len(rest)-2]))
			if err != nil {
				return err
			}
			e, err := s.Step(cmd.Context(), r.GetId(), int32(step))
			if err != nil {
				return err
			}
			kept, err := a.keptPrompts(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer kept.Close()
			shown := 0
			var others []string
			for _, call := range e.GetBody().GetStep().GetCalls() {
				name := enumName(call.GetRole().String(), "ROLE_")
				if name != strings.ReplaceAll(role, "-", "_") {
					others = append(others, name)
					continue
				}
				shown++
				if err := a.showCall(cmd.Context(), kept, call); err != nil {
					return err
				}
			}
			if shown == 0 {
				return noCall(r.GetId(), step, role, others)
			}
			return nil
		}),
	}
}

// noCall says that a role made no call at a step, and which roles did.
func noCall(run string, step int64, role string, others []string) error {
	slices.Sort(others)
	made := "no role made one: a model plays none, or the person was asleep"
	if len(others) > 0 {
		made = "calls were made by: " + strings.Join(slices.Compact(others), ", ")
	}
	return fmt.Errorf("step %d of run %s has no call of the role %q; %s: %w", step, run, role, made, errs.ErrNotFound)
}

func (a *app) promptsDiff() *cobra.Command {
	return &cobra.Command{
		Use: "diff A B", Short: "Compare two prompt sets: folders of templates, run folders, or the word embedded", Args: exact(2),
		RunE: run(func(_ *cobra.Command, args []string) error {
			var sets [2]*prompts.Set
			for i, arg := range args {
				var err error
				if sets[i], err = promptSet(arg); err != nil {
					return usage(err)
				}
			}
			if sets[0].Digest() == sets[1].Digest() {
				fmt.Fprintf(a.out, "equal: %s\n", sets[0].Digest())
				return nil
			}
			left, right := sets[0].Texts(), sets[1].Texts()
			names := slices.Sorted(maps.Keys(left))
			for name := range right {
				if _, both := left[name]; !both {
					names = append(names, name)
				}
			}
			for _, name := range names {
				text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
					A: difflib.SplitLines(left[name]), B: difflib.SplitLines(right[name]),
					FromFile: args[0] + "/" + name, ToFile: args[1] + "/" + name, Context: 3,
				})
				if err != nil {
					return err
				}
				fmt.Fprint(a.out, text)
			}
			return nil
		}),
	}
}

// promptSet loads the prompts that an argument names.
func promptSet(arg string) (*prompts.Set, error) {
	if arg == "embedded" {
		return prompts.Load("")
	}
	if kept := folder.Folder(arg).Prompts(); kept != "" {
		return prompts.Load(kept)
	}
	return prompts.Load(arg)
}
