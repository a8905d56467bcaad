// Package observability_test holds what this folder says about the program
// against the program: dashboards, alert rules and documentation name what it
// exports, and nothing else.
package observability_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/telemetry"
)

// metric is one that the program exports.
type metric struct {
	kind string
	// labels has every label, with the values that it was seen with.
	labels map[string]map[string]bool
}

// exported scrapes the metrics of all six services after one person lived two
// days with an assistant that learns, and of a process in which models play the
// roles. Keys are the names of families.
var exported = sync.OnceValues(func() (map[string]metric, error) {
	c := config.Default()
	c.Simulation.Personas, c.Simulation.Days, c.Simulation.Step = "1", 2, 30*time.Minute
	families, err := exportedBy(&c)
	if err != nil {
		return nil, err
	}
	server := fakemodel.New(troubled)
	defer server.Close()
	modelled, err := modelConfig(server.BaseURL())
	if err != nil {
		return nil, err
	}
	more, err := exportedBy(modelled)
	if err != nil {
		return nil, err
	}
	for name, m := range more {
		if families[name].kind == "" || strings.HasPrefix(name, "propersim_model_") {
			families[name] = m
		}
	}
	return families, nil
})

// troubled is a model server with every kind of trouble that a query names.
var troubled = fakemodel.Config{
	Fault: func(r *fakemodel.Request) fakemodel.Fault {
		if r.Number%50 == 7 {
			return fakemodel.Error(http.StatusTooManyRequests, "slow down")
		}
		return nil
	},
	Answer: func(r *fakemodel.Request, i int) string {
		switch {
		case strings.Contains(r.Model, "judge") && r.Number%40 < 20: // some calls stay without a usable answer
			return "not JSON"
		case strings.Contains(r.Model, "assistant") && r.Number%5 == 0:
			return "not JSON"
		}
		return fakemodel.Random(r)
	},
}

// modelConfig is a configuration in which a model plays every role, with a budget.
func modelConfig(url string) (*config.Config, error) {
	sets := []string{
		"simulation.personas=1", "simulation.days=1", "simulation.step=30m", "simulation.methods=ars", "models.budget.usd=1000", "models.budget.tokens=1000000000",
		"models.endpoints.test.url=" + url, "models.endpoints.test.price.input=1", "models.repairs=1",
		"backends.planner=model", "backends.judge=model", "backends.assistant=model", "backends.summarizer=model", "backends.embedder=model",
	}
	for _, role := range []string{"planner", "judge", "assistant", "summarizer", "embedder"} {
		sets = append(sets, "models.roles."+role+".endpoint=test", "models.roles."+role+".model=fake-"+role)
	}
	loaded, err := config.Load(config.Sources{Sets: sets})
	if err != nil {
		return nil, err
	}
	return &loaded.Config, nil
}

// exportedBy scrapes the services after they lived an experiment.
func exportedBy(c *config.Config) (map[string]metric, error) {
	scratch, err := scratchFolder()
	if err != nil {
		return nil, err
	}
	at := folder.Folder(scratch)
	if err := at.Make(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	window, err := telemetry.New(ctx, telemetry.Config{
		Service: "all", Version: "test", Address: "127.0.0.1:0",
		Traces: telemetry.Traces{Endpoint: "http://127.0.0.1:4317", Sample: 1}, // for its metrics: no span is made
	})
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- window.Run(ctx) }()
	services, err := stack.Start(stack.Options{Config: c, Store: at.Store(c.Store), Version: "test", Registry: window.Registry})
	if err != nil {
		return nil, err
	}
	runs, err := experiment.Create(ctx, services, c, "inside", experiment.Shard{})
	if err != nil {
		return nil, err
	}
	if err := experiment.Watch(ctx, services, runs, live.NewBoard(time.Now(), 0)); err != nil {
		return nil, err
	}
	families, err := scrape("http://" + window.Addr() + "/metrics")
	if err != nil {
		return nil, err
	}
	if err := services.Stop(); err != nil {
		return nil, err
	}
	cancel()
	return families, <-done
}

func scrape(url string) (map[string]metric, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, err
	}
	out := map[string]metric{}
	for name, family := range families {
		m := metric{kind: kinds[family.GetType()], labels: map[string]map[string]bool{}}
		for _, series := range family.GetMetric() {
			for _, label := range series.GetLabel() {
				if m.labels[label.GetName()] == nil {
					m.labels[label.GetName()] = map[string]bool{}
				}
				m.labels[label.GetName()][label.GetValue()] = true
			}
		}
		out[name] = m
	}
	return out, nil
}

var kinds = map[dto.MetricType]string{
	dto.MetricType_COUNTER: "counter", dto.MetricType_GAUGE: "gauge", dto.MetricType_HISTOGRAM: "histogram", dto.MetricType_SUMMARY: "summary",
}

// allExported is exported, or the end of the test.
func allExported(t *testing.T) map[string]metric {
	t.Helper()
	families, err := exported()
	require.NoError(t, err)
	require.Greater(t, len(families), 30)
	return families
}
