package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/estimate"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/rederive"
	"github.com/propersim/propersim/pkg/analysis/replay"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (a *app) doctorModels() *cobra.Command {
	return &cobra.Command{
		Use: "models", Short: "Probe each model endpoint: its server, its abilities and its speed", Args: exact(0),
		Long: `Sends a few short requests to every model of the configuration and prints what its
server can do, as YAML to paste into the configuration. This costs about ten short
answers a model. The exit code is 1 if a model cannot be used.`,
		Example: "  propersim doctor models --config models.yaml",
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.load(cmd)
			if err != nil {
				return err
			}
			cfg := loaded.Models.Config()
			if len(cfg.Roles) == 0 {
				return usage(errs.Invalid("models.roles", "no role has an endpoint and a model; see examples/models"))
			}
			found, err := model.Probe(cmd.Context(), cfg)
			if err != nil {
				return usage(err)
			}
			return a.showFindings(found)
		}),
	}
}

// showFindings prints what a probe found, and fails where a model cannot be
// used.
func (a *app) showFindings(found []model.Finding) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ENDPOINT\tMODEL\tROLES\tSHORT ANSWER\tTOKENS/S\tRESULT")
	bad := 0
	for _, f := range found {
		result, speed := "ok", "-"
		if f.Err != nil {
			result, bad = f.Err.Error(), bad+1
		}
		if f.Dimensions > 0 {
			result = fmt.Sprintf("%d dimensions", f.Dimensions)
		}
		if f.TokensPerSecond > 0 {
			speed = fmt.Sprintf("%.0f", f.TokensPerSecond)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Endpoint, f.Model, strings.Join(f.Roles, ","), f.Latency.Round(time.Millisecond), speed, result)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range found {
		for _, note := range f.Notes {
			fmt.Fprintf(a.out, "%s: %s\n", f.Model, note)
		}
	}
	if text := pasteable(found); text != "" {
		fmt.Fprintf(a.out, "\n%s", text)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d models cannot be used", bad, len(found))
	}
	return nil
}

// pasteable writes what was found as a part of a configuration.
func pasteable(found []model.Finding) string {
	endpoints, roles := map[string]any{}, map[string]any{}
	for _, f := range found {
		if f.Err != nil {
			continue
		}
		for _, role := range f.Roles {
			settings := map[string]any{}
			if f.Answers != "" {
				settings["aliases"] = f.Answers
			}
			if f.Dimensions > 0 {
				settings["dimensions"] = f.Dimensions
			}
			if len(settings) > 0 {
				roles[role] = settings
			}
		}
		if f.Dimensions > 0 {
			continue
		}
		c := f.Found
		endpoints[f.Endpoint] = map[string]any{
			"structured": c.Structured, "n": c.N, "seed": c.Seed, "logprobs": c.Logprobs,
			"max_tokens_field": c.MaxTokensField, "system_role": c.SystemRole, "reasoning": c.Reasoning,
		}
	}
	section := map[string]any{}
	if len(endpoints) > 0 {
		section["endpoints"] = endpoints
	}
	if len(roles) > 0 {
		section["roles"] = roles
	}
	if len(section) == 0 {
		return ""
	}
	text, err := yaml.Marshal(map[string]any{"models": section})
	if err != nil {
		return ""
	}
	return string(text)
}

// deriveAgain plays runs in which models played a role again, and puts what it
// finds into their results. A run folder has the configuration of its models; for
// the data of served services, and for a journal, it is that of this process.
func (a *app) deriveAgain(ctx context.Context, s source.Source, at folder.Folder, results []replay.Result) error {
	var loaded *config.Loaded
	var err error
	var texts string // the folder of the prompts
	if at != "" && at.Used() {
		loaded, err = at.Load(config.Sources{})
		texts = at.Prompts()
	} else if loaded, err = config.Load(config.Sources{File: a.configFile, Environ: os.Environ(), Sets: a.sets}); err == nil {
		texts = loaded.Models.Prompts
	}
	if err != nil {
		return usage(err)
	}
	all, err := s.Runs(ctx)
	if err != nil {
		return err
	}
	for i := range results {
		r, err := findRun(ctx, s, results[i].Run)
		if err != nil {
			return err
		}
		if results[i].Fault != "" || !rederive.Modelled(r) {
			continue
		}
		if rederive.DecidedElsewhere(r, all) {
			results[i].NotPlayed = "a third-party assistant answered in it"
			continue
		}
		if len(loaded.Models.Config().Roles) == 0 {
			results[i].NotPlayed = "its models are not configured here; give the --config of its services"
			continue
		}
		found, err := rederive.Run(ctx, &loaded.Config, s, r, texts)
		if err != nil {
			return fmt.Errorf("run %s could not be played again: %w", r.GetId(), err)
		}
		results[i].Prompts, results[i].Fault = found.Prompts, found.Fault
	}
	return nil
}

// showCalls prints every prompt and answer of a step.
func (a *app) showCalls(ctx context.Context, args []string, calls []*simv1.ModelCall) error {
	kept, err := a.keptPrompts(ctx, args)
	switch {
	case errors.Is(err, errs.ErrNotFound):
		fmt.Fprintf(a.out, "\nThe prompts are not in %s: each service that asks a model keeps them with its own data.\n", args[0])
	case err != nil:
		return err
	default:
		defer kept.Close()
	}
	for _, call := range calls {
		if call.GetRole() == simv1.Role_ROLE_EMBEDDER {
			continue // its answer is numbers
		}
		if err := a.showCall(ctx, kept, call); err != nil {
			return err
		}
	}
	return nil
}

// keptPrompts opens the prompts of a run folder, the first argument.
func (a *app) keptPrompts(ctx context.Context, args []string) (*model.Kept, error) {
	if len(args) == 0 || a.from.journal != "" {
		return nil, usagef("prompts are kept in a run folder: give DIR")
	}
	where, err := a.storeOf(folder.Folder(args[0]))
	if err != nil {
		return nil, err
	}
	return model.OpenKept(ctx, where.Answers)
}

// showCall prints one call: its prompt where it was kept, and each attempt.
func (a *app) showCall(ctx context.Context, kept *model.Kept, call *simv1.ModelCall) error {
	fmt.Fprintf(a.out, "\n=== %s: %s, %d + %d tokens\n", call.GetId(), call.GetModel(), call.GetPromptTokens(), call.GetCompletionTokens())
	var messages []model.Message
	var err error = errs.ErrNotFound
	if kept != nil {
		messages, err = kept.Prompt(ctx, call.GetPromptDigest())
	}
	switch {
	case errors.Is(err, errs.ErrNotFound):
		fmt.Fprintf(a.out, "(the prompt %s was not kept)\n", call.GetPromptDigest())
	case err != nil:
		return err
	}
	for _, m := range messages {
		fmt.Fprintf(a.out, "--- %s\n%s\n", m.Role, m.Content)
	}
	for i, attempt := range call.GetAttempts() {
		text := attempt.GetAnswer()
		if i == len(call.GetAttempts())-1 {
			text = call.GetAnswer()
		}
		fmt.Fprintf(a.out, "--- %s %s\n%s\n", attempt.GetOutcome(), attempt.GetDetail(), text)
	}
	return nil
}

// estimate prints what an experiment would use.
func (a *app) estimate(ctx context.Context, loaded *config.Loaded) error {
	if !loaded.Backends.Modelled() {
		return usage(errs.Invalid("backends", "every role is embedded: no model is asked, and nothing has to be paid; see examples/models"))
	}
	rows, err := estimate.Run(ctx, &loaded.Config)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(rows)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ROLE\tENDPOINT\tCALLS\tPROMPT TOKENS\tANSWER TOKENS\tRANGE\tUSD\tRANGE\tHOURS\t")
	var sum estimate.Row
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d-%d\t%.2f\t%.2f-%.2f\t%.1f\t\n", r.Role, r.Endpoint, r.Requests, r.Prompt, r.Completion, r.Least, r.Most, r.USD, r.LeastUSD, r.MostUSD, r.Hours)
		sum.Requests, sum.Prompt, sum.Completion, sum.Least, sum.Most = sum.Requests+r.Requests, sum.Prompt+r.Prompt, sum.Completion+r.Completion, sum.Least+r.Least, sum.Most+r.Most
		sum.USD, sum.LeastUSD, sum.MostUSD, sum.Hours = sum.USD+r.USD, sum.LeastUSD+r.LeastUSD, sum.MostUSD+r.MostUSD, sum.Hours+r.Hours
	}
	fmt.Fprintf(w, "all\t\t%d\t%d\t%d\t%d-%d\t%.2f\t%.2f-%.2f\t%.1f\t\n", sum.Requests, sum.Prompt, sum.Completion, sum.Least, sum.Most, sum.USD, sum.LeastUSD, sum.MostUSD, sum.Hours)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		fmt.Fprintf(a.out, "%s: tokens by %s\n", r.Role, r.Tokenizer)
	}
	fmt.Fprintf(a.out, "One day of up to 4 people was played; a few real answers of each kind were asked for, and used again and again.\nThe ranges are the shortest and the longest valid answers. "+
		"Repairs are not counted. Hours: %d read and %d generated tokens a second in each slot.\n", estimate.ReadPerSecond, estimate.WritePerSecond)
	return nil
}
