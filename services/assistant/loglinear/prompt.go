package loglinear

import (
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

// systemMessage is the system message by what the memory contains.
var systemMessage = map[simv1.MemoryLevel]string{
	simv1.MemoryLevel_MEMORY_LEVEL_NONE: systemHead + systemTail,
	simv1.MemoryLevel_MEMORY_LEVEL_A:    systemHead + " You see what they did." + systemTail,
	simv1.MemoryLevel_MEMORY_LEVEL_AR:   systemHead + " You see what they did and what you said." + systemTail,
	simv1.MemoryLevel_MEMORY_LEVEL_ARS:  systemHead + " You see what they did, what you said, and its score (0-4)." + systemTail,
}

const (
	systemHead = "You assist one person at home. Recommend one thing that suits this moment, or stay silent."
	systemTail = ` Answer in JSON: {"action":"recommend","topic":...,"tone":...,"text":...} or {"action":"abstain"}.`
)

// prompt allocates a prompt with its parts at once: there is one each step.
type prompt struct {
	message  simv1.Prompt
	messages [2]simv1.Message
	list     [2]*simv1.Message
}

// newPrompt returns what the policy was given. It answers from the features; the
// messages say the same to people.
func newPrompt(m *driver.Moment) *simv1.Prompt {
	p := &prompt{}
	p.messages[0].Role, p.messages[0].Content = "system", systemMessage[m.Memory]
	p.messages[1].Role, p.messages[1].Content = "user", m.Text
	p.list = [2]*simv1.Message{&p.messages[0], &p.messages[1]}
	p.message.Messages, p.message.Features = p.list[:], m.Features
	return &p.message
}
