package lineage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Draw is the pairs that a night drew from the buffer.
type Draw struct {
	// Digest is SHA-256 over the drawn pairs, hexadecimal.
	Digest string `json:"digest"`
	// Verified says that the job has recorded this digest. A job of the embedded
	// executor that failed has recorded none.
	Verified bool `json:"verified"`
	// Population is how many pairs there were to draw from.
	Population int64 `json:"population"`
	// Pairs are the pairs in the order drawn.
	Pairs []DrawnPair `json:"pairs"`
}

// DrawnPair is a pair of a draw.
type DrawnPair struct {
	// ID is PairID of the pair.
	ID string `json:"id"`
	// Step is the step that made it, 0-based, and Index its place among the pairs of
	// that step.
	Step  int32 `json:"step"`
	Index int32 `json:"index"`
	// Day is the day of the step, 1-based.
	Day int32 `json:"day"`
	// HeldOut says that the night tested on the pair and did not train on it.
	HeldOut bool `json:"held_out"`
}

// errNotDrawn says that a job has drawn no pairs yet.
var errNotDrawn = errors.New("the pairs are not drawn yet")

func isLost(err error) bool { return errors.Is(err, errs.ErrDataLoss) || errors.Is(err, errNotDrawn) }

// Draw draws the pairs of a job again. ErrDataLoss where the draw is not the one that
// the job has recorded; other errors are those of the buffer.
func (r *Record) Draw(ctx context.Context, job *trainerv1.Job) (*Draw, error) {
	switch job.GetState() {
	case trainerv1.JobState_JOB_STATE_QUEUED, trainerv1.JobState_JOB_STATE_LEASED:
		if job.GetDataDigest() == "" {
			return nil, errNotDrawn
		}
	}
	hp := job.GetHyperparameters()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.Pairs.Sample(ctx, &bufferv1.SampleRequest{
		RunId: job.GetRunId(), Count: hp.GetPairs(), Seed: job.GetSeed(), ThroughDay: job.GetDay(), Draw: hp.GetDraw(), HalfLifeDays: hp.GetHalfLifeDays(),
	})
	if err != nil {
		return nil, err
	}
	out := &Draw{}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			markHeldOut(out.Pairs, job)
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if h := part.GetHeader(); h != nil {
			if want := job.GetDataDigest(); want != "" && want != h.GetDigest() {
				return nil, fmt.Errorf("the buffer draws pairs with the digest %.12s, the job has recorded %.12s: the buffer has lost or changed pairs: %w", h.GetDigest(), want, errs.ErrDataLoss)
			}
			out.Digest, out.Population, out.Verified = h.GetDigest(), h.GetPopulation(), job.GetDataDigest() != ""
		}
		for _, p := range part.GetBatch().GetPairs() {
			out.Pairs = append(out.Pairs, DrawnPair{ID: PairID(p.GetRunId(), p.GetStep(), p.GetIndex()), Step: p.GetStep(), Index: p.GetIndex(), Day: p.GetDay()})
		}
	}
}

// defaultHeldOut is the share that a worker holds out where Lora.held_out is absent.
const defaultHeldOut = 0.1

// markHeldOut marks the pairs that a worker does not train on, by the rule of
// Lora.held_out. Where nothing would be left to train on, nothing is held out.
func markHeldOut(pairs []DrawnPair, job *trainerv1.Job) {
	lora := job.GetHyperparameters().GetLora()
	if lora == nil {
		return
	}
	share := defaultHeldOut
	if lora.HeldOut != nil {
		share = lora.GetHeldOut()
	}
	limit, held := uint64(share*(1<<64)), 0
	for i := range pairs {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", job.GetRunId(), pairs[i].Step))
		if pairs[i].HeldOut = binary.BigEndian.Uint64(sum[:8]) < limit; pairs[i].HeldOut {
			held++
		}
	}
	if held == len(pairs) {
		for i := range pairs {
			pairs[i].HeldOut = false
		}
	}
}
