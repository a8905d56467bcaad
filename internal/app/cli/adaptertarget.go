package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/propersim/propersim/internal/nearest"
	"github.com/propersim/propersim/pkg/analysis/lineage"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// target is what an argument RUN|ADAPTER names: a run with its trainings in order,
// or a single training.
type target struct {
	run  string // empty where an adapter or a job is named
	jobs []*trainerv1.Job
}

// find returns what an id, or the beginning of one, names; an empty one names the
// only run. An error lists what is there.
func (p *adapterPlace) find(id string) (*target, error) {
	runs := p.runIDs()
	found := beginning(runs, id)
	if id == "" && len(runs) == 0 {
		return nil, fmt.Errorf("there are no runs and no trainings: %w", errs.ErrNotFound)
	}
	var jobs []*trainerv1.Job
	for _, job := range p.jobs {
		names := []string{job.GetAdapter(), job.GetId()}
		if id != "" && len(beginning(names, id)) > 0 {
			jobs = append(jobs, job)
		}
	}
	several := slices.ContainsFunc(jobs, func(j *trainerv1.Job) bool {
		return j.GetAdapter() != jobs[0].GetAdapter() || j.GetAdapter() == "" && j != jobs[0]
	})
	switch {
	case len(found) == 1 && len(jobs) == 0:
		return &target{run: found[0], jobs: lineage.JobsOf(found[0], p.runs, p.jobs)}, nil
	case len(found) == 0 && len(jobs) > 0 && !several:
		return &target{jobs: jobs}, nil
	case len(found) == 0 && len(jobs) == 0:
		return nil, fmt.Errorf("there is no run, adapter or training job %q; %s: %w", id, p.inventory(runs, id), errs.ErrNotFound)
	case len(jobs) > 0:
		return nil, usagef("%d runs and %d trainings begin with %q: give more of it", len(found), len(jobs), id)
	}
	what := fmt.Sprintf("%d runs begin with %q", len(found), id)
	if id == "" {
		what = fmt.Sprintf("there are %d runs", len(found))
	}
	return nil, usagef("%s; name one of them: %s", what, some(found))
}

// runIDs returns the ids of the runs on record, and of those that are known by their
// trainings alone.
func (p *adapterPlace) runIDs() []string {
	var out []string
	for _, r := range p.runs {
		out = append(out, r.GetId())
	}
	for _, job := range p.jobs {
		if !slices.Contains(out, job.GetRunId()) {
			out = append(out, job.GetRunId())
		}
	}
	return out
}

// beginning returns the ids that begin with a text, or the one that equals it.
func beginning(ids []string, text string) []string {
	if text != "" && slices.Contains(ids, text) {
		return []string{text}
	}
	var out []string
	for _, id := range ids {
		if id != "" && strings.HasPrefix(id, text) {
			out = append(out, id)
		}
	}
	return out
}

// inventory lists what an argument could have named.
func (p *adapterPlace) inventory(runs []string, id string) string {
	var adapters []string
	for _, job := range p.jobs {
		if name := short(job.GetAdapter()); name != "" && !slices.Contains(adapters, name) {
			adapters = append(adapters, name)
		}
	}
	out := "runs: " + cmp.Or(some(runs), "none") + "; adapters: " + cmp.Or(some(adapters), "none")
	if near := nearest.Of(id, append(runs, adapters...)); near != "" {
		out = fmt.Sprintf("did you mean %q? There are %s", near, out)
	}
	return out
}

// some joins names, at most eight of them.
func some(names []string) string {
	const most = 8
	out := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// night returns one training of a target: of a run the last one of a day or, for
// day 0, the one whose adapter is in force; the last one where none is.
func (t *target) night(day int32) (*trainerv1.Job, error) {
	if len(t.jobs) == 0 {
		return nil, fmt.Errorf("run %s has no trainings: its method does not train, or no night had pairs: %w", t.run, errs.ErrNotFound)
	}
	if day > 0 && t.run == "" {
		return nil, usagef("--day is for a run: %s names one training", t.jobs[0].GetId())
	}
	var days []string
	for _, job := range slices.Backward(t.jobs) {
		if job.GetDay() == day || day == 0 && job.GetState() == trainerv1.JobState_JOB_STATE_ACTIVE {
			return job, nil
		}
		if text := strconv.Itoa(int(job.GetDay())); !slices.Contains(days, text) {
			days = append(days, text)
		}
	}
	if day == 0 {
		return t.jobs[len(t.jobs)-1], nil
	}
	slices.Reverse(days)
	return nil, fmt.Errorf("run %s has no training after day %d; there are trainings after day %s: %w", t.run, day, strings.Join(days, ", "), errs.ErrNotFound)
}
