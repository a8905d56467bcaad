package seeded

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRolesHaveSeedsOfTheirOwn(t *testing.T) {
	seen := map[uint64]bool{}
	for root := range uint64(50) {
		for _, persona := range []string{"ada", "adaa", "bea"} {
			for _, role := range []string{RoleUser, RoleAssistant} {
				seed := RoleSeed(root, persona, role)
				require.Equal(t, seed, RoleSeed(root, persona, role))
				require.False(t, seen[seed], "%d %s %s", root, persona, role)
				seen[seed] = true
			}
		}
	}
	require.NotEqual(t, RoleSeed(1, "a", "auser"), RoleSeed(1, "aa", "user"), "parts do not run together")
}
