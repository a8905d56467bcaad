package persona

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// maxImport bounds a scratch file, which holds more than the persona: 1 MiB.
const maxImport = 1 << 20

// scratch holds the keys of a generative-agents scratch.json that make a
// persona; the file's other keys are the state of a simulation.
type scratch struct {
	Name       json.RawMessage            `json:"name"`
	Age        json.RawMessage            `json:"age"`
	Traits     json.RawMessage            `json:"big_five_personality_traits"`
	Background json.RawMessage            `json:"background"`
	Interests  json.RawMessage            `json:"current_interests"`
	Lifestyle  json.RawMessage            `json:"lifestyle"`
	DailyPlan  json.RawMessage            `json:"daily_plan_req"`
	Goals      json.RawMessage            `json:"long_term_goals"`
	Criteria   map[string]json.RawMessage `json:"criteria"`
}

// criteriaKeys are the four texts of the rubric as such files name them.
var criteriaKeys = []string{"Personal_Preference", "Timing", "Frequency", "Communication_&_Safety"}

// ImportGenerativeAgents reads the scratch.json that simulations of the
// generative-agents family keep for a person. Numbered lists ("Ann enjoys
// 1) jazz, 2) chess") become lists; keys that are no part of a persona are
// passed over, but an unknown key among the criteria is a warning. What is
// missing or cannot be read is errs.Violations on the persona's fields, and so
// is everything Validate finds. The import invents nothing.
func ImportGenerativeAgents(r io.Reader) (*simv1.Persona, []string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxImport+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read scratch file: %w", err)
	}
	if len(data) > maxImport {
		return nil, nil, errs.Invalid("persona", "the file has more than %d bytes", maxImport)
	}
	var s scratch
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, nil, errs.Invalid("persona", "is not a scratch file: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	im := importer{}
	p := im.persona(&s)
	known := im.faults
	err = Validate(p)
	var found errs.Violations
	if err != nil && !errors.As(err, &found) {
		return nil, nil, err
	}
	for _, v := range found {
		if !covered(known, v.Field) {
			im.faults = append(im.faults, v)
		}
	}
	if err := im.faults.OrNil(); err != nil {
		return nil, nil, err
	}
	return p, im.warnings, nil
}

type importer struct {
	faults   errs.Violations
	warnings []string
}

func (im *importer) persona(s *scratch) *simv1.Persona {
	p := &simv1.Persona{
		Name:                  im.text("persona.name", s.Name),
		Age:                   im.age(s.Age),
		Background:            im.text("persona.background", s.Background),
		CurrentInterests:      im.list("persona.current_interests", s.Interests),
		Lifestyle:             im.prose("persona.lifestyle", s.Lifestyle),
		DailyPlanRequirements: im.list("persona.daily_plan_requirements", s.DailyPlan),
		LongTermGoals:         im.list("persona.long_term_goals", s.Goals),
		Rubric: &simv1.Rubric{
			PersonalPreference:  im.prose("persona.rubric.personal_preference", s.Criteria[criteriaKeys[0]]),
			Timing:              im.prose("persona.rubric.timing", s.Criteria[criteriaKeys[1]]),
			Frequency:           im.prose("persona.rubric.frequency", s.Criteria[criteriaKeys[2]]),
			CommunicationSafety: im.prose("persona.rubric.communication_safety", s.Criteria[criteriaKeys[3]]),
		},
	}
	p.BigFive = im.traits(im.text("persona.big_five", s.Traits))
	p.Id = Slug(p.Name)
	var unknown []string
	for key := range s.Criteria {
		if !slices.Contains(criteriaKeys, key) {
			unknown = append(unknown, key)
		}
	}
	slices.Sort(unknown)
	for _, key := range unknown {
		im.warnings = append(im.warnings, fmt.Sprintf("criteria: %q is not read; known: %s", key, strings.Join(criteriaKeys, ", ")))
	}
	return p
}

// text reads a JSON string; an absent one is empty, which validation reports.
func (im *importer) text(path string, raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		im.faults.Add(path, "found %s, want text", excerpt(raw))
	}
	return strings.TrimSpace(s)
}

// age reads a whole number, bare or in a string.
func (im *importer) age(raw json.RawMessage) int32 {
	value, err := strconv.ParseInt(strings.Trim(string(raw), `" `), 10, 32)
	if err != nil && len(raw) > 0 {
		im.faults.Add("persona.age", "found %s, want a whole number", excerpt(raw))
	}
	return int32(value)
}

// list reads a JSON array of texts, or a text that enumerates.
func (im *importer) list(path string, raw json.RawMessage) []string {
	var all []string
	if err := json.Unmarshal(raw, &all); err == nil {
		return all
	}
	_, items := enumerated(im.text(path, raw))
	return items
}

// prose reads a text and resolves an enumeration in it, so that its numbers
// are not taken for hours.
func (im *importer) prose(path string, raw json.RawMessage) string {
	var all []string
	if err := json.Unmarshal(raw, &all); err == nil {
		return strings.Join(all, " ")
	}
	s := im.text(path, raw)
	if len(marks(s)) == 0 {
		return s
	}
	lead, items := enumerated(s)
	return strings.TrimSpace(lead+" "+strings.Join(items, "; ")) + "."
}

var (
	traitPhrase = regexp.MustCompile(`(?i)^(?:(high|low)\s+(?:in|on)\s+)?([a-z][a-z ]*)$`)
	traitBreak  = regexp.MustCompile(`[,;.\n&]|\band\b`)
)

// traits reads "High in Extraversion, Low in Agreeableness and Openness". A
// level goes on to the traits after it that name none.
func (im *importer) traits(s string) *simv1.BigFive {
	b := &simv1.BigFive{}
	if s == "" {
		return b
	}
	level := simv1.TraitLevel_TRAIT_LEVEL_UNSPECIFIED
	for _, part := range clean(traitBreak.Split(s, -1)) {
		m := traitPhrase.FindStringSubmatch(part)
		if m == nil {
			im.faults.Add("persona.big_five", `%q is not "High in ..." or "Low in ..."`, part)
			continue
		}
		if word, ok := parseLevel(m[1]); ok {
			level = word
		}
		name := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(m[2])), " to experience")
		to := levelOf(b, name)
		switch {
		case to == nil:
			im.faults.Add("persona.big_five", "unknown trait %q; allowed: %s", part, strings.Join(Traits(), ", "))
		case level == simv1.TraitLevel_TRAIT_LEVEL_UNSPECIFIED:
			im.faults.Add("persona.big_five."+name, `%q gives no level; want "High in ..." or "Low in ..."`, part)
		case *to != simv1.TraitLevel_TRAIT_LEVEL_UNSPECIFIED && *to != level:
			im.faults.Add("persona.big_five."+name, "is given as both high and low")
		default:
			*to = level
		}
	}
	for _, trait := range Traits() {
		if Level(b, trait) == simv1.TraitLevel_TRAIT_LEVEL_UNSPECIFIED && !covered(im.faults, "persona.big_five."+trait) {
			im.faults.Add("persona.big_five."+trait, "is missing; allowed: high, low")
		}
	}
	return b
}

func excerpt(raw json.RawMessage) string {
	s := string(raw)
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strconv.Quote(s)
}
