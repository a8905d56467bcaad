package conformance_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/conformance"
	"github.com/propersim/propersim/pkg/policy"
	"github.com/propersim/propersim/pkg/serve"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant"
	"github.com/propersim/propersim/services/retrieval"
)

// offered serves a service in memory as the binary does, and dials it.
func offered(t *testing.T, name string, service serve.Registrar) serve.Conn {
	t.Helper()
	server, err := serve.New(serve.Config{Name: name}, service)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	conn, err := server.Dial()
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestOurAssistantConforms holds every method of the assistant service to the
// contract, as a deterministic server and with its similar moments.
func TestOurAssistantConforms(t *testing.T) {
	moments, err := retrieval.New(retrieval.Config{})
	require.NoError(t, err)
	ours, err := assistant.New(assistant.Config{}, retrievalv1.NewRetrievalServiceClient(offered(t, "retrieval", moments)))
	require.NoError(t, err)
	client := assistantv1.NewAssistantServiceClient(offered(t, "assistant", ours))

	const (
		none = assistantv1.MemoryLevel_MEMORY_LEVEL_NONE
		ar   = assistantv1.MemoryLevel_MEMORY_LEVEL_AR
		ars  = assistantv1.MemoryLevel_MEMORY_LEVEL_ARS
	)
	for _, opts := range []conformance.Options{
		{Method: "none", Memory: none},
		{Method: "ar", Memory: ar},
		{Method: "ars", Memory: ars},
		{Method: "proper", Memory: ar},
		{Method: "proper", Memory: ar, Adapter: &assistantv1.Adapter{Id: "untrained", Weights: policy.Base().Weights()}},
		{Method: "proper-contrast", Memory: ar, Scheme: assistantv1.Scheme_SCHEME_CONTRAST},
		{Method: "silent", Memory: none},
		{Method: "constant", Memory: none, ConstantPerHour: 1},
		{Method: "persona-given", Memory: ar, Given: wishes()},
	} {
		t.Run(opts.Method, func(t *testing.T) {
			opts.Deterministic, opts.Seed = true, 7
			report, err := conformance.Assistant(t.Context(), client, opts)
			require.NoError(t, err)
			require.True(t, report.OK(), text(t, report))
			require.Empty(t, with(report, conformance.Warn), text(t, report))
			if opts.Adapter != nil {
				require.Equal(t, conformance.TrainableYes, report.Trainable, text(t, report))
			}
		})
	}
}

// wishes are those of somebody who likes a book tip in the evening.
func wishes() *simv1.PreferenceSpec {
	return &simv1.PreferenceSpec{
		Frequency: &simv1.FrequencySpec{
			AtLeast: []*simv1.FrequencyBound{{Count: 2, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}},
			AtMost:  []*simv1.FrequencyBound{{Count: 4, Window: &simv1.FrequencyBound_Day{Day: &simv1.WholeDay{}}}},
		},
		Timing:        &simv1.TimingSpec{Receptive: []*simv1.MomentPattern{{Clock: &simv1.ClockInterval{FromMinute: 1080, ToMinute: 1320}}}},
		Content:       &simv1.ContentSpec{Liked: []*simv1.ContentRule{{Topics: []string{"books"}}}},
		Communication: &simv1.CommunicationSpec{Tones: []string{"calm"}},
	}
}
