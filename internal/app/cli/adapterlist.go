package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func (a *app) adaptersList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ls [DIR] [RUN]", Short: "List the adapters of a run, or of all: day, parent, pairs, loss, margin, gate, and what keeps each",
		Long: `Lists the adapters that the nights have made, by run and day. Of a RUN it is the line from
the first night to the last: of a fork with the adapters that it has from the run it was forked
from. Below the table are the nights of RUN that made no adapter, with the reason.

KEPT FOR says why an adapter is in the store; empty means that the next collection removes
it (setting adapters.keep of the trainer), and "removed" with a date that it did.`,
		Example: `  propersim adapters ls runs/2026-11-22-proper RUN
  propersim adapters ls ava-lindqvist-proper-s1-0badcafe --trainer-address trainer:7075`,
	}
	bind(cmd, adapterFlags)
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error { return a.withAdapters(cmd, args, 0, 1, a.listAdapters) })
	return cmd
}

func (a *app) listAdapters(ctx context.Context, p *adapterPlace, args []string) error {
	jobs := p.jobs
	if len(args) > 0 {
		t, err := p.find(args[0])
		if err != nil {
			return err
		}
		jobs = t.jobs
	}
	kept, err := p.kept(ctx, jobs)
	if err != nil {
		return err
	}
	if a.json {
		return printProtos(a, kept)
	}
	if len(kept) == 0 {
		fmt.Fprintln(a.errOut, "No night has made an adapter.")
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tDAY\tADAPTER\tPARENT\tPAIRS\tLOSS\tMARGIN\tHELD-OUT\tGATE\tBYTES\tSERVED AS\tKEPT FOR")
	for _, one := range kept {
		job, m := one.GetJob(), one.GetJob().GetMetrics()
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%.4f\t%.4f\t%s\t%s\t%d\t%s\t%s\n", job.GetRunId(), job.GetDay(), short(job.GetAdapter()),
			dash(short(job.GetParentAdapter())), m.GetPairs(), m.GetLoss(), m.GetMargin(), heldOut(m), gateOf(job), one.GetBytes(), dash(job.GetServedModel()), keptFor(one))
	}
	if err := w.Flush(); err != nil || len(args) == 0 {
		return err
	}
	for _, job := range jobs {
		if job.GetAdapter() == "" {
			fmt.Fprintf(a.out, "no adapter after day %d: %s\n", job.GetDay(), strings.TrimSpace(stateName(job)+" "+job.GetReason()))
		}
	}
	return nil
}

// kept returns those of the jobs that made an adapter, in their order, with what
// keeps it.
func (p *adapterPlace) kept(ctx context.Context, jobs []*trainerv1.Job) ([]*trainerv1.KeptAdapter, error) {
	var runs []string
	for _, job := range jobs {
		if !slices.Contains(runs, job.GetRunId()) {
			runs = append(runs, job.GetRunId())
		}
	}
	if len(runs) > 3 { // a run and its ancestors are few; one call lists all runs
		runs = []string{""}
	}
	byJob := map[string]*trainerv1.KeptAdapter{}
	for _, run := range runs {
		for token := ""; ; {
			resp, err := p.Jobs.ListKeptAdapters(ctx, &trainerv1.ListKeptAdaptersRequest{RunId: run, PageToken: token})
			if err != nil {
				return nil, err
			}
			for _, one := range resp.GetAdapters() {
				byJob[one.GetJob().GetId()] = one
			}
			if token = resp.GetNextPageToken(); token == "" {
				break
			}
		}
	}
	var out []*trainerv1.KeptAdapter
	for _, job := range jobs {
		if one := byJob[job.GetId()]; one != nil {
			out = append(out, one)
		}
	}
	return out, nil
}

// heldOut writes the margin on held-out pairs; a dash where none were held out.
func heldOut(m *trainerv1.TrainingMetrics) string {
	if m.GetHeldOutPairs() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4f", m.GetHeldOutMargin())
}

// gateOf says how a job came through the gate: how many checks passed, the first
// that did not, or the state of a job that ended otherwise.
func gateOf(job *trainerv1.Job) string {
	for _, c := range job.GetGate() {
		if !c.GetPassed() {
			return "rejected: " + c.GetName()
		}
	}
	passed := fmt.Sprintf("%d passed", len(job.GetGate()))
	if job.GetState() != trainerv1.JobState_JOB_STATE_ACTIVE {
		passed += ", " + stateName(job)
	}
	return passed
}

func keptFor(one *trainerv1.KeptAdapter) string {
	if at := one.GetCollectTime(); at != nil {
		return "removed " + at.AsTime().Local().Format(time.DateTime)
	}
	return one.GetKeptFor()
}
