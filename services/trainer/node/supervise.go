package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Supervision lets the agent run the model server itself. Zero values are usable.
type Supervision struct {
	// Server is the command that starts the model server, for Config.Upstream; empty
	// means that it runs elsewhere.
	Server []string
	// Worker is the command of a training worker that needs the model server's GPU.
	// Where it is given, the two alternate: when jobs wait and no request was in
	// flight for Idle, the agent stops the model server, runs the worker until no job
	// waits, and starts the model server again.
	Worker []string
	// Idle is how long no request must have been in flight; 0 means 10 s.
	Idle time.Duration
	// Grace is how long a process may take to end by SIGTERM; 0 means 1 min.
	Grace time.Duration
	// Output receives what both processes print; nil discards it.
	Output io.Writer
}

func (s *Supervision) withDefaults(faults *errs.Violations) {
	if len(s.Worker) > 0 && len(s.Server) == 0 {
		faults.Add("worker_command", "is given without server_command; want both, or neither")
	}
	if s.Idle < 0 || s.Grace < 0 {
		faults.Add("idle", "found %v and grace %v, want durations from 0", s.Idle, s.Grace)
	}
	s.Idle, s.Grace = cmp.Or(s.Idle, 10*time.Second), cmp.Or(s.Grace, time.Minute)
	if s.Output == nil {
		s.Output = io.Discard
	}
}

const (
	// unhealthy is how long a model server may fail to answer before it is killed.
	unhealthy = time.Minute
	// longestPause is the longest wait before a process that failed is started again.
	longestPause = 30 * time.Second
	// workerTries is how often a worker may end by itself before the model server
	// gets the GPU back for trainPause.
	workerTries, trainPause = 3, 10 * time.Minute
)

// errServer says that the model server has ended or does not answer.
var errServer = errors.New("the model server failed")

// supervise runs the model server, and in turn with it the worker, until ctx is
// done.
func (a *Agent) supervise(ctx context.Context) {
	pause := time.Second
	for ctx.Err() == nil {
		began := time.Now()
		err := a.runServer(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.enter(trainerv1.NodeState_NODE_STATE_STARTING)
			if time.Since(began) > 10*longestPause {
				pause = time.Second
			}
			a.log.Error("the model server is started again", zap.Error(err), zap.Duration("after", pause))
			wait(ctx, pause)
			pause = min(2*pause, longestPause)
		default:
			a.runWorker(ctx)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// runServer starts the model server and returns nil after it was drained and
// stopped for the worker or for the end of ctx. errServer when it failed.
func (a *Agent) runServer(ctx context.Context) error {
	a.enter(trainerv1.NodeState_NODE_STATE_STARTING)
	p, err := a.startProcess(ctx, a.cfg.Server, "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True")
	if err != nil {
		return err
	}
	defer func() {
		a.loading.Lock() // no load is cut off
		defer a.loading.Unlock()
		p.stop(a.cfg.Grace)
	}()
	ticker := time.NewTicker(min(a.cfg.Every, time.Second))
	defer ticker.Stop()
	answered := time.Time{} // zero until the first answer: loading a base takes minutes
	for {
		select {
		case <-ctx.Done():
			a.drain(context.WithoutCancel(ctx))
			return nil
		case <-p.done:
			return fmt.Errorf("%w: it has ended: %w", errServer, errors.Join(p.err))
		case <-ticker.C:
		}
		switch err := a.reconcile(ctx); {
		case err == nil:
			answered = time.Now()
			a.enter(trainerv1.NodeState_NODE_STATE_SERVING)
		case answered.IsZero():
			continue
		case time.Since(answered) > unhealthy && ctx.Err() == nil:
			return fmt.Errorf("%w: it does not answer: %w", errServer, err)
		}
		if len(a.cfg.Worker) > 0 && a.mayTrain(ctx) && a.drainIfIdle() {
			a.log.Info("the model server is stopped for training")
			return nil
		}
	}
}

// startProcess starts a command, after it has ended what the process before it has
// left: server and worker never have the GPU both.
func (a *Agent) startProcess(ctx context.Context, command []string, env ...string) (*process, error) {
	if err := a.endLeftOver(ctx); err != nil {
		return nil, err
	}
	return startProcess(command, append(a.mark(), env...), a.cfg.Output)
}

// mayTrain reports whether jobs wait for a worker of this node, and none for the
// model server.
func (a *Agent) mayTrain(ctx context.Context) bool {
	if a.cfg.Clock().Before(a.trainAfter) {
		return false
	}
	waiting, trained, err := a.jobs(ctx)
	if err != nil && ctx.Err() == nil {
		a.log.Warn("the trainer cannot be asked for jobs", zap.Error(err))
	}
	return err == nil && waiting > 0 && trained == 0
}

// jobs counts the jobs for this node's model that wait for a worker or are with
// one, and those that were trained and wait for the model server.
func (a *Agent) jobs(ctx context.Context) (waiting, trained int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for token := ""; ; {
		resp, err := a.trainer.ListJobs(ctx, &trainerv1.ListJobsRequest{PageToken: token, States: []trainerv1.JobState{
			trainerv1.JobState_JOB_STATE_QUEUED, trainerv1.JobState_JOB_STATE_LEASED,
			trainerv1.JobState_JOB_STATE_TRAINED, trainerv1.JobState_JOB_STATE_PUBLISHED, trainerv1.JobState_JOB_STATE_LOADED, trainerv1.JobState_JOB_STATE_VERIFIED,
		}})
		if err != nil {
			return 0, 0, err
		}
		for _, job := range resp.GetJobs() {
			switch {
			case job.GetHyperparameters().GetLora().GetModel() != a.cfg.Model:
			case job.GetState() == trainerv1.JobState_JOB_STATE_QUEUED, job.GetState() == trainerv1.JobState_JOB_STATE_LEASED:
				waiting++
			default:
				trained++
			}
		}
		if token = resp.GetNextPageToken(); token == "" {
			return waiting, trained, nil
		}
	}
}

// runWorker runs the worker until no job waits.
func (a *Agent) runWorker(ctx context.Context) {
	a.enter(trainerv1.NodeState_NODE_STATE_TRAINING)
	for try := range workerTries {
		p, err := a.startProcess(ctx, a.cfg.Worker)
		if err == nil {
			err = a.awaitJobs(ctx, p)
			p.stop(a.cfg.Grace) // SIGTERM hands a job back
		}
		if err == nil {
			a.noteWorker(false)
			return
		}
		a.log.Error("the worker failed", zap.Int("try", try+1), zap.Error(err))
		wait(ctx, time.Second<<try)
	}
	a.noteWorker(true)
	a.trainAfter = a.cfg.Clock().Add(trainPause)
	a.log.Error("no training before", zap.Time("time", a.trainAfter))
}

// awaitJobs returns nil when no job waits any more, or ctx is done.
func (a *Agent) awaitJobs(ctx context.Context, p *process) error {
	ticker := time.NewTicker(a.cfg.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.done:
			return fmt.Errorf("it has ended: %w", errors.Join(p.err))
		case <-ticker.C:
		}
		waiting, _, err := a.jobs(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Warn("the trainer cannot be asked for jobs", zap.Error(err))
		}
		if err == nil && waiting == 0 {
			return nil
		}
	}
}
