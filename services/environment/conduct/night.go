package conduct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/propersim/propersim/internal/journal"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/seeded"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// nightAttempts is how often a night that failed may be trained again by
// resuming the run.
const nightAttempts = 100

// night trains the assistant on the pairs up to the end of a day, puts the
// adapter in force, and commits the turn of the day.
func (r *runner) night(day int32) (err error) {
	end := r.beginSpan("night", func() []attribute.KeyValue { return append(r.about(), attribute.Int("propersim.day", int(day))) })
	defer func() { end(err) }()
	night := &environmentv1.Night{Day: day, Adapter: r.chain.Adapter}
	if r.chain.Progress.GetPairs() == 0 {
		night.NoPairs = true
		return r.commitNight(night, nil)
	}
	began := time.Now()
	job, err := r.train(day)
	if err != nil {
		return err
	}
	r.metrics.night.Observe(time.Since(began).Seconds())
	if job.GetState() != trainerv1.JobState_JOB_STATE_ACTIVE {
		night.Failure, night.Metrics = failure(job), job.GetMetrics()
		if r.run.Config().GetOnFailedNight() != environmentv1.OnFailedNight_ON_FAILED_NIGHT_KEEP {
			r.metrics.nights.WithLabelValues("failed").Inc()
			return fmt.Errorf("night %d: %s (resume the run to train it again): %w", day, night.GetFailure(), errs.ErrInternal)
		}
		r.metrics.nights.WithLabelValues("kept").Inc()
		return r.commitNight(night, job)
	}
	r.metrics.nights.WithLabelValues("trained").Inc()
	night.Adapter, night.Metrics = job.GetAdapter(), job.GetMetrics()
	if err := r.useAdapter(adapterOf(job)); err != nil {
		return err
	}
	return r.commitNight(night, job)
}

// commitNight commits the turn of a day. job is nil without a training.
func (r *runner) commitNight(night *environmentv1.Night, job *trainerv1.Job) error {
	return r.commit(&environmentv1.EntryBody{Event: &environmentv1.EntryBody_Night{Night: night}}, nightTimings(job))
}

// nightTimings says how long a job waited and trained, by the trainer's clock: a
// restart of the environment changes nothing of it.
func nightTimings(job *trainerv1.Job) []*simv1.CallTiming {
	if !job.GetCreateTime().IsValid() || !job.GetStateTime().IsValid() {
		return nil
	}
	training := time.Duration(job.GetTrainingSeconds() * float64(time.Second))
	all := job.GetStateTime().AsTime().Sub(job.GetCreateTime().AsTime())
	return []*simv1.CallTiming{{CallId: journal.NightTiming, Endpoint: "trainer", Waited: durationpb.New(max(0, all-training)), Latency: durationpb.New(training)}}
}

// train submits the night's job and waits until it is final. A job that is
// already failed when it is submitted belongs to an earlier attempt: where a
// failed night stops the run, whoever resumed it wants another attempt, with
// another draw of pairs.
func (r *runner) train(day int32) (*trainerv1.Job, error) {
	config := r.run.Config()
	source := seeded.New(config.GetSeed(), config.GetPersonaId(), "training")
	again := config.GetOnFailedNight() == environmentv1.OnFailedNight_ON_FAILED_NIGHT_STOP
	for attempt := range nightAttempts {
		var job *trainerv1.Job
		err := r.call("trainer.SubmitJob", nil, func(ctx context.Context) error {
			resp, err := r.Trainer.SubmitJob(ctx, &trainerv1.SubmitJobRequest{
				RunId: r.run.ID(), Day: day, ParentAdapter: r.chain.Adapter, Hyperparameters: config.GetTraining(),
				Executor: config.GetExecutor(), Seed: source.Uint64(int(day), attempt), RunHandle: r.run.Handle(),
			})
			job = resp.GetJob()
			return err
		})
		if err != nil {
			return nil, err
		}
		if failed(job.GetState()) && again {
			continue
		}
		return r.await(job)
	}
	return nil, fmt.Errorf("night %d failed %d times: %w", day, nightAttempts, errs.ErrInternal)
}

// await watches a job until it is final. It ends early when the run is halted:
// the job continues, and SubmitJob finds it again.
func (r *runner) await(job *trainerv1.Job) (*trainerv1.Job, error) {
	if finalJob(job.GetState()) {
		return job, nil
	}
	err := r.call("trainer.WatchJob", nil, func(context.Context) error {
		ctx, cancel := context.WithCancel(trace.ContextWithSpan(r.halt, trace.SpanFromContext(r.ctx)))
		defer cancel()
		stream, err := r.Trainer.WatchJob(ctx, &trainerv1.WatchJobRequest{Id: job.GetId()})
		if err != nil {
			return err
		}
		for {
			resp, err := stream.Recv()
			switch {
			case r.halt.Err() != nil:
				return ErrHalted
			case errors.Is(err, io.EOF):
				return fmt.Errorf("the stream ended before job %s did: %w", job.GetId(), errs.ErrUnavailable)
			case err != nil:
				return err
			}
			r.answered() // a training may take longer than Config.GiveUp
			if job = resp.GetJob(); finalJob(job.GetState()) {
				return nil
			}
		}
	})
	return job, err
}

// useAdapter puts an adapter in force. A session that must be opened again for
// it is opened with the adapter before, which is the committed one.
func (r *runner) useAdapter(adapter *assistantv1.Adapter) error {
	return r.call("assistant.UseAdapter", &r.assistant, func(ctx context.Context) error {
		_, err := r.Assistants.UseAdapter(ctx, &assistantv1.UseAdapterRequest{RunId: r.run.Handle(), Adapter: adapter})
		return err
	})
}

// adapterOf returns what an assistant must know of the adapter that a job made.
func adapterOf(job *trainerv1.Job) *assistantv1.Adapter {
	out := &assistantv1.Adapter{Id: job.GetAdapter(), Model: job.GetServedModel()}
	if out.GetModel() != "" {
		out.RunHandle = job.GetRunHandle()
	}
	return out
}

func failed(state trainerv1.JobState) bool {
	switch state {
	case trainerv1.JobState_JOB_STATE_FAILED, trainerv1.JobState_JOB_STATE_REJECTED, trainerv1.JobState_JOB_STATE_CANCELLED:
		return true
	}
	return false
}

func finalJob(state trainerv1.JobState) bool {
	return failed(state) || state == trainerv1.JobState_JOB_STATE_ACTIVE
}

// outcomes say in a night's record how its job ended.
var outcomes = map[trainerv1.JobState]string{
	trainerv1.JobState_JOB_STATE_FAILED: "failed", trainerv1.JobState_JOB_STATE_REJECTED: "was rejected", trainerv1.JobState_JOB_STATE_CANCELLED: "was cancelled",
}

func failure(job *trainerv1.Job) string {
	return "training job " + job.GetId() + " " + outcomes[job.GetState()] + ": " + job.GetReason()
}

// FailedJob reads Night.failure: the id of the job, how it ended and why. A text of
// another form is the reason of a failed job without an id.
func FailedJob(text string) (id string, state trainerv1.JobState, reason string) {
	rest, found := strings.CutPrefix(text, "training job ")
	id, rest, spaced := strings.Cut(rest, " ")
	for state, outcome := range outcomes {
		if reason, ended := strings.CutPrefix(rest, outcome+": "); found && spaced && ended {
			return id, state, reason
		}
	}
	return "", trainerv1.JobState_JOB_STATE_FAILED, text
}
