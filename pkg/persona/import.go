package persona

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// MaxImport is the largest scratch file accepted, in bytes: it also has the state
// of a simulation.
const MaxImport = 1 << 20

// scratch has the keys of a generative-agents scratch.json that describe a
// person. The published personas of the task have traits, goals and criteria;
// the family's own files have innate, learned and currently in their place.
type scratch struct {
	Name       json.RawMessage            `json:"name"`
	FirstName  json.RawMessage            `json:"first_name"`
	LastName   json.RawMessage            `json:"last_name"`
	Age        json.RawMessage            `json:"age"`
	Traits     json.RawMessage            `json:"big_five_personality_traits"`
	Background json.RawMessage            `json:"background"`
	Learned    json.RawMessage            `json:"learned"`
	Innate     json.RawMessage            `json:"innate"`
	Interests  json.RawMessage            `json:"current_interests"`
	Currently  json.RawMessage            `json:"currently"`
	Lifestyle  json.RawMessage            `json:"lifestyle"`
	DailyPlan  json.RawMessage            `json:"daily_plan_req"`
	DailyReq   json.RawMessage            `json:"daily_req"`
	Goals      json.RawMessage            `json:"long_term_goals"`
	Criteria   map[string]json.RawMessage `json:"criteria"`
}

// described are the keys that scratch reads.
var described = []string{
	"name", "first_name", "last_name", "age", "big_five_personality_traits", "background", "learned", "innate",
	"current_interests", "currently", "lifestyle", "daily_plan_req", "daily_req", "long_term_goals", "criteria",
}

// simulated are the keys that keep the state of such a simulation; they say
// nothing about a person.
var simulated = []string{
	"vision_r", "att_bandwidth", "retention", "curr_time", "curr_tile", "living_area", "concept_forget", "daily_reflection_time",
	"daily_reflection_size", "overlap_reflect_th", "kw_strg_event_reflect_th", "kw_strg_thought_reflect_th", "recency_w", "relevance_w",
	"importance_w", "recency_decay", "importance_trigger_max", "importance_trigger_curr", "importance_ele_n", "thought_count",
	"f_daily_schedule", "f_daily_schedule_hourly_org", "act_address", "act_start_time", "act_duration", "act_description",
	"act_pronunciatio", "act_event", "act_obj_description", "act_obj_pronunciatio", "act_obj_event", "chatting_with", "chat",
	"chatting_with_buffer", "chatting_end_time", "act_path_set", "planned_path", "suggestion", "user_action_for_suggestion",
	"suggestion_eval_result",
}

// criteriaKeys are the four texts of the rubric as such files name them.
var criteriaKeys = []string{"Personal_Preference", "Timing", "Frequency", "Communication_&_Safety"}

// Draft is what a file says about a person, with what it leaves open.
type Draft struct {
	// Persona has what the file gives.
	Persona *simv1.Persona
	// Gaps are the fields that the file does not give, ascending by their order
	// in a persona, like "persona.big_five.openness". Empty: the persona is valid.
	Gaps []string
	// Warnings name the keys that were not read.
	Warnings []string
}

// ImportGenerativeAgents reads the scratch.json that simulations of the
// generative-agents family keep for a person, as ImportDraft does. What is
// missing is errs.Violations on the persona's fields.
func ImportGenerativeAgents(r io.Reader) (*simv1.Persona, []string, error) {
	draft, err := ImportDraft(r)
	if err != nil {
		return nil, nil, err
	}
	var faults errs.Violations
	for _, gap := range draft.Gaps {
		faults.Add(gap, "is missing from the file")
	}
	if err := faults.OrNil(); err != nil {
		return nil, draft.Warnings, err
	}
	return draft.Persona, draft.Warnings, nil
}

// ImportDraft reads the scratch.json that simulations of the generative-agents
// family keep for a person. Numbered lists ("Ann enjoys 1) jazz, 2) chess") become
// lists. The import invents nothing: what the file does not say is a gap, and a
// key that is neither about the person nor state of the simulation is a warning.
// What the file says and a persona may not have is errs.Violations.
func ImportDraft(r io.Reader) (*Draft, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxImport+1))
	if err != nil {
		return nil, fmt.Errorf("read scratch file: %w", err)
	}
	if len(data) > MaxImport {
		return nil, errs.Invalid("persona", "the file has more than %d bytes", MaxImport)
	}
	var s scratch
	var keys map[string]json.RawMessage
	if err := cmp.Or(json.Unmarshal(data, &s), json.Unmarshal(data, &keys)); err != nil {
		return nil, errs.Invalid("persona", "is not a scratch file: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	im := importer{}
	im.unread("", keys, append(slices.Clone(described), simulated...), described)
	im.unread("criteria: ", s.Criteria, criteriaKeys, criteriaKeys)
	out := &Draft{Persona: im.persona(&s), Warnings: im.warnings}
	out.Gaps = gaps(out.Persona)
	err = Validate(out.Persona)
	var found errs.Violations
	if err != nil && !errors.As(err, &found) {
		return nil, err
	}
	known := im.faults
	for _, v := range found {
		if !covered(known, v.Field) && !isGap(out.Gaps, v.Field) {
			im.faults = append(im.faults, v)
		}
	}
	if err := im.faults.OrNil(); err != nil {
		return nil, err
	}
	return out, nil
}

// gaps names the fields of a persona that are empty.
func gaps(p *simv1.Persona) []string {
	var out []string
	add := func(field string, empty bool) {
		if empty {
			out = append(out, "persona."+field)
		}
	}
	add("name", p.GetName() == "")
	add("age", p.GetAge() == 0)
	add("background", p.GetBackground() == "")
	for _, trait := range Traits() {
		add("big_five."+trait, Level(p.GetBigFive(), trait) == simv1.TraitLevel_TRAIT_LEVEL_UNSPECIFIED)
	}
	add("current_interests", len(p.GetCurrentInterests()) == 0)
	add("lifestyle", p.GetLifestyle() == "")
	add("daily_plan_requirements", len(p.GetDailyPlanRequirements()) == 0)
	add("long_term_goals", len(p.GetLongTermGoals()) == 0)
	add("rubric.personal_preference", p.GetRubric().GetPersonalPreference() == "")
	add("rubric.timing", p.GetRubric().GetTiming() == "")
	add("rubric.frequency", p.GetRubric().GetFrequency() == "")
	add("rubric.communication_safety", p.GetRubric().GetCommunicationSafety() == "")
	return out
}

func isGap(gaps []string, field string) bool {
	return slices.Contains(gaps, field) || field == "persona.id" && slices.Contains(gaps, "persona.name")
}

// Distinct gives people who share an id ids of their own: the second "ann-lee"
// becomes "ann-lee-2". Ids in taken belong to others already.
func Distinct(people []*simv1.Persona, taken map[string]bool) {
	used := maps.Clone(taken)
	if used == nil {
		used = map[string]bool{}
	}
	for _, p := range people {
		id := p.GetId()
		for n := 2; id == "" || used[id]; n++ {
			suffix := "-" + strconv.Itoa(n)
			id = strings.TrimRight(p.GetId()[:min(len(p.GetId()), maxSlug-len(suffix))], "-") + suffix
		}
		if p.GetId() != "" {
			p.Id, used[id] = id, true
		}
	}
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
	im.familyKeys(p, s)
	p.BigFive = im.traits(im.text("persona.big_five", s.Traits))
	p.Id = Slug(p.Name)
	return p
}

// familyKeys fills what is still empty from the keys of the family's own files.
func (im *importer) familyKeys(p *simv1.Persona, s *scratch) {
	if p.Name == "" {
		p.Name = strings.TrimSpace(im.text("persona.name", s.FirstName) + " " + im.text("persona.name", s.LastName))
	}
	if p.Background == "" {
		p.Background = im.text("persona.background", s.Learned)
	}
	if innate := im.text("persona.background", s.Innate); innate != "" {
		p.Background = strings.TrimSpace(p.Background + " By nature: " + strings.TrimRight(innate, ".") + ".")
	}
	if len(p.CurrentInterests) == 0 {
		if currently := im.text("persona.current_interests", s.Currently); currently != "" {
			p.CurrentInterests = []string{currently}
		}
	}
	if len(p.DailyPlanRequirements) == 0 {
		p.DailyPlanRequirements = im.list("persona.daily_plan_requirements", s.DailyReq)
	}
}

// unread warns of each key that is not known; wanted are those to name.
func (im *importer) unread(at string, keys map[string]json.RawMessage, known, wanted []string) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !slices.Contains(known, key) {
			im.warnings = append(im.warnings, fmt.Sprintf("%s%q is not read; known: %s", at, key, strings.Join(wanted, ", ")))
		}
	}
}

// text reads a JSON string; an absent one is empty, which validation reports.
func (im *importer) text(path string, raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
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
	if err != nil && len(raw) > 0 && string(raw) != "null" {
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
	return b
}

func excerpt(raw json.RawMessage) string {
	s := string(raw)
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strconv.Quote(s)
}
