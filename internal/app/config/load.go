package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/propersim/propersim/internal/nearest"
	"github.com/propersim/propersim/pkg/errs"
)

// Prefix begins the name of every variable of the environment that is read.
const Prefix = "PROPERSIM_"

// reserved variables belong to the tests.
const reserved = Prefix + "TEST_"

// Sources are where values come from, weakest first.
type Sources struct {
	// File is the path of a YAML file; empty for none.
	File string
	// Environ has "NAME=value" pairs; only PROPERSIM_* ones are read.
	Environ []string
	// Flags are the values given by flags, by key.
	Flags map[string]Flag
	// Sets are "key=value" pairs from --set.
	Sets []string
}

// Flag is a value given by a flag.
type Flag struct {
	// Name of the flag, without dashes.
	Name  string
	Value string
}

// Loaded is a configuration that knows where its values came from.
type Loaded struct {
	Config
	origins map[string]string
}

// Origin says where the value of a key came from: "default", "file NAME",
// "variable NAME", "flag --NAME" or "--set".
func (l *Loaded) Origin(key string) string {
	if origin, ok := l.origins[key]; ok {
		return origin
	}
	return "default"
}

// Load puts the sources together. Every unknown key and impossible value is one
// of the errs.Violations that come back.
func Load(from Sources) (*Loaded, error) {
	l := &Loaded{Config: Default(), origins: make(map[string]string)}
	fields := make(map[string]Field)
	var keys []string
	index := func() {
		keys = nil
		for _, f := range l.Fields() {
			fields[f.Key] = f
			keys = append(keys, f.Key)
		}
	}
	index()
	var faults errs.Violations
	put := func(key, value, origin string) {
		if l.Models.declare(key) {
			index()
		}
		f, known := fields[key]
		if !known {
			faults.Add(key, "%s", unknown(key, keys, origin)+serviceLink(origin))
			return
		}
		if err := f.Set(value); err != nil {
			faults.Add(key, "%v (%s)", err, origin)
			return
		}
		l.origins[key] = origin
	}
	if err := fromFile(from.File, put); err != nil {
		return nil, err
	}
	fromEnviron(from.Environ, keys, put)
	for _, key := range sorted(from.Flags) {
		put(key, from.Flags[key].Value, "flag --"+from.Flags[key].Name)
	}
	for _, pair := range from.Sets {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			faults.Add("--set", "found %q, want key=value", pair)
			continue
		}
		put(key, value, "--set")
	}
	if len(faults) == 0 {
		l.together(&faults)
	}
	return l, faults.OrNil()
}

// together checks values against each other.
func (l *Loaded) together(faults *errs.Violations) {
	if len(l.Simulation.Methods) == 0 {
		faults.Add("simulation.methods", "is empty, want at least one of %s", strings.Join(Methods(), ", "))
	}
	for i, m := range l.Simulation.Methods {
		switch {
		case slices.Contains(l.Simulation.Methods[:i], m):
			faults.Add("simulation.methods", "names %q twice", m)
		case slices.Contains(Methods(), m) || l.Connect.Assistant != "":
		default:
			message := fmt.Sprintf("found %q, want one of %s", m, strings.Join(Methods(), ", "))
			if near := nearest.Of(m, Methods()); near != "" {
				message += fmt.Sprintf("; did you mean %q?", near)
			}
			faults.Add("simulation.methods", "%s (a method of your own needs --assistant-address)", message)
		}
	}
	if l.Backends.Index == "qdrant" && l.Qdrant.Address == "" {
		faults.Add("qdrant.address", "is empty, but backends.index is qdrant")
	}
	if l.Qdrant.APIKey != "" && l.Qdrant.APIKeyFile != "" {
		faults.Add("qdrant.api_key_file", "is given together with qdrant.api_key; want one of them")
	}
	l.checkModels(faults)
	l.checkTrainer(faults)
	for _, name := range Services() {
		at := *l.Connect.Of(name)
		if why := l.alone(name); why != "" && strings.Contains(at, ",") {
			faults.Add("connect."+name, "found %d addresses in %q, want one: %s", 1+strings.Count(at, ","), at, why)
		}
	}
}

// alone says why there can be one instance of a service only; empty where
// several share their state.
func (c *Config) alone(service string) string {
	switch service {
	case "retrieval":
		if c.Backends.Index == "qdrant" {
			return ""
		}
		return "an embedded index is the memory of one instance; several share backends.index: qdrant"
	case "buffer":
		if strings.HasPrefix(c.Store.Buffer, "postgres") {
			return ""
		}
		return "SQLite belongs to one instance; several share a PostgreSQL database in store.buffer"
	}
	return "it keeps what belongs to a run in its own memory, which another instance does not know"
}

func unknown(key string, keys []string, origin string) string {
	message := "no such key (" + origin + ")"
	if near := nearest.Of(key, keys); near != "" {
		return message + fmt.Sprintf("; did you mean %q?", near)
	}
	section, _, _ := strings.Cut(key, ".")
	var siblings []string
	for _, k := range keys {
		if strings.HasPrefix(k, section+".") {
			siblings = append(siblings, k)
		}
	}
	if len(siblings) > 0 {
		return message + "; the keys of " + section + ": " + strings.Join(siblings, ", ")
	}
	return message + "; `propersim config show` lists all keys"
}

func fromEnviron(environ, keys []string, put func(key, value, origin string)) {
	byName := make(map[string]string, len(keys))
	for _, key := range keys {
		byName[VariableOf(key)] = key
	}
	values, names := make(map[string]string), make(map[string]string)
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, Prefix) || strings.HasPrefix(name, reserved) {
			continue
		}
		key, known := byName[name]
		if !known {
			key = endpointVariable(name)
		}
		if key == "" {
			key = strings.Replace(strings.ToLower(strings.TrimPrefix(name, Prefix)), "_", ".", 1)
		}
		values[key], names[key] = value, name
	}
	for _, key := range sorted(values) {
		put(key, values[key], "variable "+names[key])
	}
}

// VariableOf returns the name of the variable of a key: PROPERSIM_SIMULATION_DAYS
// for simulation.days.
func VariableOf(key string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Tree returns the values nested by section, secrets left out.
func (c *Config) Tree() map[string]any {
	tree := make(map[string]any)
	for _, f := range c.Fields() {
		if f.Secret {
			continue
		}
		section, parts := tree, strings.Split(f.Key, ".")
		for _, part := range parts[:len(parts)-1] {
			below, ok := section[part].(map[string]any)
			if !ok {
				below = make(map[string]any)
				section[part] = below
			}
			section = below
		}
		section[parts[len(parts)-1]] = f.Value()
	}
	return tree
}

// YAML writes the values as a file that Load reads, secrets left out.
func (c *Config) YAML() ([]byte, error) {
	out, err := yaml.Marshal(c.Tree())
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return out, nil
}
