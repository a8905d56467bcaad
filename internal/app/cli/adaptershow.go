package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/lineage"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func (a *app) adaptersShow() *cobra.Command {
	var day int32
	var pairs bool
	cmd := &cobra.Command{
		Use: "show [DIR] RUN|ADAPTER", Short: "Show an adapter: its night, pairs, metrics and gate, where it is loaded, which steps spoke with it",
		Long: `Shows an adapter and its lineage: run, day and training job; the adapter that it was trained
from and the night that made that one; the pairs that the night drew, each with the step that
made it; loss, margin, accuracy and the checks of the gate; where it is loaded; and the steps
that spoke with it, of the run and of its forks. Below are its ancestors down to the base.

Of a run it is the adapter that is in force, or the night after --day, also one that failed.`,
		Example: `  propersim adapters show runs/2026-11-22-proper RUN --day 3 --pairs
  propersim adapters show 9f2c1a --trainer-address trainer:7075 --json`,
	}
	bind(cmd, adapterFlags)
	dayFlag(cmd, &day)
	cmd.Flags().BoolVar(&pairs, "pairs", false, "list every pair of the night, and not the first few alone")
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		return a.withAdapters(cmd, args, 1, 1, func(ctx context.Context, p *adapterPlace, args []string) error {
			t, err := p.find(first(args))
			if err != nil {
				return err
			}
			job, err := t.night(day)
			if err != nil {
				return err
			}
			return a.showNight(ctx, p, job, pairs)
		})
	})
	return cmd
}

func dayFlag(cmd *cobra.Command, day *int32) {
	cmd.Flags().Int32Var(day, "day", 0, "of a run: the night after this simulated `day`; 0 is the adapter in force")
}

// shownAdapter is what adapters show prints as JSON.
type shownAdapter struct {
	*lineage.Adapter
	KeptFor string       `json:"kept_for,omitempty"`
	Loaded  []loadedNode `json:"loaded,omitempty"`
	// AlsoMadeBy are further jobs with the same result, e.g. of the same run that was
	// created again.
	AlsoMadeBy []lineage.Night `json:"also_made_by,omitempty"`
}

// loadedNode says whether a node's model server has an adapter.
type loadedNode struct {
	Node  string `json:"node"`
	State string `json:"state"`
}

func (a *app) showNight(ctx context.Context, p *adapterPlace, job *trainerv1.Job, pairs bool) error {
	found, err := p.Adapter(ctx, job, p.jobs)
	if err != nil {
		return err
	}
	if p.unasked != "" {
		found.Unknown = append(found.Unknown, "the steps that spoke with it: the environment cannot be asked: "+p.unasked)
	}
	out := &shownAdapter{Adapter: found, Loaded: p.loaded(ctx, job.GetServedModel())}
	for _, other := range p.jobs {
		if other.GetAdapter() != "" && other.GetAdapter() == job.GetAdapter() && other.GetId() != job.GetId() {
			out.AlsoMadeBy = append(out.AlsoMadeBy, lineage.NightOf(other))
		}
	}
	kept, err := p.kept(ctx, []*trainerv1.Job{job})
	if err != nil {
		return err
	}
	if len(kept) == 1 {
		out.KeptFor = keptFor(kept[0])
	}
	if a.json {
		return a.printJSON(out)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	describeNight(w, out)
	describePairs(w, found, pairs)
	describeUse(w, out)
	if err := w.Flush(); err != nil {
		return err
	}
	a.showUnknown(found.Unknown)
	return a.showAncestors(ctx, p, job)
}

// describeNight writes where an adapter comes from and how its training went.
func describeNight(w io.Writer, n *shownAdapter) {
	fmt.Fprintf(w, "adapter\t%s\n", dash(n.Night.Adapter))
	fmt.Fprintf(w, "night\tafter day %d of run %s: %s\n", n.Day, n.Run, strings.TrimSpace(n.State+" "+n.Reason))
	fmt.Fprintf(w, "job\t%s, attempt %d, %.1f s of training\n", n.Job, n.Attempts, n.Seconds)
	for _, other := range n.AlsoMadeBy {
		fmt.Fprintf(w, "\tthe same result: %s, after day %d of run %s\n", other.Job, other.Day, other.Run)
	}
	switch {
	case n.ParentAdapter == "":
		fmt.Fprintln(w, "parent\tthe base policy")
	case n.Parent == nil:
		fmt.Fprintf(w, "parent\t%s\n", n.ParentAdapter)
	default:
		fmt.Fprintf(w, "parent\t%s, made after day %d of run %s: %s\n", n.ParentAdapter, n.Parent.Day, n.Parent.Run, n.Parent.Job)
	}
	if n.Policy != "" {
		fmt.Fprintf(w, "policy\t%s\n", strings.TrimSpace(n.Policy+" "+n.Model))
	}
	if m := n.Metrics; m != nil {
		fmt.Fprintf(w, "training\tloss %.4f, margin %.4f, accuracy %.2f on %d pairs, %d updates\n", m.Loss, m.Margin, m.Accuracy, m.Pairs, m.Updates)
		if m.HeldOutPairs > 0 {
			fmt.Fprintf(w, "held-out\tmargin %.4f, accuracy %.2f on %d pairs; the parent's %.4f and %.2f\n", m.HeldOutMargin, m.HeldOutAccuracy, m.HeldOutPairs, m.ParentMargin, m.ParentAccuracy)
		}
	}
	for _, c := range n.Gate {
		outcome := "passed"
		if !c.Passed {
			outcome = "REJECTED"
		}
		fmt.Fprintf(w, "gate\t%s %s: %s\n", c.Name, outcome, c.Detail)
	}
}

// fewPairs is how many pairs are shown unless all are asked for.
const fewPairs = 8

func describePairs(w io.Writer, n *lineage.Adapter, all bool) {
	d := n.Draw
	if d == nil {
		return
	}
	whether := "with the digest that the job recorded"
	if !d.Verified {
		whether = "drawn again; the job recorded no digest"
	}
	fmt.Fprintf(w, "pairs\t%d drawn of %d, %s, %s\n", len(d.Pairs), d.Population, short(d.Digest), whether)
	shown := d.Pairs
	if !all {
		shown = shown[:min(fewPairs, len(shown))]
	}
	for _, p := range shown {
		tested := ""
		if p.HeldOut {
			tested = ", held out"
		}
		fmt.Fprintf(w, "\t%s, day %d, step %d%s\n", p.ID, p.Day, p.Step, tested)
	}
	if more := len(d.Pairs) - len(shown); more > 0 {
		fmt.Fprintf(w, "\tand %d more (--pairs lists all)\n", more)
	}
}

// describeUse writes where an adapter is and which steps spoke with it.
func describeUse(w io.Writer, n *shownAdapter) {
	if n.ServedAs != "" {
		fmt.Fprintf(w, "served as\t%s\n", n.ServedAs)
	}
	for _, l := range n.Loaded {
		fmt.Fprintf(w, "loaded\t%s: %s\n", l.Node, l.State)
	}
	if n.ServedAs == "" && n.State == "active" {
		fmt.Fprintln(w, "loaded\tby the assistant, from the trainer's store")
	}
	if n.KeptFor != "" {
		fmt.Fprintf(w, "kept for\t%s\n", n.KeptFor)
	}
	for _, f := range n.Files {
		fmt.Fprintf(w, "file\t%s, %d bytes, sha256 %s\n", f.Name, f.Bytes, f.SHA256)
	}
	for _, s := range n.Spoke {
		fmt.Fprintf(w, "spoke\tin run %s: %d steps, %d to %d, %d with a recommendation\n", s.Run, s.Steps, s.First, s.Last, s.Said)
	}
	if n.State == "active" && len(n.Spoke) == 0 && len(n.Unknown) == 0 {
		fmt.Fprintln(w, "spoke\tat no step so far")
	}
}

// showAncestors prints the line of an adapter down to the base policy.
func (a *app) showAncestors(ctx context.Context, p *adapterPlace, job *trainerv1.Job) error {
	id := job.GetAdapter()
	if id == "" {
		id = job.GetParentAdapter()
	}
	all, removed, err := p.ancestors(ctx, id)
	if err != nil || len(all) == 0 {
		return nil // the files are not known, which was said
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nDAY\tADAPTER\tPAIRS\tUPDATES\tLOSS\tMARGIN\tACCURACY")
	for _, m := range all {
		t := m.GetMetrics()
		fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%.4f\t%.4f\t%.2f\n", m.GetDay(), short(m.GetId()), t.GetPairs(), t.GetUpdates(), t.GetLoss(), t.GetMargin(), t.GetAccuracy())
	}
	if removed != "" {
		fmt.Fprintf(w, "\t%s\tremoved\n", short(removed))
	}
	return w.Flush()
}

// asking is how long a node may take to answer.
const asking = 3 * time.Second

// loaded asks the nodes of connect.nodes whether they have an adapter loaded; nil
// for an adapter that no model server serves.
func (p *adapterPlace) loaded(ctx context.Context, served string) (out []loadedNode) {
	if served == "" {
		return nil
	}
	for address := range strings.SplitSeq(p.cfg.Nodes, ",") {
		if address == "" {
			continue
		}
		state, err := p.loadedOn(ctx, address, served)
		if err != nil {
			state = "not known: " + errs.Text(err)
		}
		out = append(out, loadedNode{Node: address, State: state})
	}
	if len(out) == 0 {
		out = append(out, loadedNode{Node: "nodes", State: "not asked: connect.nodes is empty here"})
	}
	return out
}

func (p *adapterPlace) loadedOn(ctx context.Context, address, served string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	conn, err := stack.Dial("node", address, p.cfg)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // nothing is in flight
	resp, err := trainerv1.NewNodeServiceClient(conn).ListAdapters(ctx, &trainerv1.ListAdaptersRequest{})
	if err != nil {
		return "", err
	}
	for _, one := range resp.GetAdapters() {
		if one.GetName() == served && one.GetLoaded() {
			return fmt.Sprintf("yes, %d requests in flight", one.GetInFlight()), nil
		}
		if one.GetName() == served {
			return "not at present; the agent loads it again", nil
		}
	}
	return "no", nil
}
