package cli_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/fakemodel"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// stranger is a third party's assistant that says one thing, always.
type stranger struct {
	assistantv1.UnimplementedAssistantServiceServer
	says string
}

func (stranger) OpenSession(stream grpc.ClientStreamingServer[assistantv1.OpenSessionRequest, assistantv1.OpenSessionResponse]) error {
	last := int32(-1)
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&assistantv1.OpenSessionResponse{LastStep: last})
		}
		if err != nil {
			return err
		}
		for _, past := range part.GetHistory().GetSteps() {
			if past.GetObservation() != nil {
				last = past.GetStep()
			}
		}
	}
}

func (s stranger) Recommend(_ context.Context, req *assistantv1.RecommendRequest) (*assistantv1.RecommendResponse, error) {
	out := &assistantv1.RecommendResponse{}
	for range req.GetCandidates() {
		out.Candidates = append(out.Candidates, &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: s.says}}, Completion: s.says})
	}
	return out, nil
}

func (stranger) Observe(context.Context, *assistantv1.ObserveRequest) (*assistantv1.ObserveResponse, error) {
	return &assistantv1.ObserveResponse{}, nil
}

func (stranger) CloseSession(context.Context, *assistantv1.CloseSessionRequest) (*assistantv1.CloseSessionResponse, error) {
	return &assistantv1.CloseSessionResponse{}, nil
}

// serveStranger returns the address of an assistant that says one thing, and stops
// it.
func serveStranger(t *testing.T, says string) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	assistantv1.RegisterAssistantServiceServer(server, stranger{says: says})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), server.Stop
}

// TestARunOfAnAssistantOfOnesOwnIsVerifiedWithoutIt: from the journal alone, also
// where a model judged it: it cannot be played again, and is no fault.
func TestARunOfAnAssistantOfOnesOwnIsVerifiedWithoutIt(t *testing.T) {
	const says = "The caf\ufffd is open." // a character as any other: the text is valid UTF-8
	address, stop := serveStranger(t, says)
	models := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string { return fakemodel.Random(r) }})
	own := []string{"simulate", "--personas", "1", "--days", "1", "--step", "30m", "--assistant-address", address, "--method", "echo"}
	plain, judged := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "judged")
	must(t, append(own, "--out", plain)...)
	must(t, append(own, "--out", judged, "--set", "backends.judge=model", "--set", "models.endpoints.test.url="+models.BaseURL(),
		"--set", "models.roles.judge.endpoint=test", "--set", "models.roles.judge.model=fake")...)
	stop()
	models.Close()
	require.Contains(t, must(t, "runs", "steps", plain, "--limit", "0"), says)
	require.NotContains(t, must(t, "replay", "--verify", plain), "played again")
	require.Contains(t, must(t, "replay", "--verify", judged), "was not played again with the recorded answers of its models: a third-party assistant answered in it")
}

// TestARunOfEmbeddedRolesIsNotPlayedAgain: nothing was asked whose answers are on
// record. Playing a run again takes a temporary folder, and there is none here: a run
// whose judge was a model shows that.
func TestARunOfEmbeddedRolesIsNotPlayedAgain(t *testing.T) {
	models := fakemodel.New(fakemodel.Config{})
	line := []string{"simulate", "--personas", "1", "--days", "1", "--step", "1h", "--method", "proper"}
	embedded, judged := filepath.Join(t.TempDir(), "embedded"), filepath.Join(t.TempDir(), "judged")
	line = append(line, "--set", "models.endpoints.test.url="+models.BaseURL(), "--set", "models.roles.judge.endpoint=test", "--set", "models.roles.judge.model=fake")
	must(t, append(line, "--out", embedded)...) // its model is configured and plays no role
	must(t, append(line, "--out", judged, "--set", "backends.judge=model")...)
	models.Close()
	require.Regexp(t, `metrics.json, [0-9]+ prompts +ok`, must(t, "replay", "--verify", judged))
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	said := must(t, "replay", "--verify", embedded)
	require.Regexp(t, `buffer, metrics.json +ok`, said)
	require.NotContains(t, said, "played again")
	code, _, errOut := call(t, "replay", "--verify", judged)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "could not be played again")
}
