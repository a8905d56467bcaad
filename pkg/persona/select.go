package persona

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/propersim/propersim/internal/nearest"
	"github.com/propersim/propersim/pkg/errs"
)

var numberRange = regexp.MustCompile(`^(\d{1,9})\s*-\s*(\d{1,9})$`)

// Select picks personas from all by a comma-separated selector. A part is
// "all" (everybody but the hard set), "hard" (the hard set), a number ("7"), a
// range of numbers ("1-4"), an id, or a name in any letter case. The result has each persona once, in the order of the selector.
// It returns errs.Violations on the field "personas", one for each part that
// names nobody.
func Select(selector string, all []Numbered) ([]Numbered, error) {
	var v errs.Violations
	var out []Numbered
	taken := make([]bool, len(all))
	for part := range strings.SplitSeq(selector, ",") {
		part = strings.TrimSpace(part)
		picked := pick(part, all, &v)
		for _, i := range picked {
			if !taken[i] {
				taken[i] = true
				out = append(out, all[i])
			}
		}
	}
	return out, v.OrNil()
}

// pick returns the positions in all that one part of a selector means.
func pick(part string, all []Numbered, v *errs.Violations) []int {
	if part == "" {
		v.Add("personas", `a part is empty; want "all", "hard", numbers, ranges like "1-4", ids or names, separated by commas`)
		return nil
	}
	if strings.EqualFold(part, "all") {
		return where(all, func(n Numbered) bool { return !n.Hard() })
	}
	if hard := where(all, Numbered.Hard); strings.EqualFold(part, "hard") && len(hard) > 0 {
		return hard
	}
	if same := where(all, func(n Numbered) bool { return n.Persona.GetId() == part }); len(same) > 0 {
		return same
	}
	if number, err := strconv.Atoi(part); err == nil {
		return inRange(part, number, number, all, v)
	}
	if m := numberRange.FindStringSubmatch(part); m != nil {
		from, _ := strconv.Atoi(m[1]) // at most nine digits
		to, _ := strconv.Atoi(m[2])
		if from > to {
			v.Add("personas", "%q runs backwards; want %d-%d", part, to, from)
			return nil
		}
		return inRange(part, from, to, all, v)
	}
	named := where(all, func(n Numbered) bool { return strings.EqualFold(n.Persona.GetName(), part) })
	if len(named) == 0 {
		v.Add("personas", "%q is no persona's number, id or name%s", part, hint(part, all))
	}
	return named
}

// hint says what a part that names nobody may mean.
func hint(part string, all []Numbered) string {
	if ext := filepath.Ext(part); ext == ".yaml" || ext == ".yml" {
		return "; a file is named in simulation.persona_files (--persona-file), and the person in it is chosen by its id"
	}
	names := []string{"all", "hard"}
	for _, n := range all {
		names = append(names, n.Persona.GetId(), n.Persona.GetName())
	}
	if near := nearest.Of(part, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; `propersim persona ls` lists them"
}

// inRange returns who has a number from from to to, both included; both ends
// must exist.
func inRange(part string, from, to int, all []Numbered, v *errs.Violations) []int {
	last := 0
	for _, n := range all {
		last = max(last, n.Number)
	}
	found := where(all, func(n Numbered) bool { return n.Number > 0 && n.Number >= from && n.Number <= to })
	if len(found) == 0 || from < 1 || to > last {
		v.Add("personas", "%q: the numbers are 1 to %d", part, last)
		return nil
	}
	return found
}

func where(all []Numbered, holds func(Numbered) bool) []int {
	var out []int
	for i, n := range all {
		if holds(n) {
			out = append(out, i)
		}
	}
	return out
}
