package conformance_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// breakage is one way to violate the contract, and the checks that notice it.
type breakage struct {
	name  string
	opts  conformance.Options
	apply func(*double, *faithful)
	fails []string
	warns []string
}

var (
	withScores = &simv1.Method{
		Name: "ars", Memory: simv1.MemoryLevel_MEMORY_LEVEL_ARS, Scheme: simv1.Scheme_SCHEME_SAMPLES,
		Decider: simv1.Decider_DECIDER_CUSTOM, Told: simv1.Told_TOLD_NOTHING,
	}
	withContrast = &simv1.Method{
		Name: "proper-contrast", Memory: simv1.MemoryLevel_MEMORY_LEVEL_AR, Scheme: simv1.Scheme_SCHEME_CONTRAST,
		Decider: simv1.Decider_DECIDER_CUSTOM, Told: simv1.Told_TOLD_NOTHING,
	}
)

// answered changes every answer of Recommend.
func answered(change func(*assistantv1.RecommendRequest, *assistantv1.RecommendResponse)) func(*double, *faithful) {
	return func(d *double, f *faithful) {
		d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
			resp, err := f.recommend(ctx, r)
			if err == nil {
				change(r, resp)
			}
			return resp, err
		}
	}
}

// speech changes every recommendation.
func speech(change func(*simv1.Recommendation)) func(*double, *faithful) {
	return answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
		for _, c := range resp.GetCandidates() {
			if r := c.GetRecommendation(); r != nil {
				change(r)
			}
		}
	})
}

// bare removes the details of a status.
func bare(err error) error {
	if err == nil {
		return nil
	}
	return status.Error(status.Code(err), status.Convert(err).Message())
}

func TestABrokenServerFailsWhatItBreaks(t *testing.T) {
	broken := map[string]bool{}
	for _, b := range slices.Concat(sessionBreakages, runBreakages, candidateBreakages, adapterBreakages) {
		t.Run(b.name, func(t *testing.T) {
			server, good := newDouble()
			b.apply(server, good)
			rules := len(b.warns) < 5 // without field rules every invalid request is accepted
			report, err := conformance.Assistant(t.Context(), connect(t, server, rules), b.opts)
			require.NoError(t, err)
			require.ElementsMatch(t, b.fails, with(report, conformance.Fail), text(t, report))
			require.ElementsMatch(t, b.warns, with(report, conformance.Warn), text(t, report))
			require.Equal(t, len(b.fails) == 0, report.OK())
			for _, c := range report.Checks {
				if c.Result == conformance.Fail || c.Result == conformance.Warn {
					broken[c.ID] = true
					require.NotEmpty(t, c.Found, c.ID)
					require.NotEmpty(t, c.Allowed, c.ID)
				}
			}
		})
	}
	server, _ := newDouble()
	report, err := conformance.Assistant(t.Context(), connect(t, server, true), conformance.Options{})
	require.NoError(t, err)
	for _, c := range report.Checks {
		require.True(t, broken[c.ID], "no breakage shows that %s can fail", c.ID)
	}
}
