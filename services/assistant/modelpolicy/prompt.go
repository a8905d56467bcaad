package modelpolicy

import (
	"github.com/propersim/propersim/pkg/model"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

// sees says what the memory has, in the words of the template.
var sees = map[simv1.MemoryLevel]string{
	simv1.MemoryLevel_MEMORY_LEVEL_NONE: "none", simv1.MemoryLevel_MEMORY_LEVEL_A: "actions",
	simv1.MemoryLevel_MEMORY_LEVEL_AR: "said", simv1.MemoryLevel_MEMORY_LEVEL_ARS: "scores",
}

// render fills the prompt in.
func (p *Policy) render(m *driver.Moment) ([]model.Message, error) {
	return p.prompts.Render(promptName, struct {
		Sees, Memory  string
		Catalogue     bool
		Topics, Tones []string
	}{sees[m.Memory], m.Text, p.catalogue, p.topics, p.tones})
}

// prompt is what a training pair keeps.
func prompt(messages []model.Message, m *driver.Moment) *simv1.Prompt {
	out := &simv1.Prompt{Features: m.Features}
	for _, one := range messages {
		out.Messages = append(out.Messages, &simv1.Message{Role: one.Role, Content: one.Content})
	}
	return out
}
