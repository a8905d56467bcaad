package simtime

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePaperScale(t *testing.T) {
	s := Scale(150)
	require.NoError(t, s.Validate())
	require.EqualValues(t, 576, s.StepsPerDay())
	require.EqualValues(t, 1, s.Day(575))
	require.EqualValues(t, 2, s.Day(576))
	require.EqualValues(t, 576, s.FirstStep(2))
	require.EqualValues(t, 150, s.SecondOfDay(577))
	require.Equal(t, 2.5, s.MinuteOfDay(577))
	require.Equal(t, "00:02:30", Clock(s.SecondOfDay(577)))
	require.Equal(t, "13:05", Clock(13*3600+5*60))
}

func TestScaleMustDivideADay(t *testing.T) {
	for _, bad := range []Scale{0, -150, 7, 151, 7200} {
		require.ErrorContains(t, bad.Validate(), "step_seconds")
	}
}
