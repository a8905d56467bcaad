package assistant_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// secrets are the messages that contain more about the user than can be seen: the
// persona, its rubric in prose or compiled, its moments, and its judgements.
var secrets = map[protoreflect.FullName]bool{
	"propersim.simulation.v1.Persona": true, "propersim.simulation.v1.BigFive": true, "propersim.simulation.v1.Rubric": true,
	"propersim.simulation.v1.PreferenceSpec": true, "propersim.simulation.v1.FrequencySpec": true, "propersim.simulation.v1.TimingSpec": true,
	"propersim.simulation.v1.ContentSpec": true, "propersim.simulation.v1.CommunicationSpec": true, "propersim.simulation.v1.MomentPattern": true,
	"propersim.simulation.v1.Moment": true, "propersim.simulation.v1.Evaluation": true, "propersim.simulation.v1.Verdict": true,
	"propersim.simulation.v1.Action": true,
}

// findSecrets lists the fields of a request that contain a secret, a score or a rate.
func findSecrets(message protoreflect.MessageDescriptor, path string, out *[]string) {
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		here := path + "." + string(field.Name())
		switch {
		case field.Message() != nil && secrets[field.Message().FullName()]:
			*out = append(*out, here)
		case field.Message() != nil:
			findSecrets(field.Message(), here, out)
		case strings.Contains(string(field.Name()), "score"), strings.Contains(string(field.Name()), "rate"):
			*out = append(*out, here)
		}
	}
}

// TestNothingOfTheUserReachesTheAssistantButByItsMethod lists from the contract what
// could reach the assistant, and checks that each of it is refused where the method
// may not have it.
func TestNothingOfTheUserReachesTheAssistantButByItsMethod(t *testing.T) {
	service := assistantv1.File_propersim_assistant_v1_assistant_service_proto.Services().ByName("AssistantService")
	var paths []string
	for i := range service.Methods().Len() {
		input := service.Methods().Get(i).Input()
		findSecrets(input, string(input.Name()), &paths)
	}
	require.ElementsMatch(t, []string{
		"OpenSessionRequest.start.told_spec", "OpenSessionRequest.start.told_rate",
		"OpenSessionRequest.history.steps.action", "OpenSessionRequest.history.steps.score",
		"ObserveRequest.past.action", "ObserveRequest.past.score",
	}, paths)

	client := dial(t, newRetrieval())
	for _, method := range methods() {
		opening := start(method)
		if method != "persona-given" {
			opening.ToldSpec = wishes()
			_, err := open(t, client, opening)
			require.ErrorIs(t, err, errs.ErrInvalid, "%s is told the wishes", method)
			opening.ToldSpec = nil
		}
		if method != "constant" {
			opening.ToldRate = 1
			_, err := open(t, client, opening)
			require.ErrorIs(t, err, errs.ErrInvalid, "%s is told a rate", method)
			opening.ToldRate = 0
		}
		score := int32(4)
		past := func() *simv1.PastStep {
			return &simv1.PastStep{Step: 1, Observation: &simv1.Observation{Kind: "work"}, Delivered: &simv1.Candidate{Choice: &simv1.Candidate_Abstention{Abstention: &simv1.Abstention{}}}}
		}
		withAction, withScore := past(), past()
		withAction.Action = &simv1.Action{Kind: "work"}
		withScore.Score = &score
		for what, secret := range map[string]*simv1.PastStep{"past.action": withAction, "past.score": withScore} {
			if (method == "ars" || method == "bandit") && what == "past.score" {
				continue
			}
			_, err := open(t, client, opening, secret)
			require.ErrorIs(t, err, errs.ErrInvalid, "%s by history to %s", what, method)
			require.ErrorContains(t, err, what)
			_, err = open(t, client, opening)
			require.NoError(t, err)
			_, err = client.Observe(t.Context(), &assistantv1.ObserveRequest{RunId: "run", LastStep: -1, Past: secret})
			require.ErrorIs(t, errs.FromStatus(err), errs.ErrInvalid, "%s by Observe to %s", what, method)
		}
	}
}

// TestNoPackageBelowTheAssistantKnowsAPersona checks all imports, also indirect ones:
// no persona, no rubric, no other service, and a judge in services/assistant/oracle
// alone.
func TestNoPackageBelowTheAssistantKnowsAPersona(t *testing.T) {
	const module = "github.com/propersim/propersim/"
	out, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, ".").Output()
	require.NoError(t, err)
	ours := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		from, found := strings.CutPrefix(fields[0], module)
		if !found {
			continue
		}
		ours++
		require.NotContains(t, []string{"pkg/persona", "pkg/rubric", "personas"}, from)
		if strings.HasPrefix(from, "services/") {
			require.True(t, from == "services/assistant" || strings.HasPrefix(from, "services/assistant/"), from)
		}
		for _, to := range fields[1:] {
			if to == module+"pkg/judge" {
				require.Equal(t, "services/assistant/oracle", from)
			}
		}
	}
	require.Greater(t, ours, 8)
}
