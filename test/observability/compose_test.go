package observability_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// container is what the tests read of a service in `docker compose config`.
type container struct {
	Image       string
	Profiles    []string
	Build       any
	Restart     string
	Environment map[string]string
	ReadOnly    bool     `json:"read_only"`
	CapDrop     []string `json:"cap_drop"`
	SecurityOpt []string `json:"security_opt"`
	StopGrace   string   `json:"stop_grace_period"`
	MemLimit    string   `json:"mem_limit"`
	PidsLimit   int      `json:"pids_limit"`
	Healthcheck any
	Ports       []struct {
		HostIP    string `json:"host_ip"`
		Published string
	}
	DependsOn map[string]struct{ Condition string } `json:"depends_on"`
}

// compose runs `docker compose config` on the repository's files, with nothing
// of this shell in its environment.
func compose(t *testing.T, args ...string) []byte {
	t.Helper()
	if err := exec.Command("docker", "compose", "version").Run(); err != nil {
		t.Skip("no docker compose here: the compose files were not checked")
	}
	cmd := exec.Command("docker", append(append([]string{"compose", "--env-file", os.DevNull}, args...), "config", "--format", "json")...)
	cmd.Dir = "../.."
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	out, err := cmd.Output()
	require.NoError(t, err, "docker compose %v", args)
	return out
}

func containers(t *testing.T, args ...string) map[string]container {
	t.Helper()
	var file struct{ Services map[string]container }
	require.NoError(t, json.Unmarshal(compose(t, args...), &file))
	return file.Services
}

func TestEveryProfileIsValid(t *testing.T) {
	for _, profile := range []string{"cli", "postgres", "observability", "models", "gpu", "gpu-alternate"} {
		with := containers(t, "--profile", profile)
		without := containers(t)
		require.Greater(t, len(with), len(without), profile)
		require.Contains(t, containers(t, "-f", "docker-compose.yml", "-f", "compose.test.yml", "--profile", profile), "simulation")
	}
}

// once are the containers that do one thing and end; healthless those whose
// image has nothing to ask them with.
var (
	once       = map[string]bool{"secrets": true, "simulation": true, "cli": true}
	healthless = map[string]bool{"tempo": true, "worker": true}
)

func TestEveryContainerIsHeldInBounds(t *testing.T) {
	all := containers(t, "--profile", "*")
	require.Greater(t, len(all), 12)
	for name, c := range all {
		require.True(t, c.ReadOnly, "%s: its root can be written", name)
		require.Equal(t, []string{"ALL"}, c.CapDrop, name)
		require.Contains(t, c.SecurityOpt, "no-new-privileges:true", name)
		require.Equal(t, "10s", c.StopGrace, name)
		require.NotEmpty(t, c.MemLimit, name)
		require.Positive(t, c.PidsLimit, name)
		if c.Build == nil && name != "secrets" {
			_, tag, _ := strings.Cut(c.Image, ":")
			require.Regexp(t, `^v?\d+\.\d+(\.\d+)?$`, tag, "%s: %s is not pinned", name, c.Image)
		}
		if once[name] {
			require.Equal(t, "no", c.Restart, name)
		} else {
			require.Equal(t, "unless-stopped", c.Restart, name)
			require.Equal(t, healthless[name], c.Healthcheck == nil, "%s: health", name)
		}
		for _, port := range c.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
		}
		for needed, how := range c.DependsOn {
			want := "service_healthy"
			switch {
			case needed == "secrets":
				want = "service_completed_successfully"
			case healthless[needed]:
				want = "service_started"
			}
			require.Equal(t, want, how.Condition, "%s waits for %s", name, needed)
		}
		for key, value := range c.Environment {
			secret := strings.Contains(key, "PASSWORD") || strings.Contains(key, "TOKEN") || strings.Contains(key, "API_KEY")
			require.False(t, secret && !strings.HasPrefix(value, "/"), "%s: %s is no file", name, key)
		}
	}
}

// TestNobodyReachesAGPUButTheAgent checks that vLLM listens on a loopback interface
// which it shares with the agent alone, and that neither it nor the worker publishes
// a port.
func TestNobodyReachesAGPUButTheAgent(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Command     []string
			NetworkMode string `json:"network_mode"`
			Ports       []any
			Volumes     []struct {
				Source, Target string
				ReadOnly       bool `json:"read_only"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(compose(t, "--profile", "gpu", "--profile", "gpu-alternate"), &file))
	vllm := file.Services["vllm"]
	require.Equal(t, "service:gpu-node", vllm.NetworkMode)
	require.Contains(t, vllm.Command, "--host=127.0.0.1")
	require.Contains(t, file.Services["gpu-node"].Command, "--upstream=http://127.0.0.1:8000")
	require.Contains(t, strings.Join(file.Services["gpu-card"].Command, " "), "--host=127.0.0.1")
	for name := range file.Services {
		sharing := file.Services[name].NetworkMode == "service:gpu-node"
		require.Equal(t, name == "vllm", sharing, name)
	}
	for _, name := range []string{"gpu-node", "vllm", "worker", "gpu-card"} {
		require.Empty(t, file.Services[name].Ports, name)
	}
	for _, volume := range vllm.Volumes {
		require.True(t, volume.ReadOnly, "vLLM writes %s", volume.Target)
	}
}

// TestEveryPublishedPortCanBeMoved also holds .env.example to the ports there are.
func TestEveryPublishedPortCanBeMoved(t *testing.T) {
	example, err := os.ReadFile("../../.env.example")
	require.NoError(t, err)
	file, err := os.ReadFile("../../docker-compose.yml")
	require.NoError(t, err)
	for name, c := range containers(t, "--profile", "*") {
		for _, port := range c.Ports {
			variable := "PSIM_" + strings.ToUpper(name) + "_PORT"
			require.Contains(t, string(file), "127.0.0.1:${"+variable+":-"+port.Published+"}:")
			require.Contains(t, string(example), variable+"="+port.Published+"\n")
		}
	}
}

// TestComposeHasVariablesOfItsOwn checks that what compose substitutes is never a
// setting of the program, so that a shell with .env exported can run it, and that
// .env.example names nothing that compose does not read.
func TestComposeHasVariablesOfItsOwn(t *testing.T) {
	example, err := os.ReadFile("../../.env.example")
	require.NoError(t, err)
	file, err := os.ReadFile("../../docker-compose.yml")
	require.NoError(t, err)
	read := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(string(file), -1) {
		require.True(t, strings.HasPrefix(m[1], "PSIM_"), m[1])
		read[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(string(example), -1) {
		require.True(t, read[m[1]] || m[1] == "COMPOSE_PROFILES", m[1])
	}
}

// TestPrometheusLooksAtEveryService holds the targets to the services and their
// metrics address.
func TestPrometheusLooksAtEveryService(t *testing.T) {
	var file struct {
		Global        map[string]string
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName        string            `yaml:"job_name"`
			Authorization  map[string]string `yaml:"authorization"`
			MetricRelabels []map[string]any  `yaml:"metric_relabel_configs"`
			StaticConfigs  []struct {
				Targets []string
				Labels  map[string]string
			} `yaml:"static_configs"`
			DNSConfigs []struct {
				Names []string
				Type  string
				Port  int
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "prometheus.yml", &file)
	targets, byName := map[string]string{}, map[string]string{}
	for _, job := range file.ScrapeConfigs {
		for _, static := range job.StaticConfigs {
			for _, target := range static.Targets {
				name := job.JobName
				if label, ok := static.Labels["job"]; ok {
					name = label
				}
				targets[name] = target
			}
		}
		for _, found := range job.DNSConfigs {
			for _, name := range found.Names {
				byName[name] = fmt.Sprintf("%s:%d", name, found.Port)
			}
		}
	}
	asked := map[string]bool{}
	for name, c := range containers(t, "--profile", "*") {
		if address, ok := c.Environment["PROPERSIM_METRICS_ADDRESS"]; ok && !once[name] {
			require.Equal(t, c.Environment["PROPERSIM_SECURITY_TOKEN"], file.ScrapeConfigs[0].Authorization["credentials_file"])
			if len(c.Profiles) > 0 { // it runs on request only: its name is looked up
				name = "gpu-node"
				require.Equal(t, strings.Replace(address, "0.0.0.0", name, 1), byName[name])
				asked[name] = true
				continue
			}
			require.Equal(t, strings.Replace(address, "0.0.0.0", name, 1), targets[name])
			delete(targets, name)
		}
	}
	require.Equal(t, map[string]string{"tempo": "tempo:3200"}, targets)
	require.Len(t, asked, len(byName))
}

// TestEveryBaseImageIsPinned checks that the Dockerfiles name a version of every
// image that they begin with: an image of ours, one of their own stages, or a tag
// with a patch number (Go: a minor one, whose patches are security fixes).
func TestEveryBaseImageIsPinned(t *testing.T) {
	files, err := filepath.Glob("../../deploy/*/*Dockerfile")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 4)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		defaults, stages := map[string]string{}, map[string]bool{"scratch": true}
		for line := range strings.Lines(string(raw)) {
			words := strings.Fields(line)
			switch {
			case len(words) > 1 && words[0] == "ARG":
				name, value, _ := strings.Cut(words[1], "=")
				defaults[name] = value
			case len(words) > 1 && words[0] == "FROM":
				image := os.Expand(words[1], func(name string) string { return defaults[name] })
				if !stages[image] && !strings.HasPrefix(image, "propersim") {
					require.Regexp(t, `^(golang:\d+\.\d+|[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?)$`, image, file)
				}
				if len(words) == 4 {
					stages[words[3]] = true
				}
			}
		}
	}
}
