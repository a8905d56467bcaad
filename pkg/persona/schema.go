package persona

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// object is a JSON object of the schema.
type object = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of a persona file, for editors
// and other programs. It knows every topic, tone, activity and boundary; what
// only the whole file can say (bounds that contradict each other) it does not.
func Schema() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "ProPerSim persona",
		"description": "A person who lives in a simulated home and judges a proactive assistant.",
		"$defs":       definitions(),
		"type":        "object", "additionalProperties": false,
		"required": []string{"name", "age", "background", "big_five", "current_interests", "lifestyle", "daily_plan_requirements", "long_term_goals", "rubric"},
		"properties": object{
			"id":                      object{"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 64, "description": "Lower-case letters, digits and hyphens; the slug of the name where it is left out."},
			"name":                    prose("What the person is called."),
			"age":                     object{"type": "integer", "minimum": 1, "maximum": 120, "description": "In years."},
			"background":              prose("Where the person comes from and what they do."),
			"big_five":                bigFive(),
			"current_interests":       lines("What the person is interested in at present."),
			"lifestyle":               prose("How a usual day goes: wake-up and bed times, meals."),
			"daily_plan_requirements": lines("What each day must hold, with times: \"breakfast at 7:30\"."),
			"long_term_goals":         lines("What the person works towards."),
			"rubric":                  rubricSchema(),
			"spec":                    object{"$ref": "#/$defs/spec"},
		},
	})
	return out.Bytes(), err
}

func prose(description string) object {
	return object{"type": "string", "minLength": 1, "description": description}
}

func lines(description string) object {
	return object{"type": "array", "minItems": 1, "items": object{"type": "string", "minLength": 1}, "description": description}
}

func closed(required []string, properties object) object {
	o := object{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func bigFive() object {
	properties := object{}
	for _, trait := range Traits() {
		properties[trait] = object{"enum": []string{"high", "low"}}
	}
	o := closed(Traits(), properties)
	o["description"] = "The five traits, each high or low."
	return o
}

func rubricSchema() object {
	o := closed([]string{"personal_preference", "timing", "frequency", "communication_safety"}, object{
		"personal_preference":  prose("About what: topics that are liked and refused, and when."),
		"timing":               prose("When recommendations are welcome, and when not."),
		"frequency":            prose("How often: \"two to three times a day, at least two hours apart\"."),
		"communication_safety": prose("In what manner: tone, length, what must not be done."),
	})
	o["description"] = "What the person expects of an assistant, in prose. \"propersim persona compile FILE\" shows how it is read."
	return o
}

// definitions are the parts of a spec.
func definitions() object {
	pattern := object{"$ref": "#/$defs/pattern"}
	list := func(of string, max int) object {
		return object{"type": "array", "maxItems": max, "items": object{"$ref": "#/$defs/" + of}}
	}
	minutes := func(least, most int, description string) object {
		return object{"type": "integer", "minimum": least, "maximum": most, "description": description}
	}
	spec := closed([]string{"frequency", "timing", "content", "communication"}, object{
		"frequency": closed(nil, object{"at_least": list("bound", 16), "at_most": list("bound", 16)}),
		"timing":    closed(nil, object{"receptive": list("pattern", 64), "protected": list("pattern", 64)}),
		"content":   closed(nil, object{"liked": list("rule", 64), "disliked": list("rule", 64)}),
		"communication": closed(nil, object{
			"tones":      object{"type": "array", "maxItems": 16, "items": object{"enum": content.Tones()}, "description": "Accepted tones; empty for any."},
			"max_words":  minutes(0, 1000, "Longest text in words; 0 for no limit."),
			"boundaries": object{"type": "array", "maxItems": 16, "items": object{"enum": enum(simv1.Boundary_name)}},
		}),
	})
	spec["description"] = "The exact form of the rubric. It prevails over the prose; \"propersim persona compile FILE --write\" writes the first one."
	bound := closed([]string{"count"}, object{
		"count":            minutes(0, 600, "Recommendations; 0 in at_most alone."),
		"trailing_minutes": minutes(1, 1440, "The last so many minutes."),
		"day":              object{"type": "object", "additionalProperties": false, "description": "The day from midnight to midnight: {}"},
		"slots":            closed([]string{"slots"}, object{"slots": object{"type": "array", "minItems": 1, "maxItems": 24, "items": pattern}}),
	})
	bound["oneOf"] = []object{{"required": []string{"trailing_minutes"}}, {"required": []string{"day"}}, {"required": []string{"slots"}}}
	return object{
		"spec": spec, "bound": bound,
		"pattern": closed(nil, object{
			"name":  object{"type": "string", "maxLength": 512, "description": "The phrase it comes from, for reports."},
			"clock": closed([]string{"to_minute"}, object{"from_minute": minutes(0, 1439, "Minutes after midnight; 0 where it is left out."), "to_minute": minutes(1, 1440, "Minutes after midnight.")}),
			"activity": closed([]string{"kinds", "relation"}, object{
				"kinds":          object{"type": "array", "minItems": 1, "maxItems": 32, "items": object{"enum": activity.Kinds()}},
				"relation":       object{"enum": enum(simv1.ActivityRelation_name)},
				"within_minutes": minutes(0, 1440, "How long \"after\" lasts; 30 where it is left out."),
			}),
		}),
		"rule": closed([]string{"topics"}, object{
			"topics": object{"type": "array", "minItems": 1, "maxItems": 100, "items": object{"enum": topicIDs()}},
			"when":   pattern,
		}),
	}
}

// enum returns the names of a proto enum but for the unspecified one.
func enum(names map[int32]string) []string {
	var out []string
	for n, name := range names {
		if n > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func topicIDs() []string {
	var out []string
	for _, t := range content.Topics() {
		out = append(out, t.ID)
	}
	return out
}
