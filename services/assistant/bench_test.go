package assistant_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant"
)

// opening is the server's side of an OpenSession stream without a wire.
type opening struct {
	grpc.ServerStream
	parts []*assistantv1.OpenSessionRequest
}

func (o *opening) Context() context.Context { return context.Background() }

func (o *opening) Recv() (*assistantv1.OpenSessionRequest, error) {
	if len(o.parts) == 0 {
		return nil, io.EOF
	}
	next := o.parts[0]
	o.parts = o.parts[1:]
	return next, nil
}

func (o *opening) SendAndClose(*assistantv1.OpenSessionResponse) error { return nil }

// benchmark measures a waking step of a method, Recommend and Observe without
// gRPC, in the evening of the second day.
func benchmark(b *testing.B, method string) {
	client := dial(b, newRetrieval())
	_, err := open(b, client, start(method))
	require.NoError(b, err)
	history := live(b, client, start(method), 0, day+20*24, nil)

	server, err := assistant.New(assistant.Config{}, newRetrieval(), &trainer{})
	require.NoError(b, err)
	parts := []*assistantv1.OpenSessionRequest{
		{Part: &assistantv1.OpenSessionRequest_Start{Start: start(method)}},
		{Part: &assistantv1.OpenSessionRequest_History{History: &assistantv1.History{Steps: history}}},
	}
	require.NoError(b, server.OpenSession(&opening{parts: parts}))
	last := history[len(history)-1].GetStep()
	req := &assistantv1.RecommendRequest{RunId: "run", Step: last + 1, LastStep: last, Observation: &simv1.Observation{Kind: "reading", StartedStep: last, Description: "a novel by the window", Room: "living room"}, Candidates: 2}
	bytes := 0
	b.ReportAllocs()
	for b.Loop() {
		response, err := server.Recommend(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		bytes = 0
		for _, m := range response.GetPrompt().GetMessages() {
			bytes += len(m.GetContent())
		}
	}
	b.ReportMetric(float64(bytes), "prompt-bytes")
}
