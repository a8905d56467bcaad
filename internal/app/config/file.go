package config

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
)

// maxBytes is the largest configuration file.
const maxBytes = 4 << 20

// setting is one value of a file, written as it would be on the command line.
type setting struct{ key, value string }

// fromFile puts the values of a YAML file, in the order of their keys.
func fromFile(path string, put func(key, value, origin string)) error {
	if path == "" {
		return nil
	}
	text, err := infile.Read(context.Background(), path, maxBytes)
	if err != nil {
		return fmt.Errorf("configuration file %s: %w: %w", path, err, errs.ErrInvalid)
	}
	settings, err := parse(text)
	if err != nil {
		return fmt.Errorf("configuration file %s: %w: %w", path, err, errs.ErrInvalid)
	}
	for _, s := range settings {
		put(s.key, s.value, "file "+path)
	}
	return nil
}

// parse returns the settings of a YAML text, sorted by key.
func parse(text []byte) ([]setting, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil // empty, or comments alone
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("want sections with keys, such as simulation: {days: 3}")
	}
	f := flattening{left: maxValues}
	err := f.mapping("", root)
	slices.SortFunc(f.out, func(a, b setting) int { return strings.Compare(a.key, b.key) })
	return f.out, err
}

// maxValues is how many values a file may have. Aliases of aliases, or one that
// names itself, would otherwise need any amount of memory.
const maxValues = 10_000

// flattening collects the values of a file.
type flattening struct {
	out  []setting
	left int // values that may still come
}

// take counts a value.
func (f *flattening) take(n *yaml.Node) error {
	if f.left--; f.left < 0 {
		return fmt.Errorf("line %d: the file has more than %d values, those that aliases repeat included", n.Line, maxValues)
	}
	return nil
}

// mapping appends the values below a mapping, with the keys of sections joined by
// dots.
func (f *flattening) mapping(prefix string, mapping *yaml.Node) error {
	seen := make(map[string]bool)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], resolve(mapping.Content[i+1])
		if err := f.take(name); err != nil {
			return err
		}
		key := prefix + name.Value
		if seen[key] {
			return fmt.Errorf("line %d: %s is given twice", name.Line, key)
		}
		seen[key] = true
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 {
			if err := f.mapping(key+".", value); err != nil {
				return err
			}
			continue
		}
		text, err := f.plain(value)
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", value.Line, key, err)
		}
		f.out = append(f.out, setting{key: key, value: text})
	}
	return nil
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// leadingZero is a number that YAML 1.1 reads as octal and people do not.
var leadingZero = regexp.MustCompile(`^([-+]?)0+([0-9]+)$`)

// plain writes a YAML value as it would be written on the command line: the
// elements of a list with commas between them.
func (f *flattening) plain(n *yaml.Node) (string, error) {
	if err := f.take(n); err != nil {
		return "", err
	}
	switch n = resolve(n); {
	case n.Kind == yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, element := range n.Content {
			var err error
			if parts[i], err = f.plain(element); err != nil {
				return "", err
			}
		}
		return strings.Join(parts, ","), nil
	case n.Kind == yaml.MappingNode && len(n.Content) > 0:
		return "", errors.New("found keys, want a value")
	case n.Kind == yaml.MappingNode || n.Tag == "!!null":
		return "", nil
	case n.Tag == "!!int" || n.Tag == "!!float":
		return plainNumber(n.Value)
	}
	return n.Value, nil
}

// plainNumber returns a number without the forms that only YAML knows.
func plainNumber(text string) (string, error) {
	if m := leadingZero.FindStringSubmatch(text); m != nil {
		return "", fmt.Errorf("found %s, which YAML reads as an octal number; write %s%s", text, m[1], m[2])
	}
	text = strings.ReplaceAll(text, "_", "")
	if n, err := strconv.ParseInt(text, 0, 64); err == nil { // 0x1f, 0o17
		return strconv.FormatInt(n, 10), nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && n == float64(int64(n)) && strings.ContainsAny(text, "eE") {
		return strconv.FormatInt(int64(n), 10), nil // 1e3
	}
	return text, nil
}
