package trainer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// result describes what a training gave.
type result struct {
	metrics *trainerv1.TrainingMetrics
	policy  string // kind and version, "log-linear/1"
	model   string // base model; empty for the embedded policy
	digest  string // of the drawn pairs
	files   []*trainerv1.ArtifactFile
	probes  []*trainerv1.Probe
}

// manifest is the manifest of a job's result, with its id.
func (r *result) manifest(job *trainerv1.Job) (*trainerv1.Manifest, error) {
	m := &trainerv1.Manifest{
		Parent: job.GetParentAdapter(), Day: job.GetDay(), DataDigest: r.digest, Hyperparameters: proto.CloneOf(job.GetHyperparameters()),
		Metrics: proto.CloneOf(r.metrics), Policy: r.policy, Model: r.model, Seed: job.GetSeed(), Files: r.files,
	}
	var err error
	m.Id, err = artifact.ID(m)
	return m, err
}

// trained ends the lease of a job: its files are complete and synced, and the job
// is TRAINED. The loader takes it from there. ErrLeaseLost when the lease is no
// longer valid.
func (s *Server) trained(ctx context.Context, leased *record, upload *artifact.Upload, res *result) (*record, error) {
	manifest, err := res.manifest(leased.job)
	if err != nil {
		return nil, err
	}
	if err := upload.Stage(manifest); err != nil {
		return nil, err
	}
	r, err := s.jobs.changeHeld(ctx, leased.job.GetId(), leased.token, func(_ *sql.Tx, r *record) error {
		r.manifest = manifest
		r.job.DataDigest, r.job.Metrics, r.probes = res.digest, res.metrics, res.probes
		r.job.TrainingSeconds = r.now.Sub(r.job.GetStateTime().AsTime()).Seconds() // since it was leased
		r.enter(trainerv1.JobState_JOB_STATE_TRAINED)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.results.notify()
	return r, nil
}

// CompleteJob implements WorkerService.
func (s *Server) CompleteJob(stream grpc.ClientStreamingServer[trainerv1.CompleteJobRequest, trainerv1.CompleteJobResponse]) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) || (err == nil && first.GetHeader() == nil) {
		return errs.Invalid("header", "is missing, want it as the first message")
	}
	if err != nil {
		return err
	}
	job, err := s.completeJob(stream, first.GetHeader())
	if err != nil {
		return err
	}
	return stream.SendAndClose(&trainerv1.CompleteJobResponse{Job: job})
}

func (s *Server) completeJob(stream grpc.ClientStreamingServer[trainerv1.CompleteJobRequest, trainerv1.CompleteJobResponse], h *trainerv1.CompleteJobHeader) (_ *trainerv1.Job, err error) {
	ctx := stream.Context()
	r, err := s.jobs.get(ctx, h.GetJobId())
	if err != nil {
		return nil, err
	}
	res := &result{metrics: h.GetMetrics(), policy: h.GetPolicy(), model: h.GetModel(), digest: h.GetDataDigest(), files: h.GetFiles(), probes: h.GetProbes()}
	if same, err := r.repeats(h.GetFencingToken(), res); same || err != nil {
		return r.job, err
	}
	if err := s.heldByWorker(r, h.GetFencingToken()); err != nil {
		return nil, err
	}
	if err := checkHeader(r.job, h); err != nil {
		return nil, err
	}
	upload, err := s.store.Upload(res.files)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, upload.Close()) }()
	if err := receive(stream, upload); err != nil {
		return nil, err
	}
	if r, err = s.trained(ctx, r, upload, res); err != nil {
		return nil, err
	}
	return r.job, nil
}

// repeats reports whether the job has this very result already from the same
// lease.
func (r *record) repeats(token int64, res *result) (bool, error) {
	if r.token != token || r.manifest == nil {
		return false, nil
	}
	m, err := res.manifest(r.job)
	return err == nil && m.GetId() == r.manifest.GetId(), err
}

// receive takes the chunks of an upload.
func receive(stream grpc.ClientStreamingServer[trainerv1.CompleteJobRequest, trainerv1.CompleteJobResponse], upload *artifact.Upload) error {
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return upload.Done()
		}
		if err != nil {
			return err
		}
		if part.GetChunk() == nil {
			return errs.Invalid("header", "came twice, want chunks after the first message")
		}
		if err := upload.Write(part.GetChunk()); err != nil {
			return err
		}
	}
}

// checkHeader returns Violations for a result that does not belong to the job.
func checkHeader(job *trainerv1.Job, h *trainerv1.CompleteJobHeader) error {
	var faults errs.Violations
	if want := policyOf(job); h.GetPolicy() != want {
		faults.Add("header.policy", "found %q, want %q", h.GetPolicy(), want)
	}
	if want := job.GetHyperparameters().GetLora().GetModel(); want != "" && h.GetModel() != want {
		faults.Add("header.model", "found %q, want %q", h.GetModel(), want)
	}
	if want := job.GetDataDigest(); h.GetDataDigest() != want {
		faults.Add("header.data_digest", "found %s, want %q as StreamPairs gave it", h.GetDataDigest(), want)
	}
	for i, p := range h.GetProbes() {
		if int(p.GetAnswerTokens()) >= len(p.GetTokens()) {
			faults.Add(fmt.Sprintf("header.probes[%d].answer_tokens", i), "found %d of %d tokens, want fewer than all", p.GetAnswerTokens(), len(p.GetTokens()))
		}
		if x := p.GetAdapterLogprob() + p.GetBaseLogprob(); math.IsNaN(x) || math.IsInf(x, 0) {
			faults.Add(fmt.Sprintf("header.probes[%d].adapter_logprob", i), "found %v and %v for the base, want finite numbers", p.GetAdapterLogprob(), p.GetBaseLogprob())
		}
	}
	return faults.OrNil()
}
