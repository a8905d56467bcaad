package buffer_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/serve"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/buffer"
)

// start serves a buffer over dsn and returns a client; stop ends it before the
// test does.
func start(t testing.TB, dsn string) (client bufferv1.PreferenceBufferServiceClient, stop func()) {
	t.Helper()
	return startWith(t, buffer.Config{DSN: dsn})
}

func startWith(t testing.TB, cfg buffer.Config) (client bufferv1.PreferenceBufferServiceClient, stop func()) {
	t.Helper()
	s, err := buffer.New(cfg)
	require.NoError(t, err)
	server, err := serve.New(serve.Config{Name: "buffer"}, s)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	conn, err := server.Dial()
	require.NoError(t, err)
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		require.NoError(t, conn.Close())
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, s.Close())
	}
	t.Cleanup(stop)
	return bufferv1.NewPreferenceBufferServiceClient(conn), stop
}

// pair is a valid pair; ten steps make a day.
func pair(run string, step int32) *bufferv1.PreferencePair {
	return &bufferv1.PreferencePair{
		RunId: run, Step: step, Day: step/10 + 1,
		Prompt: &simv1.Prompt{Messages: []*simv1.Message{
			{Role: "system", Content: "You may speak or stay silent."},
			{Role: "user", Content: fmt.Sprintf("Step %d: \"reading\" <on> the sofa", step)},
		}},
		Chosen: &simv1.Candidate{
			Choice:     &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}},
			Completion: `{"action":"abstain"}`,
		},
		Rejected: &simv1.Candidate{
			Choice:     &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "Tea?", Topic: "tea", Tone: "warm"}},
			Completion: `{"action":"recommend","topic":"tea","tone":"warm","text":"Tea?"}`,
		},
		ChosenEvaluation:   &simv1.Evaluation{Total: new(int32(4))},
		RejectedEvaluation: &simv1.Evaluation{Total: new(step % 4)},
		Adapter:            "base",
	}
}

func pairsOf(run string, from, to int32) []*bufferv1.PreferencePair {
	var out []*bufferv1.PreferencePair
	for step := from; step < to; step++ {
		out = append(out, pair(run, step))
	}
	return out
}

func appendAll(t testing.TB, client bufferv1.PreferenceBufferServiceClient, pairs ...*bufferv1.PreferencePair) int {
	t.Helper()
	resp, err := client.Append(context.Background(), &bufferv1.AppendRequest{Pairs: pairs})
	require.NoError(t, err)
	return int(resp.GetAppended())
}
