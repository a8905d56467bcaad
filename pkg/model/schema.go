package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	reflected "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is a JSON schema that an answer must satisfy.
type Schema struct {
	// Name is sent to the endpoint: letters, digits and underscores.
	Name string
	// JSON is the schema.
	JSON json.RawMessage
	// Digest is the SHA-256 of JSON in hexadecimal.
	Digest string

	compiled *jsonschema.Schema
}

// SchemaOf returns the schema of a Go struct: every property required, no
// further ones. Tags of the form `jsonschema:"enum=a,enum=b"` refine it.
func SchemaOf[T any](name string) (*Schema, error) {
	r := reflected.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true}
	s := r.Reflect(new(T))
	s.Version = "" // endpoints refuse keywords that they do not know
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	return NewSchema(name, raw)
}

// MustSchemaOf is SchemaOf for types that are known when the program is built.
func MustSchemaOf[T any](name string) *Schema {
	s, err := SchemaOf[T](name)
	if err != nil {
		panic(err)
	}
	return s
}

// NewSchema compiles a schema that is given as JSON.
func NewSchema(name string, raw []byte) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name+".json", doc); err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	compiled, err := compiler.Compile(name + ".json")
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	sum := sha256.Sum256(raw)
	return &Schema{Name: name, JSON: raw, Digest: hex.EncodeToString(sum[:]), compiled: compiled}, nil
}

// Version names the schema in records: its name and the beginning of its digest.
func (s *Schema) Version() string { return s.Name + "@" + s.Digest[:12] }

var english = message.NewPrinter(language.English)

// Check returns what is wrong with a value, in words that a model can act on.
func (s *Schema) Check(value []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return err
	}
	err = s.compiled.Validate(doc)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var complaints []string
	for _, leaf := range leaves(invalid) {
		complaints = append(complaints, fmt.Sprintf("/%s: %s", strings.Join(leaf.InstanceLocation, "/"), leaf.ErrorKind.LocalizedString(english)))
	}
	return errors.New(strings.Join(complaints, "; "))
}

// leaves returns the causes that have no further causes.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var out []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		out = append(out, leaves(cause)...)
	}
	return out
}
