package user_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/pkg/serve"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
	"github.com/propersim/propersim/services/user"
)

// start serves a user service in memory and returns its clients.
func start(t testing.TB, dsn string) (userv1.PersonaServiceClient, userv1.UserAgentServiceClient) {
	t.Helper()
	return startWith(t, user.Config{DSN: dsn})
}

func startWith(t testing.TB, cfg user.Config) (userv1.PersonaServiceClient, userv1.UserAgentServiceClient) {
	t.Helper()
	service, err := user.New(cfg)
	require.NoError(t, err)
	server, err := serve.New(serve.Config{Name: "user"}, service)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	conn, err := server.Dial()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, service.Close())
	})
	return userv1.NewPersonaServiceClient(conn), userv1.NewUserAgentServiceClient(conn)
}

// person is a valid persona that is not one of the built-in ones.
func person() *simv1.Persona {
	high, low := simv1.TraitLevel_TRAIT_LEVEL_HIGH, simv1.TraitLevel_TRAIT_LEVEL_LOW
	return &simv1.Persona{
		Name: "Test Person", Age: 40, Background: "Translates novels at home and lives alone.",
		BigFive:          &simv1.BigFive{Extraversion: low, Agreeableness: high, Conscientiousness: high, Neuroticism: low, Openness: high},
		CurrentInterests: []string{"astronomy"}, Lifestyle: "I get up at 6:30 and go to bed at 22:30.",
		DailyPlanRequirements: []string{"work at my desk from 9:00 to 12:00", "lunch at 12:30"}, LongTermGoals: []string{"learn the constellations"},
		Rubric: &simv1.Rubric{
			PersonalPreference: "I like books and astronomy, no sports.", Timing: "During lunch and between 18:00 and 20:00.",
			Frequency: "Two to three times a day.", CommunicationSafety: "Warm and short, under 30 words.",
		},
	}
}

// spec wants one recommendation every two hours, anywhere but at work.
func spec() *simv1.PreferenceSpec {
	return &simv1.PreferenceSpec{
		Frequency: &simv1.FrequencySpec{
			AtLeast: []*simv1.FrequencyBound{{Count: 1, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: 120}}},
			AtMost:  []*simv1.FrequencyBound{{Count: 1, Window: &simv1.FrequencyBound_TrailingMinutes{TrailingMinutes: 60}}},
		},
		Timing: &simv1.TimingSpec{Protected: []*simv1.MomentPattern{{Activity: &simv1.ActivityPattern{
			Kinds: []string{"work"}, Relation: simv1.ActivityRelation_ACTIVITY_RELATION_DURING,
		}}}},
		Content:       &simv1.ContentSpec{Liked: []*simv1.ContentRule{{Topics: []string{"books"}}}},
		Communication: &simv1.CommunicationSpec{},
	}
}

func say() *simv1.Candidate {
	return &simv1.Candidate{Choice: &simv1.Candidate_Recommendation{Recommendation: &simv1.Recommendation{Text: "A chapter, perhaps.", Topic: "books", Tone: "calm"}}}
}

func silence() *simv1.Candidate {
	return &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}
}

// reading is what the test person does where it does not matter.
func reading() *simv1.Action { return &simv1.Action{Kind: "reading", Description: "reading"} }

type opening = grpc.ClientStreamingClient[userv1.OpenSessionRequest, userv1.OpenSessionResponse]

// open opens a session with a history and returns its last step.
func open(t testing.TB, agents userv1.UserAgentServiceClient, s *userv1.SessionStart, history ...*simv1.PastStep) (int32, error) {
	t.Helper()
	stream, err := agents.OpenSession(t.Context())
	require.NoError(t, err)
	send(stream, &userv1.OpenSessionRequest{Part: &userv1.OpenSessionRequest_Start{Start: s}})
	for from := 0; from < len(history); from += 1000 {
		part := history[from:min(from+1000, len(history))]
		send(stream, &userv1.OpenSessionRequest{Part: &userv1.OpenSessionRequest_History{History: &userv1.History{Steps: part}}})
	}
	resp, err := stream.CloseAndRecv()
	return resp.GetLastStep(), err
}

// send ignores a stream that the server has ended: CloseAndRecv says why.
func send(stream opening, message *userv1.OpenSessionRequest) { _ = stream.Send(message) }
