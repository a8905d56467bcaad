package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// thinking matches the reasoning that some models write before their answer.
// An unclosed block has no answer after it.
var thinking = regexp.MustCompile(`(?s)<think(?:ing)?>.*?(?:</think(?:ing)?>|$)`)

// withoutThinking removes reasoning blocks. Some chat templates write the
// opening tag themselves, so that only the closing one is in the answer.
func withoutThinking(text string) string {
	if _, after, found := strings.Cut(text, "</think>"); found && !strings.Contains(text, "<think>") {
		text = after
	}
	return strings.TrimSpace(thinking.ReplaceAllString(text, ""))
}

// extract returns the one JSON object within an answer. Text before and after
// it and code fences are left out. Two different objects are ambiguous, and a
// repeated key too: neither is guessed at.
func extract(text string) ([]byte, error) {
	text = withoutThinking(text)
	if whole := []byte(text); json.Valid(whole) {
		return whole, noDuplicates(whole)
	}
	var found []byte
	for rest := text; ; {
		start := strings.IndexByte(rest, '{')
		if start < 0 {
			break
		}
		var value json.RawMessage
		decoder := json.NewDecoder(strings.NewReader(rest[start:]))
		if err := decoder.Decode(&value); err != nil {
			if found != nil {
				break // a brace in the text after the value
			}
			return nil, fmt.Errorf("no valid JSON value: %w", err)
		}
		if found != nil && !bytes.Equal(found, value) {
			return nil, fmt.Errorf("more than one JSON value; answer with exactly one")
		}
		found = value
		rest = rest[start+int(decoder.InputOffset()):]
	}
	if found == nil {
		return nil, fmt.Errorf("no JSON value in the answer")
	}
	return found, noDuplicates(found)
}

// noDuplicates refuses objects with a repeated key, of which encoding/json
// would silently take the last.
func noDuplicates(value []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(value))
	return unique(decoder)
}

// unique reads one value.
func unique(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := make(map[string]bool)
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string) // the decoder yields strings as keys only
			if seen[name] {
				return fmt.Errorf("key %q appears twice", name)
			}
			seen[name] = true
			if err := unique(d); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for d.More() {
			if err := unique(d); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	if _, err := d.Token(); err != nil && err != io.EOF {
		return err
	}
	return nil
}
