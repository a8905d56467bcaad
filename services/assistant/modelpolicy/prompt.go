package modelpolicy

import (
	"encoding/json"

	"github.com/propersim/propersim/pkg/model"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
)

// none stands for topic and tone of a silence.
const none = "none"

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

// schemas returns the schema of an answer, and that of one that recommends.
// Every property is required: endpoints that bind answers strictly want it so.
func (p *Policy) schemas() (free, forced *model.Schema, err error) {
	if free, err = p.schema("answer", []string{"recommend", "abstain"}, none); err != nil {
		return nil, nil, err
	}
	forced, err = p.schema("recommendation", []string{"recommend"})
	return free, forced, err
}

func (p *Policy) schema(name string, actions []string, silent ...string) (*model.Schema, error) {
	type property struct {
		Type      string   `json:"type"`
		Enum      []string `json:"enum,omitempty"`
		MaxLength int      `json:"maxLength,omitempty"`
	}
	type properties struct {
		Action property  `json:"action"`
		Topic  *property `json:"topic,omitempty"`
		Tone   *property `json:"tone,omitempty"`
		Text   property  `json:"text"`
	}
	out := struct {
		Type       string     `json:"type"`
		Properties properties `json:"properties"`
		Required   []string   `json:"required"`
		Further    bool       `json:"additionalProperties"`
	}{Type: "object", Properties: properties{Action: property{Type: "string", Enum: actions}, Text: property{Type: "string", MaxLength: 400}}, Required: []string{"action", "text"}}
	if p.catalogue {
		out.Properties.Topic = &property{Type: "string", Enum: append(append([]string{}, p.topics...), silent...)}
		out.Properties.Tone = &property{Type: "string", Enum: append(append([]string{}, p.tones...), silent...)}
		out.Required = []string{"action", "topic", "tone", "text"}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return model.NewSchema(name, raw)
}
