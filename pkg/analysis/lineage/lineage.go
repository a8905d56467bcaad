// Package lineage follows a preference pair from the step that made it to the
// nights that trained on it, to their adapters and to the steps that spoke with
// these, and back. It reads what is on record: the journal, the training jobs, and
// the pairs of the buffer. A night's draw is a function of its seed, so it is drawn
// again and compared with the digest that the job has recorded.
package lineage

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/analysis/source"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Record is where the parts of a lineage are on record. A nil part is not known;
// what follows from it is left out.
type Record struct {
	// Runs are the runs and their steps.
	Runs source.Source
	// Jobs are the trainings and their adapters.
	Jobs trainerv1.TrainerServiceClient
	// Pairs are the preference pairs.
	Pairs bufferv1.PreferenceBufferServiceClient
}

// PairID names a pair of all runs: RUN/STEP/INDEX, where the index is 0 but for the
// further pairs of a step.
func PairID(run string, step, index int32) string { return fmt.Sprintf("%s/%d/%d", run, step, index) }

// Night is one training: a night that was trained again has several.
type Night struct {
	// Run is the run whose job it is: of a fork's shared nights that is an ancestor.
	Run string `json:"run"`
	// Day is the simulated day that it follows, 1-based.
	Day int32 `json:"day"`
	// Job is the id of the training job.
	Job string `json:"job"`
	// State is the state of the job in lower case: "active", "rejected" ...
	State string `json:"state"`
	// Reason says why the job failed, was rejected or cancelled.
	Reason string `json:"reason,omitempty"`
	// Adapter is the adapter that the job made; empty before it was published, and for
	// one that was rejected before.
	Adapter string `json:"adapter,omitempty"`
	// ServedAs is its name at a model server; empty for the embedded policy.
	ServedAs string `json:"served_as,omitempty"`
}

// NightOf describes the night of a job.
func NightOf(job *trainerv1.Job) Night {
	return Night{
		Run: job.GetRunId(), Day: job.GetDay(), Job: job.GetId(), State: StateName(job.GetState()), Reason: job.GetReason(),
		Adapter: job.GetAdapter(), ServedAs: job.GetServedModel(),
	}
}

// StateName is the name of a job's state in lower case.
func StateName(s trainerv1.JobState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "JOB_STATE_"))
}

// AllJobs returns the training jobs of a run, or of all runs where the id is empty,
// by run and day. Errors are those of the trainer.
func (r *Record) AllJobs(ctx context.Context, run string) ([]*trainerv1.Job, error) {
	var out []*trainerv1.Job
	for token := ""; ; {
		resp, err := r.Jobs.ListJobs(ctx, &trainerv1.ListJobsRequest{RunId: run, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		out = append(out, resp.GetJobs()...)
		if token = resp.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}

// ancestor is a run with the last day whose night counts for a descendant.
type ancestor struct {
	run     string
	lastDay int32
}

// descent returns a run and the runs that it was forked from. A fork shares the
// entries up to a step, and no night after that step.
func descent(run *environmentv1.Run, runs []*environmentv1.Run) []ancestor {
	out, last := []ancestor{{run.GetId(), math.MaxInt32}}, int32(math.MaxInt32)
	for run.GetForkedFrom() != "" {
		scale := simtime.Scale(run.GetConfig().GetStepSeconds())
		last = min(last, scale.Day(run.GetForkedAtStep())-1)
		i := slices.IndexFunc(runs, func(r *environmentv1.Run) bool { return r.GetId() == run.GetForkedFrom() })
		out = append(out, ancestor{run.GetForkedFrom(), last})
		if i < 0 {
			break
		}
		run = runs[i]
	}
	return out
}

// JobsOf returns those of the jobs that count for a run in the order of their days:
// its own, and those of the nights that it shares with the run that it was forked
// from. Of a run that is not among runs, the shared ones are found by the adapters
// that its own began with.
func JobsOf(run string, runs []*environmentv1.Run, all []*trainerv1.Job) []*trainerv1.Job {
	var out []*trainerv1.Job
	i := slices.IndexFunc(runs, func(r *environmentv1.Run) bool { return r.GetId() == run })
	if i < 0 {
		return inherited(run, all)
	}
	for _, a := range descent(runs[i], runs) {
		for _, job := range all {
			if job.GetRunId() == a.run && job.GetDay() <= a.lastDay {
				out = append(out, job)
			}
		}
	}
	sortJobs(out)
	return out
}

func inherited(run string, all []*trainerv1.Job) []*trainerv1.Job {
	var out []*trainerv1.Job
	for _, job := range all {
		if job.GetRunId() == run {
			out = append(out, job)
		}
	}
	sortJobs(out)
	if len(out) == 0 {
		return nil
	}
	for job := maker(all, out[0].GetParentAdapter()); job != nil; job = maker(all, job.GetParentAdapter()) {
		out = append(out, job)
	}
	sortJobs(out)
	return out
}

// jobsOf is JobsOf with the jobs that the trainer lists.
func (r *Record) jobsOf(ctx context.Context, run *environmentv1.Run) ([]*trainerv1.Job, error) {
	runs, err := r.Runs.Runs(ctx)
	if err != nil {
		return nil, err
	}
	var all []*trainerv1.Job
	for _, a := range descent(run, runs) {
		jobs, err := r.AllJobs(ctx, a.run)
		if err != nil {
			return nil, err
		}
		all = append(all, jobs...)
	}
	return JobsOf(run.GetId(), runs, all), nil
}

// sortJobs sorts jobs by day, the attempts of one night by their time.
func sortJobs(jobs []*trainerv1.Job) {
	slices.SortStableFunc(jobs, func(a, b *trainerv1.Job) int {
		return cmp.Or(cmp.Compare(a.GetDay(), b.GetDay()), a.GetCreateTime().AsTime().Compare(b.GetCreateTime().AsTime()), cmp.Compare(a.GetId(), b.GetId()))
	})
}

// maker returns the job that made an adapter and brought it into force; nil where
// none of the jobs did.
func maker(jobs []*trainerv1.Job, adapter string) *trainerv1.Job {
	for _, job := range jobs {
		if adapter != "" && job.GetAdapter() == adapter && job.GetState() == trainerv1.JobState_JOB_STATE_ACTIVE {
			return job
		}
	}
	return nil
}

// unknown reports that an error is about a service that cannot be asked, or about
// what it no longer has: the rest of the lineage is worth showing.
func unknown(err error) bool { return errs.IsTransient(err) || isLost(err) }
