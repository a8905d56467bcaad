package chart_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/propersim/propersim/internal/app/config"
)

func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 3)
	return files
}

// pods returns the pods of a scenario, by the name of the object.
func pods(t *testing.T, args ...string) map[string]pod {
	t.Helper()
	rendered, err := template(t, args...)
	require.NoError(t, err)
	out := map[string]pod{}
	for _, o := range objects(t, rendered) {
		switch o.Kind {
		case "Job", "Deployment", "StatefulSet":
			out[o.Metadata.Name] = o.Spec.Template.Spec
		case "Pod":
			out[o.Metadata.Name] = o.Spec.pod
		}
	}
	require.GreaterOrEqual(t, len(out), 7)
	return out
}

func TestEveryPodIsRestricted(t *testing.T) {
	for _, file := range scenarios(t) {
		for name, p := range pods(t, "--values", file) {
			require.Equal(t, new(false), p.AutomountServiceAccountToken, name)
			require.Equal(t, new(false), p.EnableServiceLinks, name)
			require.True(t, p.SecurityContext.RunAsNonRoot, name)
			require.Equal(t, "RuntimeDefault", p.SecurityContext.SeccompProfile.Type, name)
			for _, c := range p.Containers {
				require.Equal(t, new(false), c.SecurityContext.AllowPrivilegeEscalation, name)
				require.Equal(t, []string{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
			}
		}
	}
}

// TestEveryVariableIsASetting gives the variables of every container to the
// program's own configuration, which refuses what it does not know.
func TestEveryVariableIsASetting(t *testing.T) {
	for _, file := range scenarios(t) {
		var values struct{ Config map[string]any }
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(data, &values))
		settings, err := yaml.Marshal(values.Config)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(path, settings, 0o600))
		for name, p := range pods(t, "--values", file) {
			for _, c := range p.Containers {
				if len(c.Args) == 0 || (c.Args[0] != "serve" && c.Name != "simulation") {
					continue
				}
				var environ []string
				for _, v := range c.Env {
					environ = append(environ, v.Name+"="+v.Value)
				}
				from := config.Sources{File: path, Environ: environ}
				if c.Name == "node" { // flags alone
					from.File = ""
				}
				_, err := config.Load(from)
				require.NoError(t, err, "%s: %s", filepath.Base(file), name)
			}
		}
	}
}

func TestAnotherExperimentIsAnotherJob(t *testing.T) {
	job := func(args ...string) string {
		rendered, err := template(t, args...)
		require.NoError(t, err)
		for _, o := range objects(t, rendered) {
			if o.Kind == "Job" {
				return o.Metadata.Name
			}
		}
		t.Fatal("no Job")
		return ""
	}
	same := job()
	require.Equal(t, same, job("--set", "simulation.parallelism=8,simulation.suspend=true,simulation.labels.a=b"), "these may change in a Job")
	for _, set := range []string{"simulation.experiment=two", "simulation.days=3", "simulation.completions=64", "image.tag=v1",
		"config.trainer.pairs=100", "simulation.nodeSelector.a=b", "simulation.backoffLimitPerIndex=3"} {
		require.NotEqual(t, same, job("--set", set), "a Job is immutable: %s", set)
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	for set, words := range map[string]string{
		"simulation.days=0":                                              "/simulation/days",
		"simulation.dais=3":                                              "additional properties 'dais' not allowed",
		"simulation.step=often":                                          "/simulation/step",
		"simulation.experiment=a b":                                      "/simulation/experiment",
		"services.user.replicas=2":                                       "/services/user/replicas",
		"qdrant.external.address=http://q":                               "/qdrant/external/address",
		"postgresql.external.sslmode=maybe":                              "/postgresql/external/sslmode",
		"postgresql.enabled=false":                                       "postgresql.external.host is empty",
		"simulation.parallelism=64":                                      "more than simulation.completions",
		"qdrant.enabled=false,services.retrieval.replicas=2":             "memory of one pod",
		"postgresql.maxConnections=100":                                  "postgresql.maxConnections is 100",
		"ingress.enabled=true":                                           "ingress.host is empty",
		"gpu.node.enabled=true":                                          "gpu.enabled is false",
		"gpu.enabled=true,gpu.worker.enabled=true":                       "gpu.node.enabled is false",
		"gpu.enabled=true,gpu.node.enabled=true,gpu.worker.enabled=true": "config.backends.trainer is not worker",
		"gpu.enabled=true,gpu.node.enabled=true,gpu.worker.enabled=true,config.backends.trainer=worker":                                             "gpu.worker.image is empty",
		"gpu.enabled=true,gpu.node.enabled=true,gpu.worker.enabled=true,gpu.worker.image=i,gpu.worker.modelsClaim=c,config.backends.trainer=worker": "cannot load the base in NF4",
	} {
		_, err := template(t, "--set", set)
		require.ErrorContains(t, err, words, set)
	}
}

// TestOneVersionOfVLLM checks that the chart serves with the version of vLLM that
// deploy/docker/vllm.Dockerfile names, that no other file names one, and that
// vLLM and the worker quantize with the same bitsandbytes.
func TestOneVersionOfVLLM(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		return string(text)
	}
	named := regexp.MustCompile(`vllm/vllm-openai:v[\d.]+\d`)
	version := named.FindString(read("deploy/docker/vllm.Dockerfile"))
	require.NotEmpty(t, version)
	require.Contains(t, read("deploy/docker/vllm.Dockerfile"), "ARG VLLM_IMAGE="+version+"\n")
	require.Contains(t, read("deploy/helm/propersim/values.yaml"), "image: "+version+"\n")
	for _, name := range []string{"deploy/docker/vllm.Dockerfile", "deploy/docker/card.Dockerfile", "deploy/helm/propersim/values.yaml", "docker-compose.yml", ".env.example"} {
		for _, found := range named.FindAllString(read(name), -1) {
			require.Equal(t, version, found, name)
		}
	}
	quantizer := regexp.MustCompile(`(?m)^bitsandbytes==\S+ \\\n( +--hash=\S+( \\)?\n)+`)
	require.NotEmpty(t, quantizer.FindString(read("deploy/docker/vllm-requirements.lock")))
	require.Equal(t, quantizer.FindString(read("services/trainer/worker/requirements-gpu.lock")), quantizer.FindString(read("deploy/docker/vllm-requirements.lock")))
	require.Contains(t, read("services/trainer/worker/requirements.lock"), strings.Fields(quantizer.FindString(read("deploy/docker/vllm-requirements.lock")))[0]+"\n")
}

// TestVLLMServesWhatTheWorkerTrainsOn has a chart with a worker, and one without.
func TestVLLMServesWhatTheWorkerTrainsOn(t *testing.T) {
	args := func(values string) string {
		for name, p := range pods(t, "--values", chart+"/ci/"+values) {
			if strings.HasSuffix(name, "-vllm") {
				return strings.Join(p.Containers[0].Args, " ")
			}
		}
		t.Fatalf("%s has no vLLM", values)
		return ""
	}
	require.Contains(t, args("training-values.yaml"), "--quantization=bitsandbytes")
	require.NotContains(t, args("gpu-values.yaml"), "--quantization")
	require.Regexp(t, "^Qwen/Qwen3-4B-Instruct-2507 --served-model-name", args("gpu-values.yaml"))
}

func TestDashboardsAreThoseOfCompose(t *testing.T) {
	files, err := filepath.Glob(root + "/deploy/observability/grafana/dashboards/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		generated(t, chart+"/files/dashboards/"+filepath.Base(file), data)
	}
	copies, err := filepath.Glob(chart + "/files/dashboards/*.json")
	require.NoError(t, err)
	require.Len(t, copies, len(files))
}

func TestManifestsAreThoseOfTheChart(t *testing.T) {
	rendered, err := template(t, "--skip-tests", "--values", root+"/deploy/kubernetes/values.yaml")
	require.NoError(t, err)
	lines := strings.Split(string(rendered), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	generated(t, root+"/deploy/kubernetes/propersim.yaml", []byte("# Generated from deploy/helm/propersim: go test ./test/chart -update\n"+strings.Join(lines, "\n")))
}

// TestEveryFieldIsKnown decodes every object strictly, as the API server does: a
// field that its kind does not have, or has twice, is an error.
func TestEveryFieldIsKnown(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme} {
		require.NoError(t, add(scheme))
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, file := range scenarios(t) {
		rendered, err := template(t, "--values", file)
		require.NoError(t, err)
		documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(rendered)))
		decoded := 0
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			_, kind, err := strict.Decode(document, nil, nil)
			if runtime.IsMissingKind(err) || runtime.IsNotRegisteredError(err) && kind.Group == "monitoring.coreos.com" {
				continue // comments alone, or the Prometheus operator's
			}
			require.NoError(t, err, "%s: %s", filepath.Base(file), document)
			decoded++
		}
		require.Greater(t, decoded, 15)
	}
}
