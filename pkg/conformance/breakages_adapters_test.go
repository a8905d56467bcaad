package conformance_test

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
)

// adapterBreakages break the checks adapter.* and invalid.*.
var adapterBreakages = []breakage{
	{
		name: "an adapter that is accepted and not used",
		apply: func(d *double, _ *faithful) {
			d.use = func(context.Context, *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
				return &assistantv1.UseAdapterResponse{}, nil
			}
		},
		fails: []string{"session.unknown", "adapter.use"},
	},
	{
		name: "an adapter that breaks the server",
		apply: func(d *double, _ *faithful) {
			d.use = func(context.Context, *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
				return nil, status.Error(codes.Internal, "index out of range")
			}
		},
		fails: []string{"adapter.use"},
	},
	{
		name: "an adapter at the opening is ignored",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				return f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					if start := r.GetStart(); start != nil {
						start.Adapter = nil
					}
					return r, err
				}})
			}
		},
		fails: []string{"adapter.open"},
	},
	{
		name: "an invalid request stops the server", opts: conformance.Options{Timeout: time.Second},
		apply: func(d *double, f *faithful) {
			var dead atomic.Bool
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				if r.GetCandidates() < 0 {
					dead.Store(true)
				}
				if dead.Load() {
					<-ctx.Done()
					return nil, status.FromContextError(ctx.Err()).Err()
				}
				return f.recommend(ctx, r)
			}
		},
		fails: []string{"invalid.survived"},
		warns: []string{"invalid.open-session", "invalid.recommend", "invalid.observe", "invalid.use-adapter", "invalid.close-session"},
	},
}
