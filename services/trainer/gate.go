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

// minHeldOut is how many held-out pairs it takes to reject an adapter by them:
// of fewer, one or two decide by chance.
const minHeldOut = 5

// rejection says why an adapter is not fit for use: one check of several did not
// pass. It wraps errRejected.
type rejection struct {
	check  *trainerv1.GateCheck
	checks []*trainerv1.GateCheck
}

func (r *rejection) Error() string {
	return fmt.Sprintf("%v by the check %q: %s", errRejected, r.check.GetName(), r.check.GetDetail())
}

func (r *rejection) Unwrap() error { return errRejected }

// passed is a check that found nothing wrong.
func passed(name, format string, args ...any) *trainerv1.GateCheck {
	return &trainerv1.GateCheck{Name: name, Passed: true, Detail: fmt.Sprintf(format, args...)}
}

// failed is a check that rejects an adapter.
func failed(name, format string, args ...any) *trainerv1.GateCheck {
	return &trainerv1.GateCheck{Name: name, Detail: fmt.Sprintf(format, args...)}
}

// firstFailure returns a rejection by the first check that did not pass.
func firstFailure(checks []*trainerv1.GateCheck) error {
	for _, c := range checks {
		if !c.GetPassed() {
			return &rejection{check: c, checks: checks}
		}
	}
	return nil
}

// checkResult runs the checks of a staged adapter that need no model server. An
// error is one of reading the adapter.
func (s *Server) checkResult(m *trainerv1.Manifest) ([]*trainerv1.GateCheck, error) {
	checks := []*trainerv1.GateCheck{checkFinite(m.GetMetrics())}
	var err error
	if m.GetPolicy() == policy.Name {
		err = s.checkPolicy(m)
	} else {
		checks = append(checks, checkAccuracy(m.GetMetrics()), checkHeldOut(m.GetMetrics()))
		err = s.store.CheckStaged(m, func(open func(name string) (*os.File, error)) error { return artifact.CheckLora(m, open) })
	}
	if errors.Is(err, errs.ErrInvalid) {
		return append(checks, failed("files", "%s", errs.Reason(err))), nil
	}
	return append(checks, passed("files", "as ordered, finite, none without effect")), err
}

func checkFinite(m *trainerv1.TrainingMetrics) *trainerv1.GateCheck {
	for _, x := range []float64{m.GetLoss(), m.GetMargin(), m.GetAccuracy(), m.GetHeldOutMargin(), m.GetHeldOutAccuracy(), m.GetParentMargin(), m.GetParentAccuracy()} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return failed("metrics", "found loss %v, margin %v, accuracy %v, held-out margin %v, want finite numbers", m.GetLoss(), m.GetMargin(), m.GetAccuracy(), m.GetHeldOutMargin())
		}
	}
	return passed("metrics", "finite")
}

// checkAccuracy compares a training with guessing. It is for language models,
// whose training can go wrong without a sign: the embedded policy's cannot.
func checkAccuracy(m *trainerv1.TrainingMetrics) *trainerv1.GateCheck {
	if m.GetAccuracy() <= 0.5 {
		return failed("accuracy", "found %v after training, want more than 0.5", m.GetAccuracy())
	}
	return passed("accuracy", "%.2f on the pairs trained on", m.GetAccuracy())
}

// checkHeldOut compares an adapter with its parent on pairs that neither was
// trained on. Worse means a smaller mean margin and a smaller accuracy: either of
// them alone varies by chance on a tenth of a night.
func checkHeldOut(m *trainerv1.TrainingMetrics) *trainerv1.GateCheck {
	const name = "held-out"
	found := fmt.Sprintf("margin %.4f and accuracy %.2f on %d pairs, the parent has %.4f and %.2f",
		m.GetHeldOutMargin(), m.GetHeldOutAccuracy(), m.GetHeldOutPairs(), m.GetParentMargin(), m.GetParentAccuracy())
	switch {
	case m.GetHeldOutPairs() == 0:
		return passed(name, "no pairs were held out")
	case m.GetHeldOutPairs() < minHeldOut:
		return passed(name, "%s; too few to decide, want %d", found, minHeldOut)
	case m.GetHeldOutMargin() < m.GetParentMargin() && m.GetHeldOutAccuracy() < m.GetParentAccuracy():
		return failed(name, "%s: worse in both", found)
	}
	return passed(name, "%s", found)
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
