package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/analysis/lineage"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

func (a *app) training() *cobra.Command {
	parent := &cobra.Command{Use: "trainer", Short: "Show the training jobs and the workers"}
	workers := &cobra.Command{
		Use: "workers", Short: "List the workers seen within a day, their jobs and their speed", Args: exact(0),
		Example: "  propersim trainer workers --trainer-address trainer:7075",
	}
	jobs := &cobra.Command{
		Use: "jobs [RUN]", Short: "List the training jobs of a run, or of all runs", Args: arguments(0, 1),
		Example: "  propersim trainer jobs ava-lindqvist-proper-s1-0badcafe",
	}
	flags := []bound{{"trainer-address", "connect.trainer", "`host:port` of the trainer"}}
	for _, cmd := range []*cobra.Command{workers, jobs} {
		bind(cmd, flags)
		parent.AddCommand(cmd)
	}
	workers.RunE = run(func(cmd *cobra.Command, _ []string) error { return a.withTrainer(cmd, flags, a.listWorkers) })
	jobs.RunE = run(func(cmd *cobra.Command, args []string) error {
		return a.withTrainer(cmd, flags, func(cmd *cobra.Command, conn trainerConn) error {
			return a.listJobs(cmd, conn, strings.Join(args, ""))
		})
	})
	return parent
}

// trainerConn are the two services of a trainer.
type trainerConn struct {
	jobs    trainerv1.TrainerServiceClient
	workers trainerv1.WorkerServiceClient
}

func (a *app) withTrainer(cmd *cobra.Command, flags []bound, fn func(*cobra.Command, trainerConn) error) error {
	loaded, err := a.load(cmd, flags)
	if err != nil {
		return err
	}
	conn, err := stack.DialService("trainer", &loaded.Config)
	if err != nil {
		return usage(err)
	}
	defer func() { _ = conn.Close() }() // nothing is in flight
	err = fn(cmd, trainerConn{trainerv1.NewTrainerServiceClient(conn), trainerv1.NewWorkerServiceClient(conn)})
	return trainerSilent(&loaded.Config, err)
}

// trainerSilent says of an error that the trainer cannot be asked, and what to do.
func trainerSilent(c *config.Config, err error) error {
	if !errors.Is(err, errs.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("the trainer at %s does not answer: give its address with --trainer-address; `propersim simulate` has one on listen.trainer while it runs with backends.trainer=worker: %w",
		stack.Address("trainer", c), err)
}

func (a *app) listWorkers(cmd *cobra.Command, conn trainerConn) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WORKER\tMODEL\tDEVICE\tMEMORY\tRUN\tDAY\tUPDATE\tLOSS\tTOKENS/S\tENDS ABOUT\tLEASE UNTIL\tLAST SEEN")
	for token := ""; ; {
		resp, err := conn.workers.ListWorkers(cmd.Context(), &trainerv1.ListWorkersRequest{PageToken: token})
		if err != nil {
			return err
		}
		for _, worker := range resp.GetWorkers() {
			showWorker(w, worker)
		}
		if token = resp.GetNextPageToken(); token == "" {
			return w.Flush()
		}
	}
}

func showWorker(w io.Writer, worker *trainerv1.Worker) {
	c := worker.GetCapabilities()
	memory := "-"
	if n := c.GetDeviceMemoryBytes(); n > 0 {
		memory = fmt.Sprintf("%d GiB", n>>30)
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t", worker.GetName(), strings.TrimSpace(c.GetModel()+" "+c.GetQuantization()), c.GetDevice(), memory)
	if job := worker.GetJob(); job != nil {
		p := job.GetProgress()
		speed := "-\t-\t-" // it reads pairs or computes references
		if p.GetUpdate() > 0 {
			speed = fmt.Sprintf("%d/%d\t%.4f\t%.0f", p.GetUpdate(), p.GetUpdatesTotal(), p.GetLoss(), p.GetTokensPerSecond())
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t", job.GetRunId(), job.GetDay(), speed, endsAbout(job, worker.GetLastSeen().AsTime()),
			worker.GetLeaseUntil().AsTime().Local().Format(time.TimeOnly))
	} else {
		fmt.Fprint(w, "-\t-\t-\t-\t-\t-\t-\t")
	}
	fmt.Fprintln(w, worker.GetLastSeen().AsTime().Local().Format(time.DateTime))
}

// endsAbout says when the updates of a job will be done, at the speed of those
// between its lease and the last heartbeat; "-" before the first update.
func endsAbout(job *trainerv1.Job, heartbeat time.Time) string {
	p, leased := job.GetProgress(), job.GetStateTime().AsTime()
	if p.GetUpdate() == 0 || heartbeat.Before(leased) {
		return "-"
	}
	whole := time.Duration(float64(heartbeat.Sub(leased)) / float64(p.GetUpdate()) * float64(p.GetUpdatesTotal()))
	return leased.Add(whole).Local().Format(time.TimeOnly)
}

func (a *app) listJobs(cmd *cobra.Command, conn trainerConn, runID string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tDAY\tSTATE\tATTEMPTS\tPAIRS\tLOSS\tMARGIN\tACCURACY\tADAPTER\tSERVED AS\tREASON")
	for token := ""; ; {
		resp, err := conn.jobs.ListJobs(cmd.Context(), &trainerv1.ListJobsRequest{RunId: runID, PageToken: token})
		if err != nil {
			return err
		}
		for _, job := range resp.GetJobs() {
			trained := "-\t-\t-\t-"
			if m := job.GetMetrics(); m != nil {
				trained = fmt.Sprintf("%d\t%.4f\t%.4f\t%.2f", m.GetPairs(), m.GetLoss(), m.GetMargin(), m.GetAccuracy())
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\t%s\t%s\n", job.GetRunId(), job.GetDay(), stateName(job), job.GetAttempts(), trained,
				dash(short(job.GetAdapter())), dash(job.GetServedModel()), job.GetReason())
		}
		if token = resp.GetNextPageToken(); token == "" {
			return w.Flush()
		}
	}
}

// stateName is the state of a job for people.
func stateName(job *trainerv1.Job) string { return lineage.StateName(job.GetState()) }

// dash stands for what is empty in a table.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
