package world

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/propersim/propersim/pkg/errs"
)

// shape maps the keys that a mapping may have to the shape of their values; nil
// means a plain value or a list of plain values.
type shape map[string]shape

// check adds a fault for each unknown or repeated key, with its line and the
// keys allowed there.
func (s shape) check(node *yaml.Node, path string, faults *errs.Violations) {
	switch node.Kind {
	case yaml.AliasNode:
		faults.Add(path, "line %d: aliases are not read, want the value itself", node.Line)
	case yaml.DocumentNode:
		for _, child := range node.Content {
			s.check(child, path, faults)
		}
	case yaml.SequenceNode:
		for i, child := range node.Content {
			s.check(child, index(path, i), faults)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below, known := s[key.Value]
			if !known {
				faults.Add(join(path, key.Value), "unknown key on line %d, want one of %s", key.Line, s.names())
				continue
			}
			below.check(value, join(path, key.Value), faults)
		}
	}
}

func (s shape) names() string {
	if len(s) == 0 {
		return "no key: this is a plain value"
	}
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
