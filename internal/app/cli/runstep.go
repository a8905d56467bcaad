package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/pkg/analysis/lineage"
	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func (a *app) runsStep(address *string) *cobra.Command {
	var prompts bool
	cmd := &cobra.Command{
		Use: "step DIR [RUN] STEP", Short: "Show one step in full: memories, candidates, verdicts, its pair, and the nights around it",
		Long: `Shows a step and its lineage: the adapter that it spoke with and the night that made it;
what the policy was given (its memories); the candidates with their scores; the pair that
they made; and each night that trained on this pair, with its job and its adapter.
From there, "propersim adapters show DIR ADAPTER" leads on, forwards and back.

A night's draw is a function of its seed: it is drawn again and compared with the digest
that the training job has recorded. Of a folder nothing is written and no service is needed.
With --address or --journal the trainer and the buffer are asked where they run.`,
		Example: `  propersim runs step runs/2026-11-22-proper RUN 228
  propersim runs step --address 127.0.0.1:7070 RUN 228 --json`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			s, rest, err := a.openSource(cmd, *address, args, 1, 2)
			if err != nil {
				return err
			}
			defer s.Close()
			r, e, err := findStep(cmd.Context(), s, rest)
			if err != nil {
				return err
			}
			at := folder.Folder("")
			if len(rest) < len(args) {
				at = folder.Folder(args[0])
			}
			found, err := a.stepLineage(cmd, s, at, r, e.GetBody().GetStep())
			if err != nil {
				return err
			}
			if a.json {
				return a.printStep(e, found)
			}
			if err := a.showStep(r, e, found); err != nil || !prompts {
				return err
			}
			return a.showCalls(cmd.Context(), args, e.GetBody().GetStep().GetCalls())
		}),
	}
	bind(cmd, lineageFlags)
	cmd.Flags().BoolVar(&prompts, "prompts", false, "show every prompt that models got at this step, and every answer")
	return cmd
}

// findStep returns the run and the entry that the arguments name: [RUN] STEP.
func findStep(ctx context.Context, s source.Source, args []string) (*environmentv1.Run, *environmentv1.Entry, error) {
	last := len(args) - 1
	number, err := strconv.ParseInt(args[last], 10, 32)
	if err != nil || number < 0 {
		return nil, nil, usagef("found step %q, want a whole number from 0", args[last])
	}
	r, err := findRun(ctx, s, first(args[:last]))
	if err != nil {
		return nil, nil, err
	}
	e, err := s.Step(ctx, r.GetId(), int32(number))
	if steps := r.GetProgress().GetSteps(); errors.Is(err, errs.ErrNotFound) && steps > 0 {
		return nil, nil, fmt.Errorf("run %s has no step %d: its steps are 0 to %d: %w", r.GetId(), number, steps-1, errs.ErrNotFound)
	}
	return r, e, err
}

// stepLineage follows a step in the folder at, or at running services where at is
// empty.
func (a *app) stepLineage(cmd *cobra.Command, s source.Source, at folder.Folder, r *environmentv1.Run, step *environmentv1.Step) (*lineage.Step, error) {
	var from *records
	var err error
	if at != "" {
		from, err = a.folderRecords(at, s)
	} else {
		from, err = a.serviceRecords(cmd, lineageFlags, s)
	}
	if err != nil {
		return nil, err
	}
	found, err := from.Step(cmd.Context(), r, step)
	if err == nil && at != "" && len(found.Memories) == 0 {
		found.Memories, err = a.keptMemories(cmd.Context(), at, step)
	}
	return found, errors.Join(err, from.Close())
}

// keptMemories returns the prompt that a model was given as the assistant of a step,
// from the prompts that the folder has kept; nil where it has not.
func (a *app) keptMemories(ctx context.Context, at folder.Folder, s *environmentv1.Step) (out []lineage.Message, err error) {
	i := slices.IndexFunc(s.GetCalls(), func(c *simv1.ModelCall) bool { return c.GetRole() == simv1.Role_ROLE_ASSISTANT })
	if i < 0 {
		return nil, nil
	}
	kept, err := a.keptPrompts(ctx, []string{string(at)})
	if errors.Is(err, errs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	messages, err := kept.Prompt(ctx, s.GetCalls()[i].GetPromptDigest())
	if errors.Is(err, errs.ErrNotFound) {
		return nil, nil
	}
	for _, m := range messages {
		out = append(out, lineage.Message{Role: m.Role, Content: m.Content})
	}
	return out, err
}

// printStep prints an entry with its lineage as JSON for programs.
func (a *app) printStep(e *environmentv1.Entry, found *lineage.Step) error {
	data, err := protojson.Marshal(e)
	if err != nil {
		return err
	}
	var out struct {
		Sequence json.RawMessage `json:"sequence"`
		Hash     json.RawMessage `json:"hash"`
		Body     json.RawMessage `json:"body"`
		Lineage  *lineage.Step   `json:"lineage"`
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return err
	}
	out.Lineage = found
	return a.printJSON(out)
}

func (a *app) showStep(r *environmentv1.Run, e *environmentv1.Entry, found *lineage.Step) error {
	s := e.GetBody().GetStep()
	action, moment := s.GetAction(), s.GetMoment()
	fmt.Fprintf(a.out, "step %d, day %d, %s, entry %d\nhash %s\n\n%s (%s), %s\n", s.GetStep(), s.GetDay(), simtime.Clock(s.GetSecondOfDay()), e.GetSequence(), e.GetHash(),
		action.GetDescription(), action.GetKind(), orDash(action.GetRoom()))
	if action.GetAsleep() {
		return nil
	}
	fmt.Fprintf(a.out, "receptive %t, protected %t, due %t\n", moment.GetReceptive(), moment.GetProtected(), moment.GetDue())
	a.showSpeaker(r, found)
	a.showMemories(s, found)
	if err := a.showCandidates(s); err != nil {
		return err
	}
	return a.showUses(s, found)
}

// showSpeaker says with which adapter a step spoke, and who made it.
func (a *app) showSpeaker(r *environmentv1.Run, found *lineage.Step) {
	switch {
	case found.Adapter == "" && r.GetConfig().GetMethod().GetTrains():
		fmt.Fprintln(a.out, "\nspoke with the base policy: no night had made an adapter")
	case found.Adapter == "":
		fmt.Fprintln(a.out, "\nspoke with no adapter: the method has none")
	case found.MadeBy == nil:
		fmt.Fprintf(a.out, "\nspoke with adapter %s\n", found.Adapter)
	default:
		of := ""
		if found.MadeBy.Run != r.GetId() {
			of = " of run " + found.MadeBy.Run
		}
		fmt.Fprintf(a.out, "\nspoke with adapter %s,\nmade by the night after day %d%s: %s\n", found.Adapter, found.MadeBy.Day, of, found.MadeBy.Job)
	}
}

// showMemories prints what the policy was given, without the instructions.
func (a *app) showMemories(s *environmentv1.Step, found *lineage.Step) {
	if len(found.Memories) == 0 {
		why := "on record for steps that made a pair"
		if len(s.GetCalls()) > 0 {
			why += "; --prompts shows what models were given"
		}
		fmt.Fprintf(a.out, "\nmemories: %s\n", why)
		return
	}
	fmt.Fprintln(a.out, "\nmemories")
	for _, m := range found.Memories {
		if m.Role == "system" {
			continue
		}
		for line := range strings.Lines(m.Content) {
			fmt.Fprintf(a.out, "  %s\n", strings.TrimRight(line, "\n"))
		}
	}
}

func (a *app) showCandidates(s *environmentv1.Step) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for i, c := range s.GetCandidates() {
		mark := ""
		if i == 0 {
			mark = ", delivered"
		}
		if p := s.GetPair(); p != nil && int(p.GetChosen()) == i {
			mark += ", chosen"
		} else if p != nil && int(p.GetRejected()) == i {
			mark += ", rejected"
		}
		var e *simv1.Evaluation
		if i < len(s.GetEvaluations()) {
			e = s.GetEvaluations()[i]
		}
		fmt.Fprintf(w, "\ncandidate %d%s: %s  %s  %s %s\n", i, mark, total(e), said(c), c.GetRecommendation().GetTopic(), c.GetRecommendation().GetTone())
		for _, v := range e.GetVerdicts() {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", enumName(v.GetCriterion().String(), "CRITERION_"), enumName(v.GetOutcome().String(), "OUTCOME_"), v.GetReason())
		}
	}
	return w.Flush()
}

// showUses prints the pairs of a step and the nights that drew them.
func (a *app) showUses(s *environmentv1.Step, found *lineage.Step) error {
	fmt.Fprintln(a.out)
	if len(found.Pairs) == 0 {
		fmt.Fprintf(a.out, "no pair: %s\n", whyNoPair(s))
	}
	for _, p := range found.Pairs {
		fmt.Fprintf(a.out, "pair %s: candidate %d over candidate %d\n", p.ID, p.Chosen, p.Rejected)
	}
	if len(found.Trained) > 0 {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nNIGHT AFTER DAY\tDREW IT\tJOB\tADAPTER\tSTATE\tREASON")
		for _, u := range found.Trained {
			showUse(w, u)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if days := daysOf(found.NotDrawn); len(days) > 0 {
		fmt.Fprintf(a.out, "not drawn by the night after day %s\n", strings.Join(days, ", "))
	}
	if len(found.Pairs) > 0 && len(found.Trained)+len(found.NotDrawn)+len(found.Unknown) == 0 {
		fmt.Fprintln(a.out, "no night has been trained since")
	}
	a.showUnknown(found.Unknown)
	return nil
}

func showUse(w io.Writer, u lineage.Use) {
	how := "to train on"
	if u.HeldOut {
		how = "to test on"
	}
	if !u.Verified {
		how += " (not recorded)"
	}
	fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", u.Day, how, u.Job, orDash(short(u.Adapter)), u.State, u.Reason)
}

func daysOf(nights []lineage.Night) (out []string) {
	for _, n := range nights {
		out = append(out, strconv.Itoa(int(n.Day)))
	}
	return out
}

// whyNoPair says why a waking step has made no pair.
func whyNoPair(s *environmentv1.Step) string {
	if len(s.GetCandidates()) < 2 {
		return "one candidate has nothing to be compared with"
	}
	for _, e := range s.GetEvaluations() {
		if e.Total == nil {
			return "a candidate has no score"
		}
	}
	return "all candidates have the same score"
}

// showUnknown says what could not be found out.
func (a *app) showUnknown(unknown []string) {
	for _, what := range unknown {
		fmt.Fprintf(a.errOut, "not known: %s\n", what)
	}
}

// short is the beginning of an id for a table; it names the adapter as well.
func short(id string) string { return id[:min(12, len(id))] }
