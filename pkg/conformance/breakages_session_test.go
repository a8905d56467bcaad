package conformance_test

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
)

// sessionBreakages break the checks session.*.
var sessionBreakages = []breakage{
	{
		name: "last_step of an empty session is 0",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				return f.open(&tapped{opening: s, send: func(r *assistantv1.OpenSessionResponse) { r.LastStep = max(r.LastStep, 0) }})
			}
		},
		fails: []string{"session.open"},
	},
	{
		name: "only the last message of a history is counted in last_step",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				messages := 0
				return f.open(&tapped{
					opening: s,
					recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
						messages++
						return r, err
					},
					send: func(r *assistantv1.OpenSessionResponse) {
						if messages > 4 { // start, two chunks, end
							r.LastStep--
						}
					},
				})
			}
		},
		fails: []string{"session.open-history"},
	},
	{
		name: "a history of more than a week is refused",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				steps := 0
				return f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					if steps += len(r.GetHistory().GetSteps()); steps > 2000 {
						return nil, status.Error(codes.ResourceExhausted, "too long")
					}
					return r, err
				}})
			}
		},
		fails: []string{"session.open-long"},
	},
	{
		name: "only one time scale is known",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				return f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					if r.GetStart().GetSettings().GetStepSeconds() == 3600 {
						return nil, status.Error(codes.InvalidArgument, "an hour is too long")
					}
					return r, err
				}})
			}
		},
		fails: []string{"session.settings"},
	},
	{
		name: "a second opening is added to the first",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				var run string
				var old *memory
				err := f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					if id := r.GetStart().GetRunId(); checkNamed(id, "replace") {
						f.mu.Lock()
						run, old = id, f.sessions[id]
						f.mu.Unlock()
					}
					return r, err
				}})
				if old != nil {
					f.mu.Lock()
					f.sessions[run].last = max(f.sessions[run].last, old.last)
					f.mu.Unlock()
				}
				return err
			}
		},
		fails: []string{"session.replace"},
	},
	{
		name: "an unknown session is a failed precondition",
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				resp, err := f.observe(ctx, r)
				if status.Code(err) == codes.NotFound {
					err = status.Error(codes.FailedPrecondition, "open it first")
				}
				return resp, err
			}
		},
		fails: []string{"session.unknown"},
	},
	{
		name: "last_step is ignored",
		apply: func(d *double, f *faithful) {
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				f.mu.Lock()
				if m, ok := f.sessions[r.GetRunId()]; ok {
					r.LastStep = m.last
				}
				f.mu.Unlock()
				return f.recommend(ctx, r)
			}
		},
		fails: []string{"session.missed-step"},
	},
	{
		name: "a refused Observe changes the step of the session",
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				resp, err := f.observe(ctx, r)
				if status.Code(err) == codes.FailedPrecondition {
					f.mu.Lock()
					f.sessions[r.GetRunId()].last = r.GetPast().GetStep()
					f.mu.Unlock()
				}
				return resp, err
			}
		},
		fails: []string{"session.missed-step"},
	},
	{
		name: "a closed session stays open",
		apply: func(d *double, _ *faithful) {
			d.forget = func(context.Context, *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
				return &assistantv1.CloseSessionResponse{}, nil
			}
		},
		fails: []string{"session.close"},
	},
	{
		name: "closing twice is an error",
		apply: func(d *double, f *faithful) {
			d.forget = func(ctx context.Context, r *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
				f.mu.Lock()
				_, known := f.sessions[r.GetRunId()]
				f.mu.Unlock()
				if !known {
					return nil, status.Error(codes.NotFound, "not open")
				}
				return f.forget(ctx, r)
			}
		},
		fails: []string{"session.close"},
	},
	{
		name: "an aborted opening keeps a lock", opts: conformance.Options{Timeout: time.Second},
		apply: func(d *double, f *faithful) {
			locked := make(chan struct{}, 1)
			d.open = func(s opening) error {
				mine := false
				err := f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					if checkNamed(r.GetStart().GetRunId(), "aborted") {
						locked <- struct{}{}
						mine = true
					}
					return r, err
				}})
				if mine && err == nil {
					<-locked
				}
				return err
			}
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				if !checkNamed(r.GetRunId(), "aborted") {
					return f.recommend(ctx, r)
				}
				select {
				case locked <- struct{}{}:
				case <-ctx.Done():
					return nil, status.FromContextError(ctx.Err()).Err()
				}
				defer func() { <-locked }()
				return f.recommend(ctx, r)
			}
		},
		fails: []string{"session.open-aborted"},
	},
	{
		name: "the codes come without a reason",
		apply: func(d *double, f *faithful) {
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				resp, err := f.recommend(ctx, r)
				return resp, bare(err)
			}
		},
		fails: []string{"session.reasons"},
	},
	{
		name: "the reason is given for a missing session alone",
		apply: func(d *double, f *faithful) {
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				resp, err := f.recommend(ctx, r)
				if status.Code(err) == codes.FailedPrecondition {
					err = bare(err)
				}
				return resp, err
			}
		},
		fails: []string{"session.reasons"},
	},
}
