package worlds_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/world"
	"github.com/propersim/propersim/worlds"
)

func TestEveryWorldCanBeLivedIn(t *testing.T) {
	all, err := worlds.All()
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "home", all[0].GetId())
	for _, w := range all {
		plan, err := world.NewPlan(w)
		require.NoError(t, err)
		for _, kind := range activity.Kinds() {
			if kind == activity.Walking || kind == activity.Private {
				continue
			}
			require.NotEmpty(t, plan.Spots(kind), "%s affords no %s", w.GetId(), kind)
		}
		for i := range w.GetRooms() {
			for k := range w.GetRooms() {
				seconds := plan.WalkSeconds(i, k)
				require.Equal(t, seconds, plan.WalkSeconds(k, i))
				require.LessOrEqual(t, seconds, int32(80), "a walk through the place is short")
			}
		}
	}
}

func TestUnknownWorld(t *testing.T) {
	_, err := worlds.Get("moon")
	require.ErrorIs(t, err, errs.ErrNotFound)
}
