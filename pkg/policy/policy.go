package policy

import (
	"fmt"
	"math"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Policy is the base policy with a trained difference. It is immutable and safe
// for concurrent use.
type Policy struct {
	delta tensors[float32] // what was learned
	sum   tensors[float32] // base + delta: what is used
}

var base = &Policy{delta: newTensors[float32](), sum: baseWeights}

// Base returns the untrained policy, the same for every memory level: what a
// level leaves out has no active feature.
func Base() *Policy { return base }

// withDelta returns the base policy plus a difference, which it takes over.
func withDelta(delta tensors[float32]) *Policy {
	p := &Policy{delta: delta, sum: newTensors[float32]()}
	for _, part := range []*tensors[float32]{&baseWeights, &delta} {
		add(p.sum.gate, part.gate)
		add(p.sum.topic, part.topic)
		add(p.sum.tone, part.tone)
	}
	return p
}

// Choice is one answer: silence, or a topic and a tone by position in
// content.Topics and content.Tones.
type Choice struct {
	Abstain     bool
	Topic, Tone int
}

// ChoiceOf reads a candidate's structured fields. It returns an ErrInvalid for
// a topic or tone that the policy does not know.
func ChoiceOf(candidate *simv1.Candidate) (Choice, error) {
	switch choice := candidate.GetChoice().(type) {
	case *simv1.Candidate_Abstention:
		return Choice{Abstain: true}, nil
	case *simv1.Candidate_Recommendation:
		c := Choice{
			Topic: content.TopicIndex(choice.Recommendation.GetTopic()),
			Tone:  content.ToneIndex(content.Tone(choice.Recommendation.GetTone())),
		}
		if c.Topic < 0 {
			return c, errs.Invalid("recommendation.topic", "found %q, want one of content.Topics", choice.Recommendation.GetTopic())
		}
		if c.Tone < 0 {
			return c, errs.Invalid("recommendation.tone", "found %q, want one of %v", choice.Recommendation.GetTone(), content.Tones())
		}
		return c, nil
	default:
		return Choice{}, errs.Invalid("choice", "is missing, want a recommendation or an abstention")
	}
}

// CheckFeatures returns an ErrInvalid that names what makes a feature vector
// unfit for this policy: another version, an index out of order or range, a
// value that is no number.
func CheckFeatures(f *simv1.Features) error {
	if f == nil {
		return errs.Invalid("features", "are missing")
	}
	if f.GetVersion() != FeatureVersion {
		return errs.Invalid("features.version", "found %d, want %d", f.GetVersion(), FeatureVersion)
	}
	if len(f.GetIndex()) != len(f.GetValue()) {
		return errs.Invalid("features.value", "found %d values for %d indices", len(f.GetValue()), len(f.GetIndex()))
	}
	last := int32(-1)
	for i, n := range f.GetIndex() {
		if n <= last || int(n) >= featureCount {
			return errs.Invalid(fmt.Sprintf("features.index[%d]", i), "found %d after %d, want ascending indices below %d", n, last, featureCount)
		}
		if x := float64(f.GetValue()[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return errs.Invalid(fmt.Sprintf("features.value[%d]", i), "found %v, want a finite number", x)
		}
		last = n
	}
	return nil
}
