package persona

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Parse reads one persona from YAML and validates it; name (a file name, for
// instance) begins the message of each fault. It is strict: an unknown key, a key
// given twice, a value of the wrong kind and everything Validate finds are
// errs.Violations, one per fault, with the line where there is one. Without an
// id the persona gets the slug of its name.
func Parse(data []byte, name string) (*simv1.Persona, error) {
	p, err := parse(data)
	return p, errs.In(name, err)
}

func parse(data []byte) (*simv1.Persona, error) {
	if len(data) > MaxBytes {
		return nil, errs.Invalid("persona", "found %d bytes, want at most %d", len(data), MaxBytes)
	}
	root, err := document(data)
	if err != nil {
		return nil, errs.Invalid("persona", "is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	p := &simv1.Persona{BigFive: &simv1.BigFive{}, Rubric: &simv1.Rubric{}}
	r := &reader{lines: map[string]int{}}
	r.persona(root, p)
	if p.Id == "" {
		p.Id = Slug(p.Name)
	}
	r.add(Validate(p))
	if err := r.faults.OrNil(); err != nil {
		return nil, err
	}
	return p, nil
}

// document returns the root of the only document in data.
func document(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&more); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins; one persona a file", more.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errors.New("the file is empty")
	}
	return doc.Content[0], nil
}

// reader walks a YAML tree and collects faults and the line of each field.
type reader struct {
	faults errs.Violations
	lines  map[string]int
}

// field reads the value of one key.
type field struct {
	key  string
	read func(path string, n *yaml.Node)
}

func (r *reader) fault(path string, line int, format string, args ...any) {
	r.faults.Add(path, "line %d: %s", line, fmt.Sprintf(format, args...))
}

// add takes over what validation found, with lines, except about fields whose
// shape was already at fault.
func (r *reader) add(err error) {
	var found errs.Violations
	if !errors.As(err, &found) {
		if err != nil {
			r.faults.Add("persona", "%s", err.Error())
		}
		return
	}
	known := r.faults
	for _, v := range found {
		if covered(known, v.Field) {
			continue
		}
		if line := r.line(v.Field); line > 0 {
			v.Message = "line " + strconv.Itoa(line) + ": " + v.Message
		}
		r.faults = append(r.faults, v)
	}
}

// covered reports whether one of the faults is about path or something it is
// in.
func covered(faults errs.Violations, path string) bool {
	for _, f := range faults {
		if f.Field == path || strings.HasPrefix(path, f.Field+".") || strings.HasPrefix(path, f.Field+"[") {
			return true
		}
	}
	return false
}

// line returns the line of a path or of the nearest thing around it, 0 where
// nothing of it was written.
func (r *reader) line(path string) int {
	for path != "" {
		if line, ok := r.lines[path]; ok {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return 0
		}
		path = path[:cut]
	}
	return 0
}

func (r *reader) persona(root *yaml.Node, p *simv1.Persona) {
	r.mapping("persona", root, []field{
		{"id", r.text(&p.Id)},
		{"name", r.text(&p.Name)},
		{"age", r.number(&p.Age)},
		{"background", r.text(&p.Background)},
		{"big_five", func(path string, n *yaml.Node) { r.bigFive(path, n, p.BigFive) }},
		{"current_interests", r.list(&p.CurrentInterests)},
		{"lifestyle", r.text(&p.Lifestyle)},
		{"daily_plan_requirements", r.list(&p.DailyPlanRequirements)},
		{"long_term_goals", r.list(&p.LongTermGoals)},
		{"rubric", func(path string, n *yaml.Node) {
			r.mapping(path, n, []field{
				{"personal_preference", r.text(&p.Rubric.PersonalPreference)},
				{"timing", r.text(&p.Rubric.Timing)},
				{"frequency", r.text(&p.Rubric.Frequency)},
				{"communication_safety", r.text(&p.Rubric.CommunicationSafety)},
			})
		}},
		{"spec", func(path string, n *yaml.Node) { p.Spec = r.spec(path, n) }},
	})
}

// mapping reads each known key once and reports every other one.
func (r *reader) mapping(path string, n *yaml.Node, fields []field) {
	if n.Kind != yaml.MappingNode {
		r.fault(path, n.Line, "found %s, want a mapping with the keys %s", kindOf(n), keysOf(fields))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f := find(fields, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || f == nil:
			r.fault(path+"."+key.Value, key.Line, "unknown key %q; allowed: %s", key.Value, keysOf(fields))
		case seen[f.key]:
			r.fault(path+"."+f.key, key.Line, "is given twice")
		default:
			seen[f.key] = true
			r.lines[path+"."+f.key] = key.Line
			f.read(path+"."+f.key, value)
		}
	}
}

func (r *reader) text(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
			r.fault(path, n.Line, "found %s, want text", kindOf(n))
			return
		}
		*to = strings.TrimSpace(n.Value)
	}
}

func (r *reader) number(to *int32) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		value, err := strconv.ParseInt(n.Value, 10, 32)
		if n.Kind != yaml.ScalarNode || err != nil {
			r.fault(path, n.Line, "found %s, want a whole number", kindOf(n))
			return
		}
		*to = int32(value)
	}
}

func (r *reader) list(to *[]string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			r.fault(path, n.Line, "found %s, want a list of texts", kindOf(n))
			return
		}
		for i, item := range n.Content {
			var entry string
			at := path + "[" + strconv.Itoa(i) + "]"
			r.lines[at] = item.Line
			r.text(&entry)(at, item)
			*to = append(*to, entry)
		}
	}
}

func (r *reader) bigFive(path string, n *yaml.Node, b *simv1.BigFive) {
	var fields []field
	for _, trait := range Traits() {
		to := levelOf(b, trait)
		fields = append(fields, field{trait, func(path string, n *yaml.Node) {
			level, ok := parseLevel(n.Value)
			if n.Kind != yaml.ScalarNode || !ok {
				r.fault(path, n.Line, "found %s, allowed: high, low", kindOf(n))
				return
			}
			*to = level
		}})
	}
	r.mapping(path, n, fields)
}

func parseLevel(word string) (simv1.TraitLevel, bool) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "high":
		return simv1.TraitLevel_TRAIT_LEVEL_HIGH, true
	case "low":
		return simv1.TraitLevel_TRAIT_LEVEL_LOW, true
	}
	return simv1.TraitLevel_TRAIT_LEVEL_UNSPECIFIED, false
}

// spec reads the exact form by the contract's own JSON mapping, which refuses
// unknown fields and enum values.
func (r *reader) spec(path string, n *yaml.Node) *simv1.PreferenceSpec {
	var tree any
	err := n.Decode(&tree)
	var data []byte
	if err == nil {
		data, err = json.Marshal(tree)
	}
	spec := &simv1.PreferenceSpec{}
	if err == nil {
		err = protojson.Unmarshal(data, spec)
	}
	if err != nil {
		r.fault(path, n.Line, "%s", plain(err.Error()))
		return nil
	}
	return spec
}

// plain drops the markers that decoders put before their messages, so that the
// same fault always reads the same.
func plain(message string) string {
	message = strings.ReplaceAll(message, "\u00a0", " ")
	message = strings.TrimPrefix(message, "proto: ")
	return strings.TrimPrefix(message, "yaml: ")
}

func find(fields []field, key string) *field {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

func keysOf(fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	sort.Strings(keys)
	return strings.Join(keys, ", ")
}

// kindOf says what a node is, as found.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	value := n.Value
	if len(value) > 40 {
		value = strings.ToValidUTF8(value[:40], "") + "…"
	}
	return strconv.Quote(value)
}
