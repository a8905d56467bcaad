package trainer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// checkResult decides whether a staged adapter may be published. An error that
// wraps errRejected says what makes it unfit; any other one is of reading it.
func (s *Server) checkResult(m *trainerv1.Manifest) error {
	if err := checkMetrics(m.GetMetrics()); err != nil {
		return err
	}
	var err error
	if m.GetPolicy() == policy.Name {
		err = s.checkPolicy(m)
	} else {
		err = errors.Join(checkAccuracy(m.GetMetrics()), artifact.CheckLora(m, func(name string) (*os.File, error) { return s.store.OpenStaged(m, name) }))
	}
	if errors.Is(err, errs.ErrInvalid) {
		return fmt.Errorf("%w: %w", errRejected, err)
	}
	return err
}

func checkMetrics(m *trainerv1.TrainingMetrics) error {
	for _, x := range []float64{m.GetLoss(), m.GetMargin(), m.GetAccuracy()} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: found loss %v, margin %v and accuracy %v, want finite numbers", errRejected, m.GetLoss(), m.GetMargin(), m.GetAccuracy())
		}
	}
	return nil
}

// checkAccuracy compares a training with guessing. It is for language models,
// whose training can go wrong without a sign: the embedded policy's cannot.
func checkAccuracy(m *trainerv1.TrainingMetrics) error {
	if m.GetAccuracy() <= 0.5 {
		return errs.Invalid("metrics.accuracy", "found %v after training, want more than 0.5", m.GetAccuracy())
	}
	return nil
}

// checkPolicy loads the weights of the embedded policy.
func (s *Server) checkPolicy(m *trainerv1.Manifest) error {
	if len(m.GetFiles()) != 1 {
		return errs.Invalid("files", "found %d, want %s alone for policy %s", len(m.GetFiles()), artifact.ModelFile, policy.Name)
	}
	model, err := s.store.OpenStaged(m, artifact.ModelFile)
	if err != nil {
		return err
	}
	weights, err := io.ReadAll(io.LimitReader(model, maxPolicyBytes))
	if err := errors.Join(err, model.Close()); err != nil {
		return err
	}
	_, err = policy.Load(weights)
	return err
}
