package inside

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// lived is an experiment of one person and two days with a learning assistant,
// its services on ports of their own, looked at from inside.
func lived(t *testing.T, registry *prometheus.Registry, tracer *sdktrace.TracerProvider) *environmentv1.Run {
	t.Helper()
	c := config.Default()
	c.Simulation.Personas, c.Simulation.Days, c.Simulation.Step = "1", 2, 30*time.Minute
	for _, name := range config.Services() {
		*c.Listen.Of(name) = "127.0.0.1:0"
	}
	at := folder.Folder(t.TempDir())
	require.NoError(t, at.Make())
	opts := stack.Options{Config: &c, Store: at.Store(c.Store), Version: "test", Listen: true, Registry: registry}
	if tracer != nil {
		opts.Tracer = tracer
	}
	s, err := stack.Start(opts)
	require.NoError(t, err)
	runs, err := experiment.Create(t.Context(), s, &c, "inside", experiment.Shard{})
	require.NoError(t, err)
	require.NoError(t, experiment.Watch(t.Context(), s, runs, live.NewBoard(time.Now(), 0)))
	got, err := s.Runs.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: runs[0].GetId()})
	require.NoError(t, err)
	require.NoError(t, s.Stop())
	return got.GetRun()
}

func TestAStepIsOneTraceAcrossTheServices(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	run := lived(t, nil, sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))

	traces := map[string][]tracetest.SpanStub{}
	for _, span := range spans.GetSpans() {
		id := span.SpanContext.TraceID().String()
		traces[id] = append(traces[id], span)
	}
	steps, searched, nights := 0, 0, 0
	for _, trace := range traces {
		root := slices.IndexFunc(trace, func(s tracetest.SpanStub) bool { return !s.Parent.IsValid() })
		require.GreaterOrEqual(t, root, 0, "a trace without its beginning")
		var names []string
		for _, span := range trace {
			names = append(names, span.Name)
		}
		switch trace[root].Name {
		case "night":
			nights++
			require.Contains(t, names, "propersim.trainer.v1.TrainerService/SubmitJob")
			require.Contains(t, names, "propersim.assistant.v1.AssistantService/UseAdapter")
			continue
		case "step":
			steps++
		default:
			continue // calls of this test and of the beginning of the run
		}
		attributes := map[string]string{}
		for _, a := range trace[root].Attributes {
			attributes[string(a.Key)] = a.Value.String()
		}
		require.Equal(t, run.GetId(), attributes["propersim.run"])
		require.Contains(t, attributes, "propersim.step")
		if !slices.Contains(names, "invoke_agent assistant") {
			continue // asleep
		}
		for _, want := range []string{
			"invoke_agent user", "invoke_agent judge", "journal.commit",
			"propersim.assistant.v1.AssistantService/Recommend", "propersim.user.v1.UserAgentService/Evaluate",
		} {
			require.Contains(t, names, want)
		}
		if slices.Contains(names, "propersim.retrieval.v1.RetrievalService/Search") {
			searched++
		}
	}
	require.EqualValues(t, run.GetProgress().GetSteps(), steps, "a trace for every step")
	require.Positive(t, searched, "the assistant's search belongs to the step it is made for")
	require.Equal(t, 1, nights)
}

func TestTheFiguresAgreeWithTheRun(t *testing.T) {
	registry := prometheus.NewRegistry()
	run := lived(t, registry, nil)
	families, err := registry.Gather()
	require.NoError(t, err)
	sums := map[string]float64{}
	for _, f := range families {
		require.True(t, strings.HasPrefix(f.GetName(), "propersim_"), f.GetName())
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				require.NotContains(t, []string{"run", "persona", "step"}, label.GetName(), f.GetName())
			}
			sums[f.GetName()] += value(m)
		}
	}
	p := run.GetProgress()
	require.EqualValues(t, p.GetSteps(), sums["propersim_steps_total"])
	require.EqualValues(t, p.GetPairs(), sums["propersim_pairs_total"])
	require.EqualValues(t, p.GetPairs(), sums["propersim_pairs_appended_total"])
	require.EqualValues(t, 1, sums["propersim_runs"])
	require.EqualValues(t, 1, sums["propersim_nights_total"])
	require.EqualValues(t, 1, sums["propersim_jobs_total"])
	waking := sums["propersim_recommendations_total"] + sums["propersim_abstentions_total"]
	require.Equal(t, waking*1800, sums["propersim_waking_seconds_total"])
	require.Equal(t, 4*waking, sums["propersim_criteria_total"])
	require.Equal(t, waking, sums["propersim_score"])
	require.Positive(t, sums["propersim_wanted_recommendations_min_total"])
	require.LessOrEqual(t, sums["propersim_wanted_recommendations_min_total"], sums["propersim_wanted_recommendations_max_total"])
	require.Zero(t, sums["propersim_rpc_server_in_flight"])
}

// value is a metric's value, or how many observations it had.
func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Gauge != nil:
		return m.GetGauge().GetValue()
	}
	return float64(m.GetHistogram().GetSampleCount())
}
