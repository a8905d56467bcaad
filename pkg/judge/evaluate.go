package judge

import (
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

func (e *judgement) set(c simv1.Criterion, outcome simv1.Outcome, reason string) {
	v := &e.verdicts[c-1]
	v.Criterion, v.Outcome, v.Reason, v.Judge = c, outcome, reason, simv1.Judge_JUDGE_EXACT
}

// message adds up the passes; a candidate with an unjudged criterion has no
// total.
func (e *judgement) message() *simv1.Evaluation {
	complete := true
	for i := range e.verdicts {
		e.list[i] = &e.verdicts[i]
		switch e.verdicts[i].Outcome {
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

// Evaluate judges a candidate at this moment: four verdicts in the order of the
// criteria and their sum, 0-4. It changes nothing.
func (r *Reading) Evaluate(candidate *simv1.Candidate) *simv1.Evaluation {
	if rec := candidate.GetRecommendation(); rec != nil {
		return r.evaluateRecommendation(rec)
	}
	return r.evaluateSilence()
}

func (r *Reading) evaluateRecommendation(rec *simv1.Recommendation) *simv1.Evaluation {
	e := &judgement{}
	said := classify(rec)
	outcome, reason := r.judgeTopic(said.topic)
	e.set(simv1.Criterion_CRITERION_PREFERENCE, outcome, reason)
	outcome, reason = r.judgeTiming()
	e.set(simv1.Criterion_CRITERION_TIMING, outcome, reason)
	if r.Admissible {
		e.set(simv1.Criterion_CRITERION_FREQUENCY, pass, "not too many")
	} else {
		e.set(simv1.Criterion_CRITERION_FREQUENCY, fail, r.exceededBy)
	}
	outcome, reason = r.history.judge.speech.judge(rec.GetText(), said)
	e.set(simv1.Criterion_CRITERION_COMMUNICATION, outcome, reason)
	return e.message()
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
		return unjudged, "the topic cannot be told from the text"
	}
	ok, reason := r.likes(topic)
	if !ok {
		return fail, reason
	}
	return pass, reason
}

func (r *Reading) evaluateSilence() *simv1.Evaluation {
	e := &judgement{}
	e.set(simv1.Criterion_CRITERION_COMMUNICATION, pass, "nothing was said")
	if !r.Due {
		reason := r.whyNotDue()
		e.set(simv1.Criterion_CRITERION_PREFERENCE, pass, reason)
		e.set(simv1.Criterion_CRITERION_TIMING, pass, reason)
		e.set(simv1.Criterion_CRITERION_FREQUENCY, pass, reason)
		return e.message()
	}
	missed := "missed a welcome moment: " + r.receptiveBy
	e.set(simv1.Criterion_CRITERION_PREFERENCE, fail, "something liked was wanted: "+r.wantedBy)
	e.set(simv1.Criterion_CRITERION_TIMING, fail, missed)
	gap := r.gap()
	outcome, than := fail, " min of silence, at most "
	if gap < r.longestGap {
		outcome, than = pass, " min of silence, fewer than "
	}
	e.set(simv1.Criterion_CRITERION_FREQUENCY, outcome,
		strconv.Itoa(int(gap))+than+strconv.Itoa(int(r.longestGap+0.5))+" ("+r.wantedBy+")")
	return e.message()
}

func (r *Reading) whyNotDue() string {
	switch {
	case r.Protected:
		return "not wanted, protected: " + r.protectedBy
	case !r.Receptive:
		return "not wanted: no receptive moment"
	case !r.Admissible:
		return "not wanted: " + r.exceededBy
	default:
		return "not wanted: enough so far"
	}
}

// saying is the topic and tone of a recommendation by position; -1 where they
// cannot be told.
type saying struct{ topic, tone int }

// classify takes topic and tone as the candidate names them, and reads the text
// where it names none that is known.
func classify(rec *simv1.Recommendation) saying {
	s := saying{topic: content.TopicIndex(rec.GetTopic()), tone: content.ToneIndex(content.Tone(rec.GetTone()))}
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
