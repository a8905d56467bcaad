package role_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestABackendMustBeTheServers(t *testing.T) {
	have := &simv1.Backend{Driver: "model", Model: "m", Sampling: &simv1.Sampling{Temperature: 0.9}, Prompts: "aa", Options: map[string]string{"per": "criterion"}}
	fields := func(want *simv1.Backend) (out []string) {
		var faults errs.Violations
		role.CheckBackend(&faults, "start.policy", want, have)
		for _, f := range faults {
			out = append(out, f.Field)
		}
		return out
	}
	require.Empty(t, fields(nil), "absent means whatever the server has")
	require.Empty(t, fields(&simv1.Backend{Driver: "model", Model: "m", Sampling: &simv1.Sampling{Temperature: 0.9}, Prompts: "aa", Options: map[string]string{"per": "criterion"}}))
	require.Equal(t, []string{"start.policy.driver"}, fields(role.EmbeddedBackend()))
	require.Equal(t, []string{"start.policy.model", "start.policy.sampling", "start.policy.prompts", "start.policy.options"}, fields(&simv1.Backend{Driver: "model"}))
}
