// Package observability_test holds what this folder says about the program
// against the program: dashboards, alert rules and documentation name what it
// exports, and nothing else.
package observability_test

import (
	"context"
	"net/http"
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
	"github.com/propersim/propersim/pkg/telemetry"
)

// metric is one that the program exports.
type metric struct {
	kind string
	// labels has every label, with the values that it was seen with.
	labels map[string]map[string]bool
}

// exported scrapes the metrics of all six services after one person lived two
// days with an assistant that learns. Keys are the names of families.
var exported = sync.OnceValues(func() (map[string]metric, error) {
	c := config.Default()
	c.Simulation.Personas, c.Simulation.Days, c.Simulation.Step = "1", 2, 30*time.Minute
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
	services, err := stack.Start(stack.Options{Config: &c, Store: at.Store(c.Store), Version: "test", Registry: window.Registry})
	if err != nil {
		return nil, err
	}
	runs, err := experiment.Create(ctx, services, &c, "inside", experiment.Shard{})
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
})

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
