package assistant

import (
	"strconv"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// The system message by what the memory holds.
var systemMessage = map[assistantv1.MemoryLevel]string{
	assistantv1.MemoryLevel_MEMORY_LEVEL_NONE: systemHead + systemTail,
	assistantv1.MemoryLevel_MEMORY_LEVEL_A:    systemHead + " You see what they did." + systemTail,
	assistantv1.MemoryLevel_MEMORY_LEVEL_AR:   systemHead + " You see what they did and what you said." + systemTail,
	assistantv1.MemoryLevel_MEMORY_LEVEL_ARS:  systemHead + " You see what they did, what you said, and its score (0-4)." + systemTail,
}

const (
	systemHead = "You assist one person at home. Recommend one thing that suits this moment, or stay silent."
	systemTail = ` Answer in JSON: {"action":"recommend","topic":...,"tone":...,"text":...} or {"action":"abstain"}.`
)

// prompts is a prompt in one piece of memory.
type prompts struct {
	prompt   simv1.Prompt
	messages [2]simv1.Message
	list     [2]*simv1.Message
}

func newPrompt(system, user string, features *simv1.Features) *simv1.Prompt {
	p := &prompts{}
	p.messages[0].Role, p.messages[0].Content = "system", system
	p.messages[1].Role, p.messages[1].Content = "user", user
	p.list = [2]*simv1.Message{&p.messages[0], &p.messages[1]}
	p.prompt.Messages, p.prompt.Features = p.list[:], features
	return &p.prompt
}

// render appends what the memory shows of a step: the day in summary, the last
// minutes, similar moments, and the present.
func (m *memory) render(out []byte, step int32, seen *simv1.Observation, like *likeness) []byte {
	if holdsActions(m.level) && m.day == m.scale.Day(step) {
		out = m.renderPast(out, step)
	}
	if like != nil && like.found > 0 {
		out = append(out, "Similar moments:"...)
		out = append(out, like.text...)
		out = append(out, '\n')
	}
	out = strconv.AppendInt(append(out, "Now, day "...), int64(m.scale.Day(step)), 10)
	out = appendClock(append(out, ' '), m.scale.SecondOfDay(step))
	out = append(append(out, ": "...), seen.GetKind()...)
	if d := seen.GetDescription(); d != "" {
		out = append(append(out, ", "...), d...)
	}
	if seen.GetWalking() {
		out = append(out, ", walking"...)
	}
	if r := seen.GetRoom(); r != "" {
		out = append(append(out, ", in the "...), r...)
	}
	if o := seen.GetObject(); o != "" {
		out = append(append(out, ", at the "...), o...)
	}
	out = strconv.AppendInt(append(out, ", for "...), int64(m.scale.Minutes(step-seen.GetStartedStep())), 10)
	return append(out, " min."...)
}

func (m *memory) renderPast(out []byte, step int32) []byte {
	out = append(out, "Today:"...)
	now := m.hour(step)
	out = m.summaries(out, now)
	out = m.summarise(out, now, now+1)
	out = append(out, "\nLast minutes:"...)
	for i := range m.recent {
		was := &m.recent[i]
		if m.scale.Minutes(step-was.step) > verbatimMinutes {
			continue
		}
		out = appendClock(append(out, '\n'), m.scale.SecondOfDay(was.step))
		out = append(append(out, ' '), was.kind...)
		if was.text != "" {
			out = append(append(append(out, ", said: "...), was.text...), ' ')
		}
		if was.score >= 0 {
			out = strconv.AppendInt(append(out, "(score "...), int64(was.score), 10)
			out = append(out, ')')
		}
	}
	return append(out, '\n')
}
