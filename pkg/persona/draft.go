package persona

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// wantedAt says what a gap is to be filled with.
var wantedAt = map[string]string{
	"name":                        "full name",
	"age":                         "age in years, 1 to 120",
	"background":                  "life so far, occupation, household: a few sentences",
	"current_interests":           "a list, what occupies the person these weeks",
	"lifestyle":                   "daily rhythm: when the person gets up, eats, goes to bed",
	"daily_plan_requirements":     "a list, what every day must hold, with times",
	"long_term_goals":             "a list, what the person works towards",
	"rubric.personal_preference":  "what it likes and dislikes to be told about",
	"rubric.timing":               "when it wants to be addressed, and when not",
	"rubric.frequency":            "how often",
	"rubric.communication_safety": "tone, length and boundaries",
}

// Marshal writes a draft as YAML. Each gap is a key without a value and a comment
// that begins with GAP and says what is wanted, so that Parse refuses the file
// until all are filled.
func (d *Draft) Marshal() ([]byte, error) {
	data, err := Marshal(d.Persona)
	if err != nil || len(d.Gaps) == 0 {
		return data, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("write the draft of %q: %w", d.Persona.GetName(), err)
	}
	root := doc.Content[0]
	for _, gap := range d.Gaps {
		path := strings.TrimPrefix(gap, "persona.")
		want := wantedAt[path]
		if strings.HasPrefix(path, "big_five.") {
			want = "high or low"
		}
		markGap(root, strings.Split(path, "."), "GAP: "+want)
	}
	root.HeadComment = fmt.Sprintf("A draft: %d gaps are to be filled, each marked GAP.", len(d.Gaps))
	return encode(&doc, d.Persona.GetName())
}

// markGap empties the value at a path of keys, makes it where it is missing, and
// puts a comment beside it.
func markGap(mapping *yaml.Node, path []string, comment string) {
	i := slices.IndexFunc(mapping.Content, func(n *yaml.Node) bool { return n.Value == path[0] })
	if i < 0 || i%2 == 1 {
		i = len(mapping.Content)
		put(mapping, path[0], &yaml.Node{Kind: yaml.MappingNode})
	}
	if len(path) > 1 {
		mapping.Content[i+1].Style = 0
		markGap(mapping.Content[i+1], path[1:], comment)
		return
	}
	mapping.Content[i+1] = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", LineComment: comment}
}
