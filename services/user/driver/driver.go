// Package driver has the roles that the user service leaves to drivers: planner,
// judge and rubric compiler. Each has an embedded driver, which is exact and
// deterministic, and may have others that ask a model. plannertest and judgetest
// below it are the suites that every driver passes.
package driver

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Embedded and Exact are the names of the drivers that need no model.
const (
	Embedded = "embedded"
	Exact    = "exact"
)

// Life is what one session is about. Nothing in it changes during a run; callers
// and drivers must not change the messages.
type Life struct {
	// RunID is the opaque handle of the run. It may label what a driver does; no
	// decision may depend on it.
	RunID string
	// Persona has its spec.
	Persona *simv1.Persona
	World   *simv1.World
	// Settings are the time scale and the root of all randomness.
	Settings *simv1.Settings
}

// Verify compares the backend that a caller asks for with the one that plays the
// role here. Absent means that any will do. It returns errs.Violations, one for
// each difference, with paths below field.
func Verify(field string, want, have *simv1.Backend) error {
	if want == nil {
		return nil
	}
	var faults errs.Violations
	if want.GetDriver() != have.GetDriver() {
		faults.Add(field+".driver", "found %q, want %q: no other driver is configured here", want.GetDriver(), have.GetDriver())
		return faults
	}
	if want.GetModel() != have.GetModel() {
		faults.Add(field+".model", "found %q, want %q", want.GetModel(), have.GetModel())
	}
	if !proto.Equal(want.GetSampling(), have.GetSampling()) {
		faults.Add(field+".sampling", "found %s, want %s", sampling(want), sampling(have))
	}
	if want.GetPrompts() != have.GetPrompts() {
		faults.Add(field+".prompts", "found %q, want %q: the prompts differ", want.GetPrompts(), have.GetPrompts())
	}
	keys := slices.Sorted(maps.Keys(want.GetOptions()))
	for key := range have.GetOptions() {
		if _, given := want.GetOptions()[key]; !given {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if found, allowed := want.GetOptions()[key], have.GetOptions()[key]; found != allowed {
			faults.Add(fmt.Sprintf("%s.options[%q]", field, key), "found %q, want %q", found, allowed)
		}
	}
	return faults.OrNil()
}

func sampling(b *simv1.Backend) string {
	s := b.GetSampling()
	if s == nil {
		return "no sampling parameters"
	}
	text := fmt.Sprintf("temperature %g, top_p %g, max_tokens %d", s.GetTemperature(), s.GetTopP(), s.GetMaxTokens())
	if s.Seed != nil {
		text += fmt.Sprintf(", seed %d", s.GetSeed())
	}
	return text
}
