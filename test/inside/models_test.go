package inside

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/fakemodel"
)

// said is in every answer of the model, and must be in no span.
const said = "marmalade"

// livedWithModels is a day of one person with a model in every role.
func livedWithModels(t *testing.T, tracer *sdktrace.TracerProvider) {
	t.Helper()
	server := fakemodel.New(fakemodel.Config{Answer: func(r *fakemodel.Request, _ int) string {
		switch {
		case strings.Contains(r.Model, "judge"):
			verdict := `{"reason":"` + said + `","pass":true}`
			return `{"preference":` + verdict + `,"timing":` + verdict + `,"frequency":` + verdict + `,"communication":` + verdict + `}`
		case r.Number%20 == 3 && len(r.Input) == 0:
			return said // no JSON
		}
		return fakemodel.Random(r)
	}})
	t.Cleanup(server.Close)
	sets := []string{
		"simulation.personas=1", "simulation.days=1", "simulation.step=30m", "simulation.methods=ars", "models.endpoints.test.url=" + server.BaseURL(),
		"backends.planner=model", "backends.judge=model", "backends.assistant=model", "backends.summarizer=model", "backends.embedder=model",
	}
	for _, role := range []string{"planner", "judge", "assistant", "summarizer", "embedder"} {
		sets = append(sets, "models.roles."+role+".endpoint=test", "models.roles."+role+".model=fake-"+role)
	}
	loaded, err := config.Load(config.Sources{Sets: sets})
	require.NoError(t, err)
	at := folder.Folder(t.TempDir())
	require.NoError(t, at.Make())
	s, err := stack.Start(stack.Options{Config: &loaded.Config, Store: at.Store(loaded.Store), Version: "test", Tracer: tracer})
	require.NoError(t, err)
	runs, err := experiment.Create(t.Context(), s, &loaded.Config, "inside", experiment.Shard{})
	require.NoError(t, err)
	require.NoError(t, experiment.Watch(t.Context(), s, runs, live.NewBoard(time.Now(), 0)))
	require.NoError(t, s.Stop())
}

// TestCallsOfModelsAreSpansOfTheirStep: each request is a span below its step, named
// and described by the conventions for generative AI; verdicts are events; texts are
// in none of them.
func TestCallsOfModelsAreSpansOfTheirStep(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	livedWithModels(t, sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	byID := map[string]tracetest.SpanStub{}
	for _, span := range spans.GetSpans() {
		byID[span.SpanContext.SpanID().String()] = span
	}
	roles, verdicts, recorded, ofJudge := map[string]int{}, map[string]int{}, 0, 0
	for _, span := range spans.GetSpans() {
		attributes := attributesOf(span.Attributes)
		for _, value := range attributes {
			require.NotContains(t, value, said, span.Name)
		}
		for _, event := range span.Events {
			if event.Name == "propersim.model_call" {
				require.Equal(t, "step", span.Name)
				recorded++
			}
			if event.Name != "gen_ai.evaluation.result" {
				continue
			}
			e := attributesOf(event.Attributes)
			verdicts[e["gen_ai.evaluation.name"]+" "+e["gen_ai.evaluation.score.label"]+" "+e["gen_ai.evaluation.score.value"]]++
			require.NotContains(t, e, "gen_ai.evaluation.explanation")
			require.Equal(t, "step", rootOf(span, byID).Name)
		}
		operation, known := attributes["gen_ai.operation.name"]
		if !known || attributes["gen_ai.request.model"] == "" {
			continue
		}
		require.Equal(t, operation+" fake-"+attributes["propersim.role"], span.Name)
		require.Contains(t, []string{"chat", "embeddings"}, operation)
		require.NotEmpty(t, attributes["gen_ai.provider.name"])
		require.NotEmpty(t, attributes["gen_ai.usage.input_tokens"])
		require.Equal(t, "127.0.0.1", attributes["server.address"])
		if attributes["propersim.purpose"] == "dimensions" {
			continue // the start asks an embedding model how many dimensions it has
		}
		root := rootOf(span, byID)
		require.Equal(t, "step", root.Name, span.Name)
		if operation == "chat" {
			require.Equal(t, attributesOf(root.Attributes)["propersim.step"], attributes["propersim.step"])
		}
		roles[attributes["propersim.role"]]++
		if attributes["propersim.role"] == "judge" {
			ofJudge++
		}
	}
	for _, role := range []string{"planner", "judge", "assistant", "summarizer", "embedder"} {
		require.Positive(t, roles[role], "no span of the %s", role)
	}
	require.Positive(t, recorded, "what the journal keeps of the calls is on the step")
	require.Len(t, verdicts, 4, "%v", verdicts)
	require.GreaterOrEqual(t, verdicts["timing pass 1"], ofJudge, "a verdict for each judgement")
}

func attributesOf(list []attribute.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range list {
		out[string(a.Key)] = a.Value.String()
	}
	return out
}

// rootOf follows the parents of a span to the beginning of its trace.
func rootOf(span tracetest.SpanStub, byID map[string]tracetest.SpanStub) tracetest.SpanStub {
	for span.Parent.IsValid() {
		parent, known := byID[span.Parent.SpanID().String()]
		if !known {
			return span
		}
		span = parent
	}
	return span
}
