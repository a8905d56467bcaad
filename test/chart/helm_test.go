// Package chart tests the Helm chart: what it renders in every scenario of its
// ci/ folder, what its schema refuses, and that the files generated from it are up
// to date (go test ./test/chart -update writes them). Rendering needs helm: in PATH,
// or as built by deploy/ci/kubernetes/cluster.sh.
package chart_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	root  = "../.."
	chart = root + "/deploy/helm/propersim"
)

var update = flag.Bool("update", false, "write the generated files")

// helm returns the path of helm, or skips the test.
func helm(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("helm"); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	built, err := filepath.Glob(filepath.Join(cache, "propersim", "kubernetes", "*", "helm"))
	require.NoError(t, err)
	if len(built) == 0 {
		t.Skip("no helm in PATH, and none built by deploy/ci/kubernetes/cluster.sh: the chart was not rendered")
	}
	return built[len(built)-1]
}

// template renders the chart; the error has what helm says.
func template(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.Command(helm(t), append([]string{"template", "propersim", chart, "--namespace", "propersim", "--kube-version", "1.34"}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return nil, errors.New(errOut.String())
	}
	return out.Bytes(), nil
}

// object is what the tests read of a rendered object.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct{ Spec pod }
		pod      `yaml:",inline"`
	}
}

type pod struct {
	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
	EnableServiceLinks           *bool `yaml:"enableServiceLinks"`
	SecurityContext              struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
}

type container struct {
	Name, Image     string
	Args            []string
	Env             []struct{ Name, Value string }
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
	Resources struct{ Limits map[string]string }
}

// objects decodes what was rendered.
func objects(t *testing.T, rendered []byte) []object {
	t.Helper()
	var out []object
	for decoder := yaml.NewDecoder(bytes.NewReader(rendered)); ; {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		if o.Kind != "" {
			out = append(out, o)
		}
	}
}

// generated compares a file with what it should contain, or writes it.
func generated(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, want, 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s is not up to date: go test ./test/chart -update", path)
}
