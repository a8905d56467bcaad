package trainer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
)

// TestATrainedJobWaitsForALargeBase has a model server that starts for half an hour
// after the training, and one that never comes back.
func TestATrainedJobWaitsForALargeBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		starting := func(until time.Duration) func() (string, error) {
			return func() (string, error) {
				if time.Since(began) < until {
					return "", fmt.Errorf("the model server is starting: %w", errs.ErrUnavailable)
				}
				return "loaded", nil
			}
		}
		done, err := retry(t.Context(), loadPatience, starting(30*time.Minute))
		require.NoError(t, err)
		require.Equal(t, "loaded", done)
		require.Less(t, time.Since(began), 31*time.Minute)
		_, err = retry(t.Context(), loadPatience, starting(24*time.Hour))
		require.ErrorIs(t, err, errs.ErrUnavailable)
		require.Less(t, time.Since(began), 2*time.Hour)
	})
}
