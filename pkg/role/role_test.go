package role_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/role"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func TestAddKeepsTheOrder(t *testing.T) {
	var all role.Effects
	require.True(t, all.Empty())
	all.Add(role.Effects{Calls: []*simv1.ModelCall{{Id: "a"}}, Timings: []*simv1.CallTiming{{CallId: "a"}}})
	all.Add(role.Effects{Calls: []*simv1.ModelCall{{Id: "b"}}, Notes: []*simv1.Note{{Key: "day/1"}}})
	require.False(t, all.Empty())
	require.Len(t, all.Calls, 2)
	require.Equal(t, "b", all.Calls[1].GetId())
	require.Len(t, all.Timings, 1)
	require.Equal(t, "day/1", all.Notes[0].GetKey())
}
