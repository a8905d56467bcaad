package judge

import (
	"fmt"
	"strconv"

	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

const (
	pass     = simv1.Outcome_OUTCOME_PASS
	fail     = simv1.Outcome_OUTCOME_FAIL
	unjudged = simv1.Outcome_OUTCOME_UNJUDGED
)

// judgement is one evaluation in one piece of memory.
type judgement struct {
	evaluation simv1.Evaluation
	verdicts   [4]simv1.Verdict
	list       [4]*simv1.Verdict
	total      int32
}

// Evaluate judges a candidate at this moment: four verdicts in the order of the
// criteria, and the number of passes, 0-4. The evaluation has no total where a
// criterion could not be judged, which is always so for a failure. It changes
// nothing.
func (r *Reading) Evaluate(candidate *simv1.Candidate) *simv1.Evaluation {
	e := &judgement{}
	said := read(candidate)
	complete := true
	for i := range e.verdicts {
		v := &e.verdicts[i]
		r.decide(v, simv1.Criterion(i+1), &said)
		e.list[i] = v
		switch v.Outcome {
		case pass:
			e.total++
		case unjudged:
			complete = false
		}
	}
	e.evaluation.Verdicts = e.list[:]
	if complete {
		e.evaluation.Total = &e.total
	}
	return &e.evaluation
}

// Verdicts judges a candidate by the given criteria alone, in the order given.
// A judge that leaves the other criteria to somebody else puts the parts together
// with Sum.
func (r *Reading) Verdicts(candidate *simv1.Candidate, criteria ...simv1.Criterion) []*simv1.Verdict {
	said := read(candidate)
	out := make([]*simv1.Verdict, len(criteria))
	for i, c := range criteria {
		out[i] = &simv1.Verdict{}
		r.decide(out[i], c, &said)
	}
	return out
}

// Sum makes an evaluation of four verdicts, one per criterion in any order: it
// sorts them by criterion and counts the passes. There is no total where one is
// unjudged. It panics where a criterion is missing or comes twice, which is a
// mistake of the caller.
func Sum(verdicts ...*simv1.Verdict) *simv1.Evaluation {
	sorted := make([]*simv1.Verdict, 4)
	total, complete := int32(0), true
	for _, v := range verdicts {
		c := v.GetCriterion()
		if c < 1 || c > 4 || sorted[c-1] != nil || len(verdicts) != 4 {
			panic(fmt.Sprintf("judge: %d verdicts, %v among them twice or unknown; want one per criterion", len(verdicts), c))
		}
		sorted[c-1] = v
		switch v.GetOutcome() {
		case pass:
			total++
		case unjudged:
			complete = false
		}
	}
	e := &simv1.Evaluation{Verdicts: sorted}
	if complete {
		e.Total = &total
	}
	return e
}

// Unjudged is the evaluation of a candidate that nobody could judge, with the
// same reason for every criterion. kind says who tried.
func Unjudged(kind simv1.JudgeKind, reason string) *simv1.Evaluation {
	e := &simv1.Evaluation{}
	for c := simv1.Criterion_CRITERION_PREFERENCE; c <= simv1.Criterion_CRITERION_COMMUNICATION; c++ {
		e.Verdicts = append(e.Verdicts, &simv1.Verdict{Criterion: c, Outcome: unjudged, Reason: reason, Judge: kind})
	}
	return e
}

// FailureReason says in words why a failure of the assistant has no verdict.
func FailureReason(failure *simv1.Failure) string {
	return "the assistant's answer could not be read (" + failure.GetOutcome() + ")"
}

// decide fills one verdict.
func (r *Reading) decide(v *simv1.Verdict, c simv1.Criterion, said *saying) {
	v.Criterion, v.Judge = c, simv1.JudgeKind_JUDGE_KIND_EXACT
	switch {
	case said.failure != nil:
		v.Outcome, v.Reason = unjudged, FailureReason(said.failure)
	case said.silent:
		v.Outcome, v.Reason = r.judgeSilence(c)
	default:
		v.Outcome, v.Reason = r.judgeRecommendation(c, said)
	}
}

func (r *Reading) judgeRecommendation(c simv1.Criterion, said *saying) (simv1.Outcome, string) {
	switch c {
	case simv1.Criterion_CRITERION_PREFERENCE:
		return r.judgeTopic(said.topic)
	case simv1.Criterion_CRITERION_TIMING:
		return r.judgeTiming()
	case simv1.Criterion_CRITERION_FREQUENCY:
		if r.Admissible {
			return pass, "not too many"
		}
		return fail, r.exceededBy
	case simv1.Criterion_CRITERION_COMMUNICATION:
		return r.history.judge.speech.judge(said)
	default:
		return unjudged, "unknown criterion " + strconv.Itoa(int(c))
	}
}

func (r *Reading) judgeTiming() (simv1.Outcome, string) {
	switch {
	case r.Protected:
		return fail, "protected: " + r.protectedBy
	case r.Receptive:
		return pass, "welcome: " + r.receptiveBy
	default:
		return fail, "no receptive moment"
	}
}

func (r *Reading) judgeTopic(topic int) (simv1.Outcome, string) {
	j := r.history.judge
	if topic < 0 {
		if len(j.liked) == 0 && len(j.disliked) == 0 {
			return pass, "every topic is fine"
		}
		return unjudged, "the text names no known topic"
	}
	ok, reason := r.likes(topic)
	if !ok {
		return fail, reason
	}
	return pass, reason
}

func (r *Reading) judgeSilence(c simv1.Criterion) (simv1.Outcome, string) {
	switch {
	case c == simv1.Criterion_CRITERION_COMMUNICATION:
		return pass, "nothing was said"
	case !r.Due:
		return pass, r.whyNotDue()
	case c == simv1.Criterion_CRITERION_PREFERENCE:
		return fail, "something liked was wanted: " + r.wantedBy
	case c == simv1.Criterion_CRITERION_TIMING:
		return fail, "missed a welcome moment: " + r.receptiveBy
	case c == simv1.Criterion_CRITERION_FREQUENCY:
		return r.judgeGap()
	default:
		return unjudged, "unknown criterion " + strconv.Itoa(int(c))
	}
}

// judgeGap fails a silence that has lasted as long as the even spacing of what
// is asked for.
func (r *Reading) judgeGap() (simv1.Outcome, string) {
	gap := r.gap()
	outcome, than := fail, " min of silence, at most "
	if gap < r.longestGap {
		outcome, than = pass, " min of silence, fewer than "
	}
	return outcome, strconv.Itoa(int(gap)) + than + strconv.Itoa(int(r.longestGap+0.5)) + " (" + r.wantedBy + ")"
}

func (r *Reading) whyNotDue() string {
	switch {
	case r.Protected:
		return "not wanted, protected: " + r.protectedBy
	case !r.Receptive:
		return "not wanted: no receptive moment"
	case !r.Admissible:
		return "not wanted: " + r.exceededBy
	case r.Wanted && !r.Liked:
		return "not wanted: no topic is liked at this moment"
	default:
		return "not wanted: enough so far"
	}
}

// saying is a candidate as the judge reads it.
type saying struct {
	failure *simv1.Failure
	silent  bool
	text    string
	// topic and tone are positions in content.Topics and content.Tones; -1 where
	// neither the candidate nor its text says which.
	topic, tone int
}

// read takes topic and tone as the candidate names them, and finds them in the
// text where it names none that is known.
func read(candidate *simv1.Candidate) saying {
	rec := candidate.GetRecommendation()
	if rec == nil {
		return saying{failure: candidate.GetFailure(), silent: true, topic: -1, tone: -1}
	}
	s := saying{text: rec.GetText(), topic: content.TopicIndex(rec.GetTopic()), tone: content.ToneIndex(content.Tone(rec.GetTone()))}
	if s.topic < 0 {
		s.topic = content.TopicIndex(content.Classify(rec.GetText()))
	}
	if s.tone < 0 {
		if tone, ok := content.ToneOf(rec.GetText()); ok {
			s.tone = content.ToneIndex(tone)
		}
	}
	return s
}
