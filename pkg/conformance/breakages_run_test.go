package conformance_test

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/pkg/conformance"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
)

// runBreakages break the checks run.*, recommend.*, observe.*, runs.*, deadline.* and record.*.
var runBreakages = []breakage{
	{
		name: "a new day is a missed step",
		apply: func(d *double, f *faithful) {
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				if r.GetLastStep() >= 0 && r.GetStep()-r.GetLastStep() > 20 && checkNamed(r.GetRunId(), "life") {
					return nil, status.Error(codes.FailedPrecondition, "too far ahead")
				}
				return f.recommend(ctx, r)
			}
		},
		fails: []string{"run.life"},
	},
	{
		name: "a private moment is an error",
		apply: func(d *double, f *faithful) {
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				if r.GetObservation().GetKind() == "beekeeping" {
					return nil, status.Error(codes.Internal, "no such kind")
				}
				return f.recommend(ctx, r)
			}
		},
		fails: []string{"run.observations"},
	},
	{
		name: "the third Recommend changes the step of the session",
		apply: func(d *double, f *faithful) {
			asked := map[string]int{}
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				resp, err := f.recommend(ctx, r)
				f.mu.Lock()
				defer f.mu.Unlock()
				if asked[r.GetRunId()]++; err == nil && checkNamed(r.GetRunId(), "unmoved") && asked[r.GetRunId()] == 3 {
					f.sessions[r.GetRunId()].last += 5
				}
				return resp, err
			}
		},
		fails: []string{"recommend.unmoved"},
	},
	{
		name:  "every answer differs, without that claim",
		apply: sampled,
		warns: []string{"run.rebuilt", "recommend.same-answer", "observe.counted-once", "runs.apart"},
	},
	{
		name: "every answer differs, although it claims to be deterministic", opts: conformance.Options{Deterministic: true},
		apply: sampled,
		fails: []string{"run.rebuilt", "recommend.same-answer", "observe.counted-once", "runs.apart"},
	},
	{
		name: "what was said is lost when a session is opened again", opts: conformance.Options{Deterministic: true},
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				return f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					for _, past := range r.GetHistory().GetSteps() {
						past.Delivered = nil
					}
					return r, err
				}})
			}
		},
		fails: []string{"run.rebuilt"},
	},
	{
		name: "a repeated Observe is refused",
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				f.mu.Lock()
				m := f.sessions[r.GetRunId()]
				repeat := m != nil && checkNamed(r.GetRunId(), "repeat") && r.GetPast().GetStep() <= m.last
				f.mu.Unlock()
				if repeat {
					return nil, status.Error(codes.AlreadyExists, "known")
				}
				return f.observe(ctx, r)
			}
		},
		fails: []string{"observe.repeat"},
	},
	{
		name: "a repeated Observe counts twice", opts: conformance.Options{Deterministic: true},
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				f.mu.Lock()
				if m := f.sessions[r.GetRunId()]; m != nil && r.GetPast().GetStep() == m.last {
					m.seen++
				}
				f.mu.Unlock()
				return f.observe(ctx, r)
			}
		},
		fails: []string{"observe.counted-once"},
	},
	{
		name: "a score of 0 is an error", opts: conformance.Options{Method: withScores},
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				if past := r.GetPast(); past.Score != nil && past.GetScore() == 0 {
					return nil, status.Error(codes.InvalidArgument, "no score")
				}
				return f.observe(ctx, r)
			}
		},
		fails: []string{"observe.score"},
	},
	{
		name: "closing one run closes all",
		apply: func(d *double, f *faithful) {
			d.forget = func(ctx context.Context, r *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
				if checkNamed(r.GetRunId(), "quiet") {
					f.mu.Lock()
					clear(f.sessions)
					f.mu.Unlock()
				}
				return f.forget(ctx, r)
			}
		},
		fails: []string{"runs.beside"},
	},
	{
		name: "what is said in one run is remembered in all", opts: conformance.Options{Deterministic: true},
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				resp, err := f.observe(ctx, r)
				if checkNamed(r.GetRunId(), "loud") && err == nil {
					f.mu.Lock()
					for _, m := range f.sessions {
						m.said++
					}
					f.mu.Unlock()
				}
				return resp, err
			}
		},
		fails: []string{"runs.apart"},
	},
	{
		name: "a second caller at the same time is refused",
		apply: func(d *double, f *faithful) {
			var inside atomic.Int32
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				if !strings.Contains(r.GetRunId(), "at-once") {
					return f.recommend(ctx, r)
				}
				defer inside.Add(-1)
				if inside.Add(1) > 1 {
					return nil, status.Error(codes.ResourceExhausted, "busy")
				}
				time.Sleep(20 * time.Millisecond) // as a model takes time
				return f.recommend(ctx, r)
			}
		},
		fails: []string{"runs.at-once"},
	},
	{
		name: "a cancelled call keeps its slot", opts: conformance.Options{Timeout: time.Second},
		apply: func(d *double, f *faithful) {
			place := make(chan struct{}, 1)
			d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
				if !checkNamed(r.GetRunId(), "given-up") {
					return f.recommend(ctx, r)
				}
				place <- struct{}{}
				time.Sleep(30 * time.Millisecond) // as a model takes time
				if ctx.Err() == nil {
					<-place
				}
				return f.recommend(ctx, r)
			}
		},
		fails: []string{"deadline.given-up"},
	},
	{
		name: "an Observe after a cancelled one is refused",
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < time.Second {
					f.mu.Lock()
					delete(f.sessions, r.GetRunId())
					f.mu.Unlock()
				}
				return f.observe(ctx, r)
			}
		},
		fails: []string{"deadline.retry"},
	},
	{
		name: "a delivered failure is an error",
		apply: func(d *double, f *faithful) {
			d.observe = func(ctx context.Context, r *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
				if r.GetPast().GetDelivered().GetFailure() != nil {
					return nil, status.Error(codes.InvalidArgument, "want a recommendation or an abstention")
				}
				return f.observe(ctx, r)
			}
		},
		fails: []string{"observe.failure"},
	},
	{
		name: "notes are lost when a session is opened again", opts: conformance.Options{Deterministic: true},
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				return f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					for _, past := range r.GetHistory().GetSteps() {
						if past.GetObservation() != nil {
							past.Notes = nil
						}
					}
					return r, err
				}})
			}
		},
		fails: []string{"run.rebuilt"},
	},
	{
		name: "a sleeping step is refused",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				return f.open(&tapped{opening: s, recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
					for _, past := range r.GetHistory().GetSteps() {
						if past.GetObservation() == nil {
							return nil, status.Error(codes.InvalidArgument, "observation: is missing")
						}
					}
					return r, err
				}})
			}
		},
		fails: []string{"record.notes"},
	},
	{
		name: "a sleeping step counts for last_step",
		apply: func(d *double, f *faithful) {
			d.open = func(s opening) error {
				asleep := int32(-1)
				return f.open(&tapped{
					opening: s,
					recv: func(r *assistantv1.OpenSessionRequest, err error) (*assistantv1.OpenSessionRequest, error) {
						for _, past := range r.GetHistory().GetSteps() {
							if past.GetObservation() == nil {
								asleep = past.GetStep()
							}
						}
						return r, err
					},
					send: func(r *assistantv1.OpenSessionResponse) { r.LastStep = max(r.LastStep, asleep) },
				})
			}
		},
		fails: []string{"record.notes"},
	},
	{
		name: "two calls of an answer have the same id",
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			resp.GetCalls()[1].Id = resp.GetCalls()[0].GetId()
		}),
		fails: []string{"record.calls"},
	},
	{
		name: "a timing of no call",
		apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			resp.GetTimings()[0].CallId = "assistant/7"
		}),
		fails: []string{"record.calls"},
	},
}
