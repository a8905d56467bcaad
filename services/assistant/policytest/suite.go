// Package policytest is the conformance suite of driver.Policy: every driver must
// pass it.
package policytest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/content"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/seeded"
	"github.com/propersim/propersim/pkg/simtime"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/driver"
	"github.com/propersim/propersim/services/assistant/memory"
)

// Subject is a policy under test.
type Subject struct {
	driver.Policy
	// Fits is an adapter that fits the policy; nil where the driver takes none.
	Fits *assistantv1.Adapter
	// Seeded says that the same moment always gives the same answer.
	Seeded bool
}

var tests = []struct {
	name string
	run  func(*testing.T, *Subject)
}{
	{"names its backend", names},
	{"n samples", samples},
	{"a contrast", contrast},
	{"a silence and two different recommendations", complete},
	{"every memory level", levels},
	{"the prompt is what the policy was given", prompts},
	{"a seeded policy repeats itself", repeats},
	{"an adapter makes another policy", adapters},
	{"concurrent moments", concurrent},
	{"a context that has ended", ended},
}

// Run checks the policy that open returns. It calls open once for each test.
func Run(t *testing.T, open func(t *testing.T) *Subject) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

const scale = simtime.Scale(150)

// Moment returns a moment on the evening of day 2, step steps after six, as a
// session makes it at a memory level. The user has worked and read all day; every
// hour something was said about books.
func Moment(level simv1.MemoryLevel, step int32) *driver.Moment {
	m := memory.New(level, scale)
	at := scale.FirstStep(2) + 18*24 + step
	for s := scale.FirstStep(2) + 8*24; s < at; s++ {
		past := &simv1.PastStep{Step: s, Observation: seen(s), Delivered: &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}}
		if s%24 == 0 {
			past.Delivered.Choice = &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "A new novel is out.", Topic: "books", Tone: "calm"}}
			if level == simv1.MemoryLevel_MEMORY_LEVEL_ARS {
				past.Score = proto.Int32(3)
			}
		}
		m.Observe(past)
	}
	for _, b := range m.Missing(at) {
		m.Summarize(b, "work, and some reading")
	}
	text, features := m.View(at, seen(at), &memory.Similar{Found: 1, Given: 1, Text: "\nday 1 18:00 reading, spoke 1x on books"})
	return &driver.Moment{Step: at, Seen: seen(at), Memory: level, Text: text, Features: features, Draws: seeded.New(7, "policytest").At(int(at))}
}

func seen(step int32) *simv1.Observation {
	if step%24 >= 16 {
		return &simv1.Observation{Kind: string(activity.Reading), Description: "reading a novel", Room: "living room", Object: "sofa", StartedStep: step - step%24 + 16}
	}
	return &simv1.Observation{Kind: string(activity.Work), Description: "answering letters", Room: "study", Object: "desk", StartedStep: step - step%24}
}

const (
	ar       = simv1.MemoryLevel_MEMORY_LEVEL_AR
	asSample = simv1.Scheme_SCHEME_SAMPLES
	asPair   = simv1.Scheme_SCHEME_CONTRAST
)

func answer(t *testing.T, p driver.Policy, m *driver.Moment, n int, scheme simv1.Scheme) ([]*simv1.Candidate, *simv1.Prompt) {
	t.Helper()
	candidates, prompt, effects, err := p.Answer(context.Background(), m, n, scheme)
	require.NoError(t, err)
	for _, c := range candidates {
		requireWellFormed(t, c)
	}
	requireEffects(t, p, effects, len(candidates))
	return candidates, prompt
}

func requireEffects(t *testing.T, p driver.Policy, effects role.Effects, candidates int) {
	t.Helper()
	ids := map[string]bool{}
	for _, c := range effects.Calls {
		require.NotEmpty(t, c.GetId())
		require.False(t, ids[c.GetId()], "two calls have the id %q", c.GetId())
		require.Equal(t, simv1.Role_ROLE_ASSISTANT, c.GetRole())
		require.Equal(t, p.Adapter() != "", c.GetAdapter() != "", "a call names the adapter in force, as its server calls it")
		require.Less(t, c.GetCandidate(), int32(candidates))
		ids[c.GetId()] = true
	}
	for _, timing := range effects.Timings {
		require.True(t, ids[timing.GetCallId()], "a timing of the unknown call %q", timing.GetCallId())
	}
}

// requireWellFormed checks a candidate, and that its completion says the same.
func requireWellFormed(t *testing.T, c *simv1.Candidate) {
	t.Helper()
	if failure := c.GetFailure(); failure != nil {
		require.NotEmpty(t, failure.GetOutcome())
		return
	}
	var said struct{ Action, Topic, Tone, Text string }
	require.NoError(t, json.Unmarshal([]byte(c.GetCompletion()), &said), c.GetCompletion())
	if c.GetAbstention() != nil {
		require.Equal(t, "abstain", said.Action)
		return
	}
	r := c.GetRecommendation()
	require.NotNil(t, r, "a candidate is a recommendation, an abstention or a failure")
	require.Equal(t, "recommend", said.Action)
	require.Equal(t, r.GetText(), said.Text)
	require.NotEmpty(t, strings.TrimSpace(r.GetText()))
	require.LessOrEqual(t, len(r.GetText()), 8192)
	if r.GetTopic() != "" {
		require.GreaterOrEqual(t, content.TopicIndex(r.GetTopic()), 0, "the topic %q", r.GetTopic())
		require.Equal(t, r.GetTopic(), said.Topic)
	}
	if r.GetTone() != "" {
		require.Contains(t, content.Tones(), content.Tone(r.GetTone()))
		require.Equal(t, r.GetTone(), said.Tone)
	}
}

func names(t *testing.T, s *Subject) {
	require.NotEmpty(t, s.Backend().GetDriver())
	require.Empty(t, s.Adapter(), "a new policy is the base policy")
	if s.Backend().GetDriver() == role.Embedded {
		require.Empty(t, s.Backend().GetModel(), "an embedded driver has no model")
	} else {
		require.NotEmpty(t, s.Backend().GetModel())
	}
}

func samples(t *testing.T, s *Subject) {
	for _, n := range []int{1, 2, 16} {
		candidates, _ := answer(t, s, Moment(ar, 0), n, asSample)
		require.Len(t, candidates, n)
		for _, c := range candidates {
			require.Equal(t, simv1.Origin_ORIGIN_SAMPLE, c.GetOrigin())
		}
	}
}

func contrast(t *testing.T, s *Subject) {
	for step := range int32(40) {
		candidates, _ := answer(t, s, Moment(ar, step), 2, asPair)
		require.Equal(t, simv1.Origin_ORIGIN_SAMPLE, candidates[0].GetOrigin())
		require.Equal(t, simv1.Origin_ORIGIN_OPPOSITE, candidates[1].GetOrigin())
		if candidates[0].GetRecommendation() == nil {
			require.Len(t, candidates, 2)
			require.Nil(t, candidates[1].GetAbstention(), "the opposite of silence")
			continue
		}
		require.Len(t, candidates, 3)
		require.NotNil(t, candidates[1].GetAbstention(), "the opposite of a recommendation")
		require.Nil(t, candidates[2].GetAbstention())
		require.Equal(t, simv1.Origin_ORIGIN_SECOND, candidates[2].GetOrigin())
	}
}

func complete(t *testing.T, s *Subject) {
	for step := range int32(40) {
		candidates, _ := answer(t, s, Moment(ar, step), 2, simv1.Scheme_SCHEME_COMPLETE)
		require.Len(t, candidates, 3)
		require.Equal(t, simv1.Origin_ORIGIN_SAMPLE, candidates[0].GetOrigin())
		require.Equal(t, simv1.Origin_ORIGIN_OPPOSITE, candidates[1].GetOrigin())
		require.Equal(t, simv1.Origin_ORIGIN_SECOND, candidates[2].GetOrigin())
		if candidates[0].GetRecommendation() == nil {
			require.Nil(t, candidates[1].GetAbstention(), "the opposite of silence")
		} else {
			require.NotNil(t, candidates[1].GetAbstention(), "the opposite of a recommendation")
		}
		require.Nil(t, candidates[2].GetAbstention())
	}
}

func levels(t *testing.T, s *Subject) {
	for _, level := range []simv1.MemoryLevel{
		simv1.MemoryLevel_MEMORY_LEVEL_NONE, simv1.MemoryLevel_MEMORY_LEVEL_A, ar, simv1.MemoryLevel_MEMORY_LEVEL_ARS,
	} {
		candidates, _ := answer(t, s, Moment(level, 3), 2, asSample)
		require.Len(t, candidates, 2)
	}
}

func prompts(t *testing.T, s *Subject) {
	m := Moment(ar, 3)
	_, prompt := answer(t, s, m, 2, asSample)
	found := false
	for _, message := range prompt.GetMessages() {
		require.Contains(t, []string{"system", "user", "assistant"}, message.GetRole())
		found = found || strings.Contains(message.GetContent(), m.Text)
	}
	require.True(t, found, "a message contains the text of the moment")
}

func repeats(t *testing.T, s *Subject) {
	if !s.Seeded {
		t.Skip("the policy draws its answers")
	}
	one, onePrompt := answer(t, s, Moment(ar, 3), 4, asSample)
	two, twoPrompt := answer(t, s, Moment(ar, 3), 4, asSample)
	require.True(t, proto.Equal(onePrompt, twoPrompt))
	for i := range one {
		require.True(t, proto.Equal(one[i], two[i]), "candidate %d", i)
	}
}

func adapters(t *testing.T, s *Subject) {
	if s.Fits == nil {
		t.Skip("the driver takes no adapter")
	}
	with, err := s.With(context.Background(), s.Fits)
	require.NoError(t, err)
	require.Equal(t, s.Fits.GetId(), with.Adapter())
	require.Empty(t, s.Adapter(), "the policy itself stays as it is")
	require.True(t, proto.Equal(s.Backend(), with.Backend()))
	answer(t, with, Moment(ar, 3), 2, asSample)
	again, err := with.With(context.Background(), s.Fits)
	require.NoError(t, err)
	require.Equal(t, s.Fits.GetId(), again.Adapter())
}

func concurrent(t *testing.T, s *Subject) {
	var group errgroup.Group
	for step := range int32(8) {
		group.Go(func() error {
			_, _, _, err := s.Answer(context.Background(), Moment(ar, step), 2, asSample)
			return err
		})
	}
	require.NoError(t, group.Wait())
}

func ended(t *testing.T, s *Subject) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, _, err := s.Answer(ctx, Moment(ar, 0), 2, asSample)
	require.ErrorIs(t, err, errs.ErrCanceled)
}
