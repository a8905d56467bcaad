package observability_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rules is Prometheus' format of rule files, of which this project uses alerts.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr         string
			For                 string `yaml:"for,omitempty"`
			Labels, Annotations map[string]string
		}
	}
}

// readYAML reads a file, no key of which may be unknown.
func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(into), file)
}

func TestAlertsAskForWhatIsExported(t *testing.T) {
	families := allExported(t)
	var r rules
	readYAML(t, "alerts.yml", &r)
	seen := map[string]bool{}
	for _, group := range r.Groups {
		for _, rule := range group.Rules {
			require.Regexp(t, "^Propersim[A-Z]", rule.Alert)
			require.False(t, seen[rule.Alert], "%s twice", rule.Alert)
			seen[rule.Alert] = true
			requireQuery(t, families, rule.Alert, rule.Expr)
			require.NotRegexp(t, about, rule.Expr)
			require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.Greater(t, len(rule.Annotations["description"]), 40, rule.Alert)
			if rule.For != "" {
				_, err := time.ParseDuration(rule.For)
				require.NoError(t, err, rule.Alert)
			}
		}
	}
	require.GreaterOrEqual(t, len(seen), 10)
}

// TestAlertsFire lets Prometheus' own tool check the rules, their templates
// included, and play the cases of alerts_test.yml.
func TestAlertsFire(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here: rules were parsed, but the cases of alerts_test.yml were not played (deploy/ci/prometheus.sh gets it)")
	}
	for _, args := range [][]string{
		{"check", "config", "--syntax-only", "prometheus.yml"},
		{"check", "rules", "alerts.yml"},
		{"test", "rules", "alerts_test.yml"},
	} {
		out, err := exec.Command(promtool, args...).CombinedOutput()
		require.NoError(t, err, "promtool %v: %s", args, out)
	}
}
