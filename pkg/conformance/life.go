package conformance

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// moment is one waking step as an assistant sees it.
type moment struct {
	step int32
	seen *simv1.Observation
}

// stretch is a part of the day of the invented user, from a minute of the day until
// the next stretch begins.
type stretch struct {
	from                      int32
	kind                      activity.Kind
	description, room, object string
}

// day is the day of the invented user: 16 waking hours from half past six, one part
// of them out of sight, one walking, and hours at the desk.
var day = []stretch{
	{390, activity.WakeUp, "getting up", "bedroom", "bed"},
	{405, activity.Private, "", "", ""},
	{435, activity.Breakfast, "eating porridge", "kitchen", "table"},
	{465, activity.Walking, "walking to the study", "hall", ""},
	{480, activity.Work, "answering letters", "study", "desk"},
	{720, activity.Lunch, "eating soup", "kitchen", "table"},
	{765, activity.Work, "drawing up a plan", "study", "desk"},
	{1020, activity.Exercise, "stretching on the mat", "living room", "mat"},
	{1065, activity.Cooking, "cooking a stew", "kitchen", "stove"},
	{1110, activity.Dinner, "having dinner", "kitchen", "table"},
	{1155, activity.Reading, "reading a novel", "living room", "sofa"},
	{1260, activity.Screen, "watching a film", "living room", "television"},
	{1320, activity.WindDown, "dimming the lights", "bedroom", "lamp"},
	{1350, activity.Sleep, "", "", ""},
}

// life returns the first n waking moments of the invented user.
func life(stepSeconds int32, n int) []moment {
	scale := simtime.Scale(stepSeconds)
	out := make([]moment, 0, n)
	var began int32
	at := -1
	for step := int32(0); len(out) < n; step++ {
		now := -1
		for i, s := range day {
			if int32(scale.MinuteOfDay(step)) >= s.from {
				now = i
			}
		}
		if now != at {
			at, began = now, step
		}
		if now < 0 || day[now].kind == activity.Sleep {
			continue
		}
		s := day[now]
		out = append(out, moment{step: step, seen: &simv1.Observation{
			Kind: string(s.kind), Description: s.description, Room: s.room, Object: s.object,
			StartedStep: began, Walking: s.kind == activity.Walking,
		}})
	}
	return out
}

// past returns the committed step of a moment with what was delivered.
func (p *probe) past(m moment, delivered *simv1.Candidate) *simv1.PastStep {
	out := &simv1.PastStep{Step: m.step, Observation: m.seen, Delivered: delivered}
	if p.opts.Method.GetMemory() == simv1.MemoryLevel_MEMORY_LEVEL_ARS && m.step%5 != 0 { // every fifth is unjudged
		out.Score = proto.Int32(m.step % 5)
	}
	return out
}

// history returns the committed steps of moments: one in every was a
// recommendation, the others silence.
func (p *probe) history(moments []moment, every int) []*simv1.PastStep {
	out := make([]*simv1.PastStep, len(moments))
	for i, m := range moments {
		delivered := silence()
		if i%every == 0 {
			delivered = said(i)
		}
		out[i] = p.past(m, delivered)
	}
	return out
}

func silence() *simv1.Candidate {
	return &simv1.Candidate{
		Choice:     &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}},
		Origin:     simv1.Origin_ORIGIN_SAMPLE,
		Completion: `{"action":"abstain"}`,
	}
}

// failure is a candidate whose answer could not be read.
func failure() *simv1.Candidate {
	return &simv1.Candidate{
		Choice:     &simv1.Candidate_Failure{Failure: &simv1.Failure{Outcome: "malformed", Detail: "the answer is not JSON"}},
		Origin:     simv1.Origin_ORIGIN_SAMPLE,
		Completion: "Sure! Here is a recommendation:",
	}
}

func said(i int) *simv1.Candidate {
	topic := []string{"books", "outdoor-walks", "recipes"}[i%3]
	text := "Perhaps something about " + topic + " next?"
	return &simv1.Candidate{
		Choice:     &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: text, Topic: topic, Tone: "calm"}},
		Origin:     simv1.Origin_ORIGIN_SAMPLE,
		Completion: fmt.Sprintf(`{"action":"recommend","topic":%q,"tone":"calm","text":%q}`, topic, text),
	}
}

// chunked cuts a history into chunks of at most n steps.
func chunked(steps []*simv1.PastStep, n int) [][]*simv1.PastStep {
	var out [][]*simv1.PastStep
	for len(steps) > n {
		out = append(out, steps[:n])
		steps = steps[n:]
	}
	return append(out, steps)
}

// last returns the last step of a history, -1 for an empty one.
func last(history []*simv1.PastStep) int32 {
	if len(history) == 0 {
		return -1
	}
	return history[len(history)-1].GetStep()
}
