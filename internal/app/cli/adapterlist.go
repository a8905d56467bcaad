package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func (a *app) listAdapters(ctx context.Context, from trainerv1.TrainerServiceClient, args []string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tDAY\tADAPTER\tPARENT\tPAIRS\tLOSS\tMARGIN\tHELD-OUT\tGATE\tBYTES\tSERVED AS\tKEPT FOR")
	for token := ""; ; {
		resp, err := from.ListKeptAdapters(ctx, &trainerv1.ListKeptAdaptersRequest{RunId: strings.Join(args, ""), PageToken: token})
		if err != nil {
			return err
		}
		for _, one := range resp.GetAdapters() {
			job, m := one.GetJob(), one.GetJob().GetMetrics()
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%.4f\t%.4f\t%s\t%s\t%d\t%s\t%s\n", job.GetRunId(), job.GetDay(), job.GetAdapter()[:12],
				dash(job.GetParentAdapter()[:min(12, len(job.GetParentAdapter()))]), m.GetPairs(), m.GetLoss(), m.GetMargin(), heldOut(m), gateOf(job),
				one.GetBytes(), dash(job.GetServedModel()), keptFor(one))
		}
		if token = resp.GetNextPageToken(); token == "" {
			return w.Flush()
		}
	}
}

// heldOut writes the margin on held-out pairs; a dash where none were held out.
func heldOut(m *trainerv1.TrainingMetrics) string {
	if m.GetHeldOutPairs() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4f", m.GetHeldOutMargin())
}

// gateOf says how a job came through the gate: how many checks passed, or the first
// that did not.
func gateOf(job *trainerv1.Job) string {
	for _, c := range job.GetGate() {
		if !c.GetPassed() {
			return "rejected: " + c.GetName()
		}
	}
	return fmt.Sprintf("%d passed", len(job.GetGate()))
}

func keptFor(one *trainerv1.KeptAdapter) string {
	if at := one.GetCollectTime(); at != nil {
		return "removed " + at.AsTime().Local().Format(time.DateTime)
	}
	return one.GetKeptFor()
}
