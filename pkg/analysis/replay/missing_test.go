package replay

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// TestPairsOfAnUnfinishedDayMayBeMissing: a run hands its pairs over when a day is
// over, so that the buffer of a run that was stopped within a day lacks those of
// that day, and of no other.
func TestPairsOfAnUnfinishedDayMayBeMissing(t *testing.T) {
	for name, c := range map[string]struct {
		state  environmentv1.RunState
		day    int32 // of the last step; the missing pair is of day 1
		faulty bool
	}{
		"stopped within the day":  {environmentv1.RunState_RUN_STATE_QUEUED, 1, false},
		"the day after":           {environmentv1.RunState_RUN_STATE_QUEUED, 2, true},
		"a run that is finished":  {environmentv1.RunState_RUN_STATE_FINISHED, 1, true},
		"finished, another's day": {environmentv1.RunState_RUN_STATE_FINISHED, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			check := check{run: &environmentv1.Run{Id: "r", State: c.state}, day: c.day}
			check.buffer = func() (*bufferv1.ListResponse, error) { return nil, io.EOF }
			require.NoError(t, check.buffered(waking(), 0, indices{chosen: 1, rejected: 0}))
			err := check.missed()
			if !c.faulty {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errs.ErrDataLoss)
			require.ErrorContains(t, err, "its pair is not in the buffer")
		})
	}
}
