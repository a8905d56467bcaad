package observability_test

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// scratch is removed by TestMain.
var scratch []string

func scratchFolder() (string, error) {
	dir, err := os.MkdirTemp("", "observability-*")
	scratch = append(scratch, dir)
	return dir, err
}

// TestMain runs the tests in the folder of the files under test.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../deploy/observability"); err != nil {
		panic(err)
	}
	code := m.Run()
	for _, dir := range scratch {
		if err := os.RemoveAll(dir); err != nil {
			panic(err)
		}
	}
	os.Exit(code)
}

// fromPrometheus are the metrics that Prometheus makes itself.
var fromPrometheus = map[string][]string{
	"up":     nil,
	"ALERTS": {"alertname", "alertstate", "severity"},
}

// fromScrape are the labels that Prometheus gives to all that it scrapes.
var fromScrape = []string{"job", "instance"}

// variables are what Grafana puts into a query, and something it may put there.
var variables = strings.NewReplacer(
	"$__rate_interval", "1m", "$__range", "15m", "$job", ".*", "$method", ".*", "$service", ".*", "$db", ".*", "$role", ".*", "$endpoint", ".*")

// requireQuery parses a query and holds every metric, label and literal value
// in it to what is exported.
func requireQuery(t *testing.T, families map[string]metric, where, query string) {
	t.Helper()
	query = variables.Replace(query)
	require.NotContains(t, query, "$", "%s: a variable that is not known", where)
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	require.NoError(t, err, "%s: %s", where, query)
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			requireSelector(t, families, where, node)
		case *parser.AggregateExpr:
			if !node.Without {
				requireLabels(t, families, where, node.Expr, node.Grouping)
			}
		}
		return nil
	})
}

// requireLabels wants every label that is summed by to be on all metrics below.
func requireLabels(t *testing.T, families map[string]metric, where string, below parser.Expr, names []string) {
	t.Helper()
	parser.Inspect(below, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			known := labelsOf(families, selector.Name)
			for _, name := range names {
				require.Contains(t, known, name, "%s: %s has no label %q", where, selector.Name, name)
			}
		}
		return nil
	})
}

func requireSelector(t *testing.T, families map[string]metric, where string, s *parser.VectorSelector) {
	t.Helper()
	known := labelsOf(families, s.Name)
	require.NotNil(t, known, "%s: %s is not exported", where, s.Name)
	for _, m := range s.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			continue
		}
		require.Contains(t, known, m.Name, "%s: %s has no label %q", where, s.Name, m.Name)
		if values := known[m.Name]; m.Type == labels.MatchEqual && values != nil {
			require.Contains(t, values, m.Value, "%s: %s is never exported with %s", where, s.Name, m)
		}
	}
}

// labelsOf returns the labels that a series can have, with the values that are
// known; nil for a series that does not exist.
func labelsOf(families map[string]metric, series string) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	if names, ok := fromPrometheus[series]; ok {
		for _, name := range names {
			out[name] = nil
		}
	} else {
		name, part := series, ""
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(series, suffix); ok && families[base].kind != "" {
				name, part = base, suffix
			}
		}
		m, ok := families[name]
		if !ok || part == "" && m.kind == "histogram" || part != "" && m.kind != "histogram" && m.kind != "summary" {
			return nil
		}
		for label, values := range m.labels {
			out[label] = values
		}
		if part == "_bucket" {
			out["le"] = nil
		}
	}
	for _, name := range fromScrape {
		out[name] = nil
	}
	return out
}
