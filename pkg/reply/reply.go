// Package reply is the structured answer of an assistant that is a language model:
// its JSON schema and what the schema cannot say. The assistant asks for it, and
// the node agent tests a new adapter with it.
package reply

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	"github.com/propersim/propersim/pkg/model"
)

const (
	// Recommend and Abstain are the two actions.
	Recommend = "recommend"
	Abstain   = "abstain"
	// None stands for the topic and the tone of an abstention.
	None = "none"
	// maxText bounds a recommendation, as the contract does, in bytes.
	maxText = 8192
)

// Reply is an answer. Topic and Tone are empty without the catalogue.
type Reply struct {
	Action string `json:"action"`
	Text   string `json:"text"`
	Topic  string `json:"topic,omitempty"`
	Tone   string `json:"tone,omitempty"`
}

// Check returns what is wrong with an answer that satisfies the schema, in words
// that a model can act on.
func Check(value []byte, catalogue bool) error {
	var r Reply
	if err := json.Unmarshal(value, &r); err != nil {
		return err
	}
	if r.Action != Recommend {
		return nil
	}
	var faults errs.Violations
	legible.Prose(&faults, `"text"`, r.Text)
	switch {
	case len(faults) > 0: // a database refuses some of them, and a terminal obeys others
		return errors.New(faults.Error())
	case strings.TrimSpace(r.Text) == "":
		return errors.New(`"text" is empty, but "action" is "recommend"`)
	case len(r.Text) > maxText:
		return errors.New(`"text" is too long`)
	case catalogue && (r.Topic == None || r.Tone == None):
		return errors.New(`"topic" and "tone" must name one of the catalogue where "action" is "recommend"`)
	}
	return nil
}

// Topics are the identifiers of the catalogue's topics.
func Topics() (out []string) {
	for _, topic := range content.Topics() {
		out = append(out, topic.ID)
	}
	return out
}

// Tones are the identifiers of the catalogue's tones.
func Tones() (out []string) {
	for _, tone := range content.Tones() {
		out = append(out, string(tone))
	}
	return out
}

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

type object struct {
	Type       string     `json:"type"`
	Properties properties `json:"properties"`
	Required   []string   `json:"required"`
	Further    bool       `json:"additionalProperties"`
}

// Schema returns the schema of an answer that recommends or abstains. With the
// catalogue, topic and tone are named.
func Schema(catalogue bool) (*model.Schema, error) {
	return schema("answer", catalogue, []string{Recommend, Abstain}, None)
}

// Forced returns the schema of an answer that recommends something.
func Forced(catalogue bool) (*model.Schema, error) {
	return schema("recommendation", catalogue, []string{Recommend})
}

// schema requires every property: endpoints that bind answers strictly want it so.
func schema(name string, catalogue bool, actions []string, silent ...string) (*model.Schema, error) {
	out := object{
		Type: "object", Required: []string{"action", "text"},
		Properties: properties{Action: property{Type: "string", Enum: actions}, Text: property{Type: "string", MaxLength: 400}},
	}
	if catalogue {
		out.Properties.Topic = &property{Type: "string", Enum: append(Topics(), silent...)}
		out.Properties.Tone = &property{Type: "string", Enum: append(Tones(), silent...)}
		out.Required = []string{"action", "topic", "tone", "text"}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return model.NewSchema(name, raw)
}
