package fakemodel

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

var words = strings.Fields("walk tea music garden letter quiet stretch recipe friend book window water plan evening light window calm idea")

// Random returns a random answer: a value of the schema where the request has
// one, and a sentence otherwise. Two calls differ.
func Random(asked *Request) string {
	raw := asked.ResponseFormat.JSONSchema.Schema
	if len(raw) == 0 {
		return sentence(8)
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		return "unreadable schema: " + err.Error()
	}
	out, err := json.Marshal(value(schema))
	if err != nil {
		return "no value: " + err.Error()
	}
	return string(out)
}

func sentence(n int) string {
	picked := make([]string, n)
	for i := range picked {
		picked[i] = words[rand.N(len(words))]
	}
	return strings.Join(picked, " ")
}

// value draws a value of a schema. It knows the keywords that our schemas use.
func value(schema map[string]any) any {
	if choices, ok := schema["enum"].([]any); ok {
		return choices[rand.N(len(choices))]
	}
	if fixed, ok := schema["const"]; ok {
		return fixed
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if branches, ok := schema[key].([]any); ok {
			return value(branches[rand.N(len(branches))].(map[string]any))
		}
	}
	switch schema["type"] {
	case "object":
		out := make(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		for name, p := range properties {
			out[name] = value(p.(map[string]any))
		}
		return out
	case "array":
		low, high := int(number(schema, "minItems", 1)), int(number(schema, "maxItems", 3))
		out := []any{}
		for range low + rand.N(max(1, high-low+1)) {
			out = append(out, value(schema["items"].(map[string]any)))
		}
		return out
	case "integer":
		low, high := int(number(schema, "minimum", 0)), int(number(schema, "maximum", 9))
		return low + rand.N(high-low+1)
	case "number":
		low, high := number(schema, "minimum", 0), number(schema, "maximum", 1)
		return low + rand.Float64()*(high-low)
	case "boolean":
		return rand.N(2) == 0
	case "null":
		return nil
	case "string":
		return sentence(4)
	}
	return fmt.Sprintf("no such type: %v", schema["type"])
}

func number(schema map[string]any, key string, otherwise float64) float64 {
	if n, ok := schema[key].(float64); ok {
		return n
	}
	return otherwise
}
