package role

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Describe writes in one line who plays a role: equal lines, equal backends. otherwise
// names the driver where the backend is nil.
func Describe(b *simv1.Backend, otherwise string) string {
	if b == nil {
		return otherwise
	}
	parts := []string{b.GetDriver()}
	if b.GetModel() != "" {
		parts = append(parts, b.GetModel())
	}
	if s := b.GetSampling(); s != nil {
		parts = append(parts, fmt.Sprintf("temperature %g", s.GetTemperature()))
		if s.GetTopP() != 0 {
			parts = append(parts, fmt.Sprintf("top_p %g", s.GetTopP()))
		}
		if s.GetMaxTokens() != 0 {
			parts = append(parts, fmt.Sprintf("max_tokens %d", s.GetMaxTokens()))
		}
		if s.Seed != nil {
			parts = append(parts, fmt.Sprintf("seed %d", s.GetSeed()))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.GetOptions())) {
		parts = append(parts, key+" "+b.GetOptions()[key])
	}
	if p := b.GetPrompts(); p != "" {
		parts = append(parts, "prompts "+p[:min(12, len(p))])
	}
	return strings.Join(parts, ", ")
}
