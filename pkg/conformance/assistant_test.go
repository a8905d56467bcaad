package conformance_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/conformance"
	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

func text(t *testing.T, report *conformance.Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.WriteText(&b))
	return b.String()
}

// with returns the identifiers of the checks with a result.
func with(report *conformance.Report, result conformance.Result) []string {
	out := []string{}
	for _, c := range report.Checks {
		if c.Result == result {
			out = append(out, c.ID)
		}
	}
	return out
}

func TestAFaithfulServerConforms(t *testing.T) {
	for name, opts := range map[string]conformance.Options{
		"samples":  {Deterministic: true},
		"contrast": {Deterministic: true, Scheme: assistantv1.Scheme_SCHEME_CONTRAST, Method: "proper-contrast"},
		"scores":   {Deterministic: true, Memory: assistantv1.MemoryLevel_MEMORY_LEVEL_ARS, Method: "ars"},
		"fine":     {Deterministic: true, StepSeconds: 150, Steps: 400},
		"coarse":   {Deterministic: true, StepSeconds: 3600, Steps: 8},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := newDouble()
			report, err := conformance.Assistant(t.Context(), stand(t, server, true), opts)
			require.NoError(t, err)
			require.True(t, report.OK(), text(t, report))
			require.Empty(t, with(report, conformance.Fail))
			require.Empty(t, with(report, conformance.Warn), text(t, report))
			require.Equal(t, conformance.TrainableYes, report.Trainable)
		})
	}
}

type breakage struct {
	name  string
	opts  conformance.Options
	apply func(*double, *faithful)
	fails []string
	warns []string
}

func breakages() []breakage {
	answered := func(change func(*assistantv1.RecommendRequest, *assistantv1.RecommendResponse)) func(*double, *faithful) {
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
	speech := func(change func(*simv1.Recommendation)) func(*double, *faithful) {
		return answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
			for _, c := range resp.GetCandidates() {
				if r := c.GetRecommendation(); r != nil {
					change(r)
				}
			}
		})
	}
	return []breakage{
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
							if messages > 4 { // start, two stretches, end
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
			name: "last_step is not looked at",
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
			name: "a refused Observe moves the session",
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
			name: "a closed session goes on",
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
			name: "an opening that breaks off keeps a lock", opts: conformance.Options{Timeout: time.Second},
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
			name: "Recommend moves the session when asked a third time",
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
			name:  "every answer differs, unclaimed",
			apply: sampled,
			warns: []string{"run.rebuilt", "recommend.same-answer", "observe.counted-once", "runs.apart"},
		},
		{
			name: "every answer differs, although deterministic", opts: conformance.Options{Deterministic: true},
			apply: sampled,
			fails: []string{"run.rebuilt", "recommend.same-answer", "observe.counted-once", "runs.apart"},
		},
		{
			name: "what was said is lost when a session is rebuilt", opts: conformance.Options{Deterministic: true},
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
			name: "a score of 0 is an error", opts: conformance.Options{Memory: assistantv1.MemoryLevel_MEMORY_LEVEL_ARS},
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
			name: "a second caller at the same time is turned away",
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
					time.Sleep(20 * time.Millisecond) // the work of a model
					return f.recommend(ctx, r)
				}
			},
			fails: []string{"runs.at-once"},
		},
		{
			name: "a call that was given up keeps its place", opts: conformance.Options{Timeout: time.Second},
			apply: func(d *double, f *faithful) {
				place := make(chan struct{}, 1)
				d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
					if !checkNamed(r.GetRunId(), "given-up") {
						return f.recommend(ctx, r)
					}
					place <- struct{}{}
					time.Sleep(30 * time.Millisecond) // the work of a model
					if ctx.Err() == nil {
						<-place
					}
					return f.recommend(ctx, r)
				}
			},
			fails: []string{"deadline.given-up"},
		},
		{
			name: "an Observe after one that was given up is refused",
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
			name: "one candidate too many",
			apply: answered(func(r *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
				if len(resp.GetCandidates()) < 16 {
					resp.Candidates = append(resp.Candidates, resp.GetCandidates()[0])
				}
			}),
			fails: []string{"candidates.count"},
		},
		{
			name: "contrast without the opposite",
			opts: conformance.Options{Scheme: assistantv1.Scheme_SCHEME_CONTRAST},
			apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
				resp.Candidates[1] = proto.CloneOf(resp.GetCandidates()[0])
			}),
			fails: []string{"candidates.contrast"},
		},
		{
			name: "contrast of one recommendation only",
			opts: conformance.Options{Scheme: assistantv1.Scheme_SCHEME_CONTRAST},
			apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
				resp.Candidates = resp.GetCandidates()[:2]
			}),
			fails: []string{"candidates.contrast"},
		},
		{
			name:  "an empty text",
			apply: speech(func(r *simv1.Recommendation) { r.Text = "" }),
			// An empty text is no silence either.
			fails: []string{"candidates.well-formed"}, warns: []string{"candidates.silence"},
		},
		{
			name: "a candidate without a choice",
			apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
				resp.GetCandidates()[len(resp.GetCandidates())-1].Choice = nil
			}),
			fails: []string{"candidates.well-formed"},
		},
		{
			name:  "silence in words",
			apply: speech(func(r *simv1.Recommendation) { r.Text = "No Recommendation." }),
			warns: []string{"candidates.silence"},
		},
		{
			name:  "a topic nobody knows",
			apply: speech(func(r *simv1.Recommendation) { r.Topic = "beekeeping-tips" }),
			warns: []string{"candidates.vocabulary"},
		},
		{
			name:  "a tone nobody knows",
			apply: speech(func(r *simv1.Recommendation) { r.Tone = "shouting" }),
			warns: []string{"candidates.vocabulary"},
		},
		{
			name: "a sample that is called an opposite",
			apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
				resp.GetCandidates()[0].Origin = simv1.Origin_ORIGIN_OPPOSITE
			}),
			warns: []string{"candidates.origin"},
		},
		{
			name: "a completion that is not JSON",
			apply: answered(func(_ *assistantv1.RecommendRequest, resp *assistantv1.RecommendResponse) {
				resp.GetCandidates()[0].Completion = "No Recommendation"
			}),
			warns: []string{"candidates.completion"},
		},
		{
			name: "an adapter that is taken and not used",
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
			name: "an adapter at the opening is passed over",
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
			name: "a bad request stops the server", opts: conformance.Options{Timeout: time.Second},
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
}

// sampled answers like a sampled model: never twice the same.
func sampled(d *double, f *faithful) {
	var n atomic.Int32
	d.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		resp, err := f.recommend(ctx, r)
		for _, c := range resp.GetCandidates() {
			c.Choice = &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: strings.Repeat("la ", int(n.Add(1))%200+1)}}
		}
		return resp, err
	}
}

func TestABrokenServerFailsWhatItBreaks(t *testing.T) {
	broken := map[string]bool{}
	for _, b := range breakages() {
		t.Run(b.name, func(t *testing.T) {
			server, good := newDouble()
			b.apply(server, good)
			rules := len(b.warns) < 5 // without field rules every bad request goes through
			report, err := conformance.Assistant(t.Context(), stand(t, server, rules), b.opts)
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
	report, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{})
	require.NoError(t, err)
	for _, c := range report.Checks {
		require.True(t, broken[c.ID], "no breakage shows that %s can fail", c.ID)
	}
}

func TestAnAssistantWithoutAdaptersIsNotTrainable(t *testing.T) {
	server, _ := newDouble()
	server.use = server.UnimplementedAssistantServiceServer.UseAdapter
	report, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{})
	require.NoError(t, err)
	require.True(t, report.OK(), text(t, report))
	require.Equal(t, conformance.TrainableNo, report.Trainable)
	require.Contains(t, text(t, report), "Not trainable")
}

func TestAnAdapterOfItsOwnMustBeTaken(t *testing.T) {
	for name, c := range map[string]struct {
		adapter *assistantv1.Adapter
		ok      bool
	}{"invented": {nil, true}, "its own": {&assistantv1.Adapter{Id: "sha256:1"}, false}} {
		t.Run(name, func(t *testing.T) {
			server, _ := newDouble()
			server.use = func(context.Context, *assistantv1.UseAdapterRequest) (*assistantv1.UseAdapterResponse, error) {
				return nil, status.Error(codes.InvalidArgument, "adapter: no weights")
			}
			report, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{Adapter: c.adapter})
			require.NoError(t, err)
			require.Equal(t, c.ok, report.OK(), text(t, report))
			require.Equal(t, conformance.TrainableUnknown, report.Trainable)
		})
	}
}

func TestAnUnknownMethodSaysWhatToDo(t *testing.T) {
	server, good := newDouble()
	server.open = func(s opening) error {
		return good.open(&tapped{opening: s, recv: func(*assistantv1.OpenSessionRequest, error) (*assistantv1.OpenSessionRequest, error) {
			return nil, status.Error(codes.InvalidArgument, "method: found ar, want desk-break")
		}})
	}
	report, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{})
	require.NoError(t, err)
	require.False(t, report.OK())
	require.Equal(t, []string{"session.open"}, with(report, conformance.Fail))
	require.Contains(t, text(t, report), "is checked with these")
}

func TestTheLimitLeavesAnIncompleteVerdict(t *testing.T) {
	server, good := newDouble()
	server.recommend = func(ctx context.Context, r *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
		select {
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-time.After(10 * time.Millisecond):
			return good.recommend(ctx, r)
		}
	}
	began := time.Now()
	report, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{Limit: 300 * time.Millisecond})
	require.NoError(t, err)
	require.Less(t, time.Since(began), 5*time.Second)
	require.Equal(t, conformance.Incomplete, report.Verdict, text(t, report))
	require.False(t, report.OK())
	require.Empty(t, with(report, conformance.Fail), text(t, report))
}

func TestAServerThatNeverAnswersIsLeftInTime(t *testing.T) {
	server, _ := newDouble()
	server.open = func(s opening) error { <-s.Context().Done(); return io.ErrUnexpectedEOF }
	report, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, conformance.DoesNotConform, report.Verdict)
	require.Contains(t, text(t, report), "DeadlineExceeded")
}

func TestNoReportWithoutAServer(t *testing.T) {
	server, _ := newDouble()
	server.forget = func(context.Context, *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
		return nil, status.Error(codes.Unavailable, "connection refused")
	}
	_, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{Name: "127.0.0.1:1"})
	require.ErrorContains(t, err, "127.0.0.1:1 cannot be reached")
	require.Equal(t, codes.Unavailable, status.Code(errs.ToStatus(err)))

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	server, _ = newDouble()
	_, err = conformance.Assistant(cancelled, stand(t, server, true), conformance.Options{})
	require.ErrorIs(t, err, errs.ErrCanceled)
}

func TestImpossibleOptions(t *testing.T) {
	_, err := conformance.Assistant(t.Context(), nil, conformance.Options{StepSeconds: 7, Steps: 2, Timeout: -1, Limit: -1})
	require.ErrorIs(t, err, errs.ErrInvalid)
	for _, field := range []string{"step_seconds", "steps", "timeout", "limit"} {
		require.ErrorContains(t, err, field+": found")
	}
}

func TestJSONKeepsEveryCheck(t *testing.T) {
	server, _ := newDouble()
	report, err := conformance.Assistant(t.Context(), stand(t, server, true), conformance.Options{Name: "mine"})
	require.NoError(t, err)
	data, err := report.JSON()
	require.NoError(t, err)
	var back conformance.Report
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, report.Checks, back.Checks)
	require.Equal(t, conformance.Conforms, back.Verdict)
	require.Equal(t, "mine", back.Name)
	require.Equal(t, "samples", back.Scheme)
}
