package modelcompiler

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/model"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user/driver"
)

// The fields of a rubric, as clauses and warnings name them.
const (
	fieldPreference    = "personal_preference"
	fieldTiming        = "timing"
	fieldFrequency     = "frequency"
	fieldCommunication = "communication_safety"
)

// answer is what the model gives. Every rule has the phrase that it comes from.
type answer struct {
	Liked      []topicRule    `json:"liked"`
	Disliked   []topicRule    `json:"disliked"`
	Receptive  []momentRule   `json:"receptive"`
	Protected  []momentRule   `json:"protected"`
	AtLeast    []countRule    `json:"at_least"`
	AtMost     []countRule    `json:"at_most"`
	Tones      []toneRule     `json:"tones"`
	MaxWords   []wordsRule    `json:"max_words"`
	Boundaries []boundaryRule `json:"boundaries"`
}

type topicRule struct {
	Phrase string   `json:"phrase"`
	Topics []string `json:"topics"`
}

type momentRule struct {
	Phrase   string   `json:"phrase"`
	From     int32    `json:"from"`
	To       int32    `json:"to"`
	Kinds    []string `json:"kinds"`
	Relation string   `json:"relation"`
}

type countRule struct {
	Phrase  string `json:"phrase"`
	Count   int32  `json:"count"`
	Minutes int32  `json:"minutes"`
}

type toneRule struct {
	Phrase string `json:"phrase"`
	Tone   string `json:"tone"`
}

type wordsRule struct {
	Phrase string `json:"phrase"`
	Words  int32  `json:"words"`
}

type boundaryRule struct {
	Phrase   string `json:"phrase"`
	Boundary string `json:"boundary"`
}

// newSchema builds the schema: the enumerations are the vocabulary of the program.
func newSchema() (*model.Schema, error) {
	text := map[string]any{"type": "string", "minLength": 1, "maxLength": 300}
	one := func(names []string) map[string]any { return map[string]any{"type": "string", "enum": names} }
	some := func(names []string, least int) map[string]any {
		return map[string]any{"type": "array", "minItems": least, "maxItems": 12, "items": one(names)}
	}
	whole := func(low, high int) map[string]any {
		return map[string]any{"type": "integer", "minimum": low, "maximum": high}
	}
	rules := func(properties map[string]any) map[string]any {
		properties["phrase"] = text
		var required []string
		for name := range properties {
			required = append(required, name)
		}
		slices.Sort(required)
		return map[string]any{"type": "array", "maxItems": 12, "items": map[string]any{
			"type": "object", "additionalProperties": false, "required": required, "properties": properties,
		}}
	}
	moments := func() map[string]any {
		return rules(map[string]any{"from": whole(-1, 1439), "to": whole(-1, 1440), "kinds": some(kinds(), 0), "relation": one([]string{"DURING", "AFTER"})})
	}
	counts := func(least int) map[string]any {
		return rules(map[string]any{"count": whole(least, 600), "minutes": whole(1, 1440)})
	}
	properties := map[string]any{
		"liked": rules(map[string]any{"topics": some(topics(), 1)}), "disliked": rules(map[string]any{"topics": some(topics(), 1)}),
		"receptive": moments(), "protected": moments(), "at_least": counts(1), "at_most": counts(0),
		"tones": rules(map[string]any{"tone": one(tones())}), "max_words": rules(map[string]any{"words": whole(1, 1000)}),
		"boundaries": rules(map[string]any{"boundary": one(boundaries())}),
	}
	var required []string
	for name := range properties {
		required = append(required, name)
	}
	slices.Sort(required)
	raw, err := json.Marshal(map[string]any{"type": "object", "additionalProperties": false, "required": required, "properties": properties})
	if err != nil {
		return nil, err
	}
	return model.NewSchema("rubric", raw)
}

// spec is the answer as a spec.
func (a *answer) spec() *simv1.PreferenceSpec {
	out := &simv1.PreferenceSpec{
		Frequency: &simv1.FrequencySpec{AtLeast: bounds(a.AtLeast), AtMost: bounds(a.AtMost)},
		Timing:    &simv1.TimingSpec{Receptive: patterns(a.Receptive), Protected: patterns(a.Protected)},
		Content:   &simv1.ContentSpec{}, Communication: &simv1.CommunicationSpec{},
	}
	for _, r := range a.Liked {
		out.Content.Liked = append(out.Content.Liked, &simv1.ContentRule{Topics: r.Topics})
	}
	for _, r := range a.Disliked {
		out.Content.Disliked = append(out.Content.Disliked, &simv1.ContentRule{Topics: r.Topics})
	}
	for _, r := range a.Tones {
		if !slices.Contains(out.Communication.Tones, r.Tone) {
			out.Communication.Tones = append(out.Communication.Tones, r.Tone)
		}
	}
	for _, r := range a.MaxWords {
		if out.Communication.MaxWords == 0 || r.Words < out.Communication.MaxWords {
			out.Communication.MaxWords = r.Words
		}
	}
	for _, r := range a.Boundaries {
		b := simv1.Boundary(simv1.Boundary_value[boundaryPrefix+r.Boundary])
		if !slices.Contains(out.Communication.Boundaries, b) {
			out.Communication.Boundaries = append(out.Communication.Boundaries, b)
		}
	}
	return out
}

func bounds(rules []countRule) []*simv1.FrequencyBound {
	var out []*simv1.FrequencyBound
	for _, r := range rules {
		b := &simv1.FrequencyBound{Count: r.Count, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: r.Minutes}}
		if r.Minutes == 1440 {
			b.Window = &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}
		}
		out = append(out, b)
	}
	return out
}

func patterns(rules []momentRule) []*simv1.MomentPattern {
	var out []*simv1.MomentPattern
	for _, r := range rules {
		p := &simv1.MomentPattern{Name: r.Phrase}
		if r.From >= 0 {
			p.Clock = &simv1.ClockInterval{FromMinute: r.From, ToMinute: r.To}
		}
		if len(r.Kinds) > 0 {
			relation := simv1.ActivityRelation_ACTIVITY_RELATION_DURING
			if r.Relation == "AFTER" {
				relation = simv1.ActivityRelation_ACTIVITY_RELATION_AFTER
			}
			p.Activity = &simv1.ActivityPattern{Kinds: r.Kinds, Relation: relation}
		}
		out = append(out, p)
	}
	return out
}

// phrase is the origin of a rule.
type phrase struct{ list, field, phrase, rule string }

func (a *answer) phrases() []phrase {
	var out []phrase
	add := func(list, field, text, format string, args ...any) {
		out = append(out, phrase{list, field, text, fmt.Sprintf(format, args...)})
	}
	for _, r := range a.Liked {
		add("liked", fieldPreference, r.Phrase, "liked: %s", strings.Join(r.Topics, ", "))
	}
	for _, r := range a.Disliked {
		add("disliked", fieldPreference, r.Phrase, "disliked: %s", strings.Join(r.Topics, ", "))
	}
	for _, r := range a.Receptive {
		add("receptive", fieldTiming, r.Phrase, "welcome: %s", r.words())
	}
	for _, r := range a.Protected {
		add("protected", fieldTiming, r.Phrase, "protected: %s", r.words())
	}
	for _, r := range a.AtLeast {
		add("at_least", fieldFrequency, r.Phrase, "at least %d in %d minutes", r.Count, r.Minutes)
	}
	for _, r := range a.AtMost {
		add("at_most", fieldFrequency, r.Phrase, "at most %d in %d minutes", r.Count, r.Minutes)
	}
	for _, r := range a.Tones {
		add("tones", fieldCommunication, r.Phrase, "tone: %s", r.Tone)
	}
	for _, r := range a.MaxWords {
		add("max_words", fieldCommunication, r.Phrase, "at most %d words", r.Words)
	}
	for _, r := range a.Boundaries {
		add("boundaries", fieldCommunication, r.Phrase, "boundary: %s", strings.ToLower(r.Boundary))
	}
	return out
}

func (r momentRule) words() string {
	var parts []string
	if r.From >= 0 {
		parts = append(parts, fmt.Sprintf("%02d:%02d-%02d:%02d", r.From/60, r.From%60, r.To/60, r.To%60))
	}
	if len(r.Kinds) > 0 {
		parts = append(parts, strings.ToLower(r.Relation)+" "+strings.Join(r.Kinds, ", "))
	}
	return strings.Join(parts, ", ")
}

// compilation is the answer with clauses: the phrases of the rules, and between
// them what no rule comes from.
func (a *answer) compilation(r *simv1.Rubric) *driver.Compilation {
	out := &driver.Compilation{Spec: a.spec()}
	byField := make(map[string][]*userv1.Clause)
	for _, p := range a.phrases() {
		start := strings.Index(textOf(r, p.field), p.phrase)
		list := byField[p.field]
		at := slices.IndexFunc(list, func(c *userv1.Clause) bool { return int(c.GetStart()) == start && c.GetPhrase() == p.phrase })
		if at < 0 {
			list = append(list, &userv1.Clause{Field: p.field, Phrase: p.phrase, Start: int32(start), End: int32(start + len(p.phrase))})
			at = len(list) - 1
		}
		list[at].Rules = append(list[at].Rules, p.rule)
		byField[p.field] = list
	}
	for _, field := range []string{fieldPreference, fieldTiming, fieldFrequency, fieldCommunication} {
		list, first := byField[field], len(out.Clauses)
		slices.SortFunc(list, func(x, y *userv1.Clause) int { return cmp.Compare(x.GetStart(), y.GetStart()) })
		out.Clauses = append(out.Clauses, list...)
		for _, rest := range uncovered(textOf(r, field), field, list) {
			out.Clauses = append(out.Clauses, rest)
			out.Warnings = append(out.Warnings, &userv1.Warning{Field: field, Phrase: rest.GetPhrase(), Reason: rest.GetWarning()})
		}
		own := out.Clauses[first:]
		slices.SortStableFunc(own, func(x, y *userv1.Clause) int { return cmp.Compare(x.GetStart(), y.GetStart()) })
	}
	return out
}

// connectives say nothing by themselves between two phrases.
var connectives = []string{"and", "or", "but", "also", "please", "then", "so", "plus"}

// uncovered are the stretches of a text between the clauses that have a word.
func uncovered(text, field string, clauses []*userv1.Clause) []*userv1.Clause {
	var out []*userv1.Clause
	at := 0
	add := func(to int) {
		stretch := strings.Trim(text[at:to], " \t\n.,;:!?-")
		if stretch == "" || slices.Contains(connectives, strings.ToLower(stretch)) {
			return
		}
		start := at + strings.Index(text[at:to], stretch)
		out = append(out, &userv1.Clause{Field: field, Phrase: stretch, Start: int32(start), End: int32(start + len(stretch)), Warning: "no rule comes from it"})
	}
	for _, c := range clauses {
		if start := int(c.GetStart()); start > at {
			add(start)
		}
		at = max(at, int(c.GetEnd()))
	}
	add(len(text))
	return out
}
