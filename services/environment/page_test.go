package environment

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// wordy is an assistant whose completions are as long as they may be.
type wordy struct {
	assistantv1.AssistantServiceClient
}

func (w wordy) Recommend(ctx context.Context, req *assistantv1.RecommendRequest, opts ...grpc.CallOption) (*assistantv1.RecommendResponse, error) {
	resp, err := w.AssistantServiceClient.Recommend(ctx, req, opts...)
	for _, c := range resp.GetCandidates() {
		c.Completion = strings.Repeat("x", 16<<10)
	}
	return resp, err
}

// storied are people with a long past, of 40 KiB.
type storied struct{ userv1.PersonaServiceClient }

func (s storied) GetPersona(ctx context.Context, req *userv1.GetPersonaRequest, opts ...grpc.CallOption) (*userv1.GetPersonaResponse, error) {
	resp, err := s.PersonaServiceClient.GetPersona(ctx, req, opts...)
	if err == nil {
		resp.GetStored().GetPersona().Background = strings.Repeat("x", 40<<10)
	}
	return resp, err
}

func TestPagesEndByBytesToo(t *testing.T) {
	clients := newFakes().clients()
	clients.Assistants, clients.Personas = wordy{clients.Assistants}, storied{clients.Personas}
	s := begin(t, Config{}, clients)
	client := contact(t, s)
	const people, bound = 80, 2<<20 + 1<<10

	id := s.make(configOf("ann", "ar")).GetId()
	total := s.until(id, finished).GetProgress().GetSequence()
	entries, pages := int64(0), 0
	for token := ""; ; {
		resp, err := client.ListEntries(t.Context(), &environmentv1.ListEntriesRequest{RunId: id, PageSize: 1000, PageToken: token})
		require.NoError(t, err)
		require.LessOrEqual(t, proto.Size(resp), bound)
		for _, e := range resp.GetEntries() {
			entries++
			require.Equal(t, entries, e.GetSequence())
		}
		pages++
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, total, entries)
	require.Greater(t, pages, 2)

	want := []string{id}
	for i := range people {
		resp, err := client.CreateRun(t.Context(), &environmentv1.CreateRunRequest{Config: configOf(fmt.Sprintf("p%d", i), "ar"), Paused: true})
		require.NoError(t, err)
		want = append(want, resp.GetRun().GetId())
	}
	var got []string
	pages = 0
	for token := ""; ; {
		resp, err := client.ListRuns(t.Context(), &environmentv1.ListRunsRequest{PageSize: 1000, PageToken: token})
		require.NoError(t, err)
		require.LessOrEqual(t, proto.Size(resp), bound)
		for _, r := range resp.GetRuns() {
			got = append(got, r.GetId())
		}
		pages++
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, 2, pages, "3.3 MB")
}
