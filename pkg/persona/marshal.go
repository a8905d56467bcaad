package persona

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Marshal writes a persona as the YAML that Parse reads; a valid persona whose
// texts have no white space at their ends comes back the same. The id is
// written only where it is not the slug of the name.
func Marshal(p *simv1.Persona) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	if p.GetId() != "" && p.GetId() != Slug(p.GetName()) {
		put(root, "id", text(p.GetId()))
	}
	put(root, "name", text(p.GetName()))
	put(root, "age", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(int(p.GetAge()))})
	put(root, "background", text(p.GetBackground()))
	traits := &yaml.Node{Kind: yaml.MappingNode}
	for _, trait := range Traits() {
		if word := levelWord(Level(p.GetBigFive(), trait)); word != "" {
			put(traits, trait, text(word))
		}
	}
	put(root, "big_five", traits)
	put(root, "current_interests", texts(p.GetCurrentInterests()))
	put(root, "lifestyle", text(p.GetLifestyle()))
	put(root, "daily_plan_requirements", texts(p.GetDailyPlanRequirements()))
	put(root, "long_term_goals", texts(p.GetLongTermGoals()))
	rubric := &yaml.Node{Kind: yaml.MappingNode}
	put(rubric, "personal_preference", text(p.GetRubric().GetPersonalPreference()))
	put(rubric, "timing", text(p.GetRubric().GetTiming()))
	put(rubric, "frequency", text(p.GetRubric().GetFrequency()))
	put(rubric, "communication_safety", text(p.GetRubric().GetCommunicationSafety()))
	put(root, "rubric", rubric)
	if p.GetSpec() != nil {
		spec, err := specNode(p.GetSpec())
		if err != nil {
			return nil, fmt.Errorf("write the spec of %q: %w", p.GetName(), err)
		}
		put(root, "spec", spec)
	}
	return encode(root, p.GetName())
}

func encode(node *yaml.Node, name string) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, fmt.Errorf("write %q: %w", name, err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("write %q: %w", name, err)
	}
	return out.Bytes(), nil
}

// MarshalSpec writes a spec as the key "spec" of a persona file.
func MarshalSpec(spec *simv1.PreferenceSpec) ([]byte, error) {
	node, err := specNode(spec)
	if err != nil {
		return nil, fmt.Errorf("write the spec: %w", err)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	put(root, "spec", node)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(root), encoder.Close()); err != nil {
		return nil, fmt.Errorf("write the spec: %w", err)
	}
	return out.Bytes(), nil
}

func levelWord(l simv1.TraitLevel) string {
	switch l {
	case simv1.TraitLevel_TRAIT_LEVEL_HIGH:
		return "high"
	case simv1.TraitLevel_TRAIT_LEVEL_LOW:
		return "low"
	}
	return ""
}

func put(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, text(key), value)
}

// text is a scalar that is read back as the very same text: quoted when it has
// control characters or ends that a plain style would lose.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if s == "" || s != strings.TrimSpace(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r <= 0xa0 || r == 0xfeff || r == 0x2028 || r == 0x2029
	}) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func texts(all []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, s := range all {
		n.Content = append(n.Content, text(s))
	}
	return n
}

// specNode renders a spec by the contract's JSON mapping with the proto's own
// field names, as block YAML.
func specNode(s *simv1.PreferenceSpec) (*yaml.Node, error) {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(s)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	root := doc.Content[0]
	block(root)
	return root, nil
}

// block turns flow style into block style; empty collections stay as they are.
func block(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode && len(n.Content) > 0 {
		n.Style = 0
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			child.Style = 0
		}
		block(child)
	}
}
