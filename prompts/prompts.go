// Package prompts holds the prompts of every role as text templates, one file
// each: role/name.tmpl. Every file begins with a comment that lists its
// variables, and defines two templates, "system" and "user". What never changes
// during a run stands in "system", so that a model server's prefix cache keeps it.
//
// Texts of personas, users and assistants are data. A template writes them with
// the function data, which leaves nothing in them that could end a delimiter or
// begin a turn of the conversation.
package prompts

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"
	"unicode"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
)

//go:embed */*.tmpl
var files embed.FS

// suffix of every template file.
const suffix = ".tmpl"

// Set is a complete set of prompts. It is immutable and safe for concurrent use.
type Set struct {
	texts     map[string]string
	templates map[string]*template.Template
	digest    string
}

// Load returns the embedded prompts, with those replaced that dir has under the
// same names; an empty dir replaces none. It returns errs.Violations for a file
// that is no known prompt or cannot be parsed.
func Load(dir string) (*Set, error) {
	texts := make(map[string]string)
	if err := read(files, texts); err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	if dir != "" {
		own := make(map[string]string)
		if err := read(os.DirFS(dir), own); err != nil {
			return nil, errs.Invalid("prompts", "folder %s: %v", dir, err)
		}
		for _, name := range slices.Sorted(maps.Keys(own)) {
			if _, known := texts[name]; !known {
				return nil, errs.Invalid("prompts", "found %s%s in %s, want files named as one of %s", name, suffix, dir, strings.Join(slices.Sorted(maps.Keys(texts)), ", "))
			}
			texts[name] = own[name]
		}
	}
	return Parse(texts)
}

func read(from fs.FS, into map[string]string) error {
	return fs.WalkDir(from, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		raw, err := fs.ReadFile(from, path)
		into[strings.TrimSuffix(path, suffix)] = string(raw)
		return err
	})
}

// Parse makes a set of the texts of templates by name, as a run keeps them.
func Parse(texts map[string]string) (*Set, error) {
	s := &Set{texts: texts, templates: make(map[string]*template.Template)}
	var faults errs.Violations
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text := texts[name]
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(text), text)
		t, err := template.New(name).Funcs(functions).Option("missingkey=error").Parse(text)
		if err == nil && (t.Lookup("system") == nil || t.Lookup("user") == nil) {
			err = errors.New(`does not define the templates "system" and "user"`)
		}
		if err != nil {
			faults.Add("prompts."+name, "%v", err)
			continue
		}
		s.templates[name] = t
	}
	s.digest = hex.EncodeToString(h.Sum(nil))
	return s, faults.OrNil()
}

// Digest identifies the set: the SHA-256 of all names and texts in hexadecimal.
func (s *Set) Digest() string { return s.digest }

// Names returns the names of all prompts in alphabetical order.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.texts)) }

// Texts returns the texts by name. The caller must not change them.
func (s *Set) Texts() map[string]string { return s.texts }

// Render fills a prompt in. It returns an errs.ErrInvalid for a template that
// asks for something that data does not have.
func (s *Set) Render(name string, data any) ([]model.Message, error) {
	t := s.templates[name]
	if t == nil {
		return nil, fmt.Errorf("prompt %q: %w", name, errs.ErrNotFound)
	}
	out := make([]model.Message, 0, 2)
	for _, role := range []string{"system", "user"} {
		var b strings.Builder
		if err := t.ExecuteTemplate(&b, role, data); err != nil {
			return nil, errs.Invalid("prompts."+name, "%v", err)
		}
		out = append(out, model.Message{Role: role, Content: strings.TrimSpace(b.String())})
	}
	return out, nil
}

var functions = template.FuncMap{"data": Data, "join": strings.Join, "json": quote}

// Data makes a text from outside safe within a prompt: no "<" that could close a
// delimiter or spell a control token, no "[INST" of the Llama and Mistral chat
// formats, and neither control nor invisible characters.
func Data(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '\n' || r == '\t' || r == ' ':
			b.WriteRune(r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
			// Bidirectional marks, zero-width characters and the like say nothing to a
			// reader and hide something from it.
		default:
			b.WriteRune(r)
		}
	}
	return instruction.Replace(b.String())
}

var instruction = strings.NewReplacer("[INST", "(INST", "[/INST", "(/INST")

// quote writes a value as a JSON string.
func quote(text string) string {
	return fmt.Sprintf("%q", text)
}
