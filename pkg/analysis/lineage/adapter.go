package lineage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/simtime"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Adapter is a night with what it was made from and what became of it. The night
// may have made no adapter.
type Adapter struct {
	Night
	// Attempts is how often the job was leased.
	Attempts int32 `json:"attempts"`
	// Seconds is the wall time of the training.
	Seconds float64 `json:"training_seconds"`
	// ParentAdapter is the adapter that was trained from; empty for the base policy.
	ParentAdapter string `json:"parent_adapter,omitempty"`
	// Parent is the night that made it; nil where no job on record did.
	Parent *Night `json:"parent,omitempty"`
	// Metrics say how the training went; nil before its end.
	Metrics *Metrics `json:"metrics,omitempty"`
	// Gate is the checks before it came into force, in their order.
	Gate []Check `json:"gate,omitempty"`
	// Draw is the pairs of the night; nil where they are not known.
	Draw *Draw `json:"draw,omitempty"`
	// Spoke is the steps that spoke with the adapter, by run: the run that trained it
	// and its forks.
	Spoke []Spoke `json:"spoke,omitempty"`
	// Policy is the kind of the policy, "log-linear/1"; Model its base model. Files are
	// the adapter's. All are empty for an adapter that is not in the store.
	Policy string `json:"policy,omitempty"`
	Model  string `json:"model,omitempty"`
	Files  []File `json:"files,omitempty"`
	// Unknown says what could not be found out, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// Metrics are those of trainerv1.TrainingMetrics.
type Metrics struct {
	Pairs           int32   `json:"pairs"`
	Updates         int32   `json:"updates"`
	Loss            float64 `json:"loss"`
	Margin          float64 `json:"margin"`
	Accuracy        float64 `json:"accuracy"`
	HeldOutPairs    int32   `json:"held_out_pairs"`
	HeldOutMargin   float64 `json:"held_out_margin"`
	HeldOutAccuracy float64 `json:"held_out_accuracy"`
	ParentMargin    float64 `json:"parent_margin"`
	ParentAccuracy  float64 `json:"parent_accuracy"`
}

// Check is one check of the gate.
type Check struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

// File is one file of an adapter.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Spoke is the steps of a run that spoke with an adapter.
type Spoke struct {
	Run string `json:"run"`
	// First and Last are step numbers, 0-based.
	First int32 `json:"first_step"`
	Last  int32 `json:"last_step"`
	// Steps is how many waking steps there were, Said at how many of them something
	// was said.
	Steps int `json:"steps"`
	Said  int `json:"recommendations"`
}

func (a *Adapter) unknown(format string, args ...any) {
	a.Unknown = append(a.Unknown, fmt.Sprintf(format, args...))
}

// Adapter follows the night of a job in both directions. jobs are all jobs on
// record. What a service cannot answer is in Unknown; other errors are those of the
// services.
func (r *Record) Adapter(ctx context.Context, job *trainerv1.Job, jobs []*trainerv1.Job) (*Adapter, error) {
	out := &Adapter{
		Night: NightOf(job), Attempts: job.GetAttempts(), Seconds: job.GetTrainingSeconds(), ParentAdapter: job.GetParentAdapter(), Metrics: metricsOf(job.GetMetrics()),
	}
	for _, c := range job.GetGate() {
		out.Gate = append(out.Gate, Check{c.GetName(), c.GetPassed(), c.GetDetail()})
	}
	if parent := maker(jobs, out.ParentAdapter); parent != nil {
		night := NightOf(parent)
		out.Parent = &night
	}
	for _, find := range []func(context.Context, *Adapter, *trainerv1.Job) error{r.files, r.drawn, r.spoke} {
		if err := find(ctx, out, job); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func metricsOf(m *trainerv1.TrainingMetrics) *Metrics {
	if m == nil {
		return nil
	}
	return &Metrics{
		Pairs: m.GetPairs(), Updates: m.GetUpdates(), Loss: m.GetLoss(), Margin: m.GetMargin(), Accuracy: m.GetAccuracy(),
		HeldOutPairs: m.GetHeldOutPairs(), HeldOutMargin: m.GetHeldOutMargin(), HeldOutAccuracy: m.GetHeldOutAccuracy(),
		ParentMargin: m.GetParentMargin(), ParentAccuracy: m.GetParentAccuracy(),
	}
}

func (r *Record) files(ctx context.Context, out *Adapter, job *trainerv1.Job) error {
	if job.GetAdapter() == "" {
		return nil
	}
	resp, err := r.Jobs.GetAdapter(ctx, &trainerv1.GetAdapterRequest{Id: job.GetAdapter()})
	switch {
	case errors.Is(err, errs.ErrNotFound) || err != nil && unknown(err):
		out.unknown("its files: %v", errs.Text(err))
		return nil
	case err != nil:
		return err
	}
	m := resp.GetManifest()
	out.Policy, out.Model = m.GetPolicy(), m.GetModel()
	for _, f := range m.GetFiles() {
		out.Files = append(out.Files, File{f.GetName(), f.GetSize(), f.GetSha256()})
	}
	return nil
}

func (r *Record) drawn(ctx context.Context, out *Adapter, job *trainerv1.Job) (err error) {
	if r.Pairs == nil {
		out.unknown("its pairs: there is no record of pairs")
		return nil
	}
	if out.Draw, err = r.Draw(ctx, job); err != nil && unknown(err) {
		out.unknown("its pairs: %v", errs.Text(err))
		return nil
	}
	return err
}

// spoke finds the steps that spoke with an adapter, in its run and in the forks that
// share its night.
func (r *Record) spoke(ctx context.Context, out *Adapter, job *trainerv1.Job) error {
	if job.GetState() != trainerv1.JobState_JOB_STATE_ACTIVE {
		return nil
	}
	if r.Runs == nil {
		out.unknown("the steps that spoke with it: there is no record of runs")
		return nil
	}
	runs, err := r.Runs.Runs(ctx)
	for _, run := range runs {
		shares := slices.ContainsFunc(descent(run, runs), func(a ancestor) bool { return a.run == job.GetRunId() && job.GetDay() <= a.lastDay })
		if !shares {
			continue
		}
		var found *Spoke
		if found, err = r.spokeIn(ctx, run, job); err != nil {
			break
		}
		if found != nil {
			out.Spoke = append(out.Spoke, *found)
		}
	}
	if err != nil && unknown(err) {
		out.unknown("the steps that spoke with it: %v", errs.Text(err))
		return nil
	}
	return err
}

// spokeIn reads the steps after the night of a job until another adapter is in
// force; nil where no waking step spoke with the job's.
func (r *Record) spokeIn(ctx context.Context, run *environmentv1.Run, job *trainerv1.Job) (*Spoke, error) {
	begin := simtime.Scale(run.GetConfig().GetStepSeconds()).FirstStep(job.GetDay() + 1)
	if begin >= run.GetProgress().GetSteps() {
		return nil, nil
	}
	var out *Spoke
	for e, err := range r.Runs.Entries(ctx, run.GetId(), int64(begin)) { // an entry's sequence number is greater than its step's number
		if err != nil {
			return nil, err
		}
		s := e.GetBody().GetStep()
		if s == nil || s.GetStep() < begin || s.GetAction().GetAsleep() {
			continue
		}
		if s.GetAdapter() != job.GetAdapter() {
			break
		}
		if out == nil {
			out = &Spoke{Run: run.GetId(), First: s.GetStep()}
		}
		out.Last = s.GetStep()
		out.Steps++
		if len(s.GetCandidates()) > 0 && s.GetCandidates()[0].GetRecommendation() != nil {
			out.Said++
		}
	}
	return out, nil
}
