package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/analysis/source"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// The environment variables of the test of a whole node; make test-gpu sets them.
const (
	vllmPython   = "PROPERSIM_TEST_VLLM_PYTHON"   // a Python with vLLM
	workerPython = "PROPERSIM_TEST_WORKER_PYTHON" // a Python with services/trainer/worker/requirements.lock
	workerBase   = "PROPERSIM_TEST_WORKER_BASE"   // the folder of a small base model
)

// baseModel is the name of the base model.
const baseModel = "smollm2"

// node is a GPU node on a CPU: vLLM, our agent before it, and a training worker.
type gpuNode struct {
	t       *testing.T
	trainer string // address of the trainer
	agent   string // address of the agent
	gateway string
	vllm    string // address of vLLM
	python  string
	base    string    // folder of the model
	served  string    // folder of the model that vLLM reads
	nf4     bool      // vLLM rounds it to NF4 itself
	worker  []string  // command of the worker
	data    string    // folder of the agent
	logs    string    // folder
	server  *exec.Cmd // the agent
	stop    sync.Once
	started []*exec.Cmd
}

// start starts a process whose output goes to a file, and stops it after the test.
func (n *gpuNode) start(name string, env []string, command ...string) *exec.Cmd {
	n.t.Helper()
	log, err := os.OpenFile(filepath.Join(n.logs, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(n.t, err)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // vLLM has children
	require.NoError(n.t, cmd.Start())
	require.NoError(n.t, log.Close())
	n.started = append(n.started, cmd)
	n.t.Cleanup(func() {
		terminate(cmd)
		if n.t.Failed() {
			n.t.Logf("%s: %s", name, tail(filepath.Join(n.logs, name+".log"), 3000))
		}
	})
	return cmd
}

func tail(file string, size int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-size):])
}

// vllmCommand is vLLM on a CPU: one thread, no compilation, a small cache.
func (n *gpuNode) vllmCommand() (env, command []string) {
	host, port, _ := strings.Cut(n.vllm, ":")
	env = []string{
		"VLLM_CPU_KVCACHE_SPACE=1", "VLLM_CPU_OMP_THREADS_BIND=nobind",
		"OMP_NUM_THREADS=1", "HF_HUB_OFFLINE=1", "VLLM_NO_USAGE_STATS=1",
	}
	command = []string{
		n.python, "-m", "vllm.entrypoints.openai.api_server", "--model", n.served, "--served-model-name", baseModel, "--host", host, "--port", port,
		"--dtype", "bfloat16", "--max-model-len", "2048", "--enforce-eager", "--enable-lora", "--max-loras", "2", "--max-lora-rank", "16", "--max-cpu-loras", "8",
	}
	if n.nf4 {
		command = append(command, "--quantization", "bitsandbytes")
	}
	return env, command
}

// newNode returns a node of which nothing runs yet.
func newNode(t *testing.T) *gpuNode {
	t.Helper()
	n := &gpuNode{
		t: t, trainer: loopback.Address(t), agent: loopback.Address(t), gateway: loopback.Address(t), vllm: loopback.Address(t),
		python: os.Getenv(vllmPython), base: os.Getenv(workerBase), data: t.TempDir(), logs: t.TempDir(),
	}
	worker := os.Getenv(workerPython)
	if n.python == "" || worker == "" || n.base == "" {
		t.Skipf("set %s, %s and %s, or run make test-gpu", vllmPython, workerPython, workerBase)
	}
	folder, err := filepath.Abs("../../services/trainer/worker")
	require.NoError(t, err)
	quiet := []string{"PYTHONPATH=" + folder, "OMP_NUM_THREADS=1", "HF_HUB_OFFLINE=1", "TQDM_DISABLE=1"}
	if n.nf4 = exec.Command(n.python, "-c", "import bitsandbytes, vllm_bnb_plugin").Run() == nil; n.nf4 {
		n.served = n.base
		t.Log("vLLM loads the base in NF4")
	} else {
		n.served = filepath.Join(t.TempDir(), "served")
		rounding := n.start("dequantize", quiet, worker, "-m", "propersim_worker.dequantize", n.base, n.served)
		require.NoError(t, rounding.Wait())
		t.Log("vLLM has no vllm-bnb-plugin: it gets the weights in bf16, rounded to NF4 by the worker")
	}
	n.worker = append(append([]string{"env"}, quiet...), worker, "-m", "propersim_worker", "--trainer", n.trainer, "--base", n.base,
		"--model", baseModel, "--cache", t.TempDir(), "--wait", "5", "--lease", "30", "--device", "cpu")
	return n
}

// startAgent starts the agent, which starts vLLM.
func (n *gpuNode) startAgent(further ...string) {
	n.t.Helper()
	env, command := n.vllmCommand()
	n.server = n.start("node", env, slices.Concat([]string{
		binary, "serve", "node", "--upstream", "http://" + n.vllm, "--model", baseModel, "--data", n.data,
		"--address", n.agent, "--gateway", n.gateway, "--trainer-address", n.trainer, "--set", "log.level=info", "--server-command", strings.Join(command, " "),
	}, further)...)
}

// await waits until the gateway reaches vLLM.
func (n *gpuNode) await() {
	n.t.Helper()
	require.Eventually(n.t, func() bool {
		resp, err := http.Get("http://" + n.gateway + "/health")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	}, 15*time.Minute, 500*time.Millisecond)
}

// end stops every process of the node.
func (n *gpuNode) end() {
	n.stop.Do(func() {
		for _, cmd := range n.started {
			terminate(cmd)
		}
	})
}

// terminate ends a process by SIGTERM, so that the agent stops vLLM with all of its
// processes: those below vLLM's first one outlive a SIGKILL of the agent. What does
// not end within 90 s is killed.
func terminate(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	kill := time.AfterFunc(90*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer kill.Stop()
	_ = cmd.Wait() // an error where it was waited for before
}

// config writes the configuration of short days: a step an hour, prompts of a few
// lines, and few pairs a night.
func (n *gpuNode) config(days int) string {
	n.t.Helper()
	dir := n.t.TempDir()
	require.NoError(n.t, os.MkdirAll(filepath.Join(dir, "prompts", "assistant"), 0o755))
	require.NoError(n.t, os.WriteFile(filepath.Join(dir, "prompts", "assistant", "recommend.tmpl"), []byte(
		`{{define "system"}}Say a few words to the person at home, or stay silent. Answer in JSON on one line, such as {"action":"recommend","topic":"tea-coffee","tone":"warm","text":"A cup of tea?"} or {"action":"abstain","topic":"none","tone":"none","text":""}{{end}}`+
			`{{define "user"}}<memory>
{{data .Memory}}
</memory>
Well?{{end}}`), 0o644))
	person := filepath.Join(dir, "person.yaml")
	require.NoError(n.t, os.WriteFile(person, []byte(shortDays), 0o644))
	path := filepath.Join(dir, "gpu.yaml")
	require.NoError(n.t, os.WriteFile(path, fmt.Appendf(nil, `
backends: {assistant: model, judge: exact, trainer: worker}
listen: {trainer: %q}
connect: {nodes: %q}
models:
  prompts: %s
  repairs: 1
  endpoints: {node: {url: "http://%s/v1", slots: 2, timeout: 5m, structured: json_schema, n: true, seed: true}}
  roles: {assistant: {endpoint: node, model: %s, temperature: 0.7, max_tokens: 96, catalogue: true}}
trainer: {learning_rate: 5e-4, weight_decay: 0, epochs: 2, pairs: 4, batch_size: 2, lora: {rank: 8, alpha: 16, held_out: 0, max_prompt_tokens: 320, max_tokens: 512}}
simulation: {methods: [proper-contrast], persona_files: [%s], personas: nora-brief, days: %d, step: 1h, seeds: 1}
`, n.trainer, n.agent, filepath.Join(dir, "prompts"), n.gateway, baseModel, person, days), 0o644))
	return path
}

// shortDays is a person who is awake for ten hours.
const shortDays = `
name: Nora Brief
age: 84
background: Nora lives alone in a small house and sleeps most of the day.
big_five: {extraversion: high, agreeableness: high, conscientiousness: low, neuroticism: low, openness: low}
current_interests: [card games]
lifestyle: I wake up at 9:00. Breakfast at 9:30, lunch at 12:00, and I go to bed at 19:00.
daily_plan_requirements: ["breakfast at 9:30", "lunch at 12:00"]
long_term_goals: [reach ninety]
rubric:
  personal_preference: I like to hear about my family, cooking, friends, jokes and card games. I don't want coding or finance.
  timing: Come between 10:00 and 14:00.
  frequency: Two or three times a day, with an hour between them.
  communication_safety: Be warm. Not more than 25 words.
`

// killServer kills vLLM by SIGKILL, as the kernel does when memory runs out.
func (n *gpuNode) killServer() {
	n.t.Helper()
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(n.server.Process.Pid)).Output() // the child of the agent
	require.NoError(n.t, err)
	pid, err := strconv.Atoi(strings.Fields(string(out))[0])
	require.NoError(n.t, err)
	require.NoError(n.t, syscall.Kill(pid, syscall.SIGKILL))
}

// compare asks the stand-in of the other tests and this vLLM the same, and lets an
// agent of its own load, probe and lose an adapter on it.
func (n *gpuNode) compare(adapter string) {
	n.t.Helper()
	cmd := exec.Command("go", "test", "./services/trainer/node", "-run", "RealVLLM", "-count", "1", "-v")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "PROPERSIM_TEST_VLLM=http://"+n.vllm, "PROPERSIM_TEST_VLLM_MODEL="+baseModel, "PROPERSIM_TEST_VLLM_ADAPTER="+filepath.Join(n.data, adapter))
	said, err := cmd.CombinedOutput()
	require.NoError(n.t, err, "%s", said)
	require.Contains(n.t, string(said), "--- PASS: TestARealVLLMDoesWhatTheStandInDoes")
}

// TestAnAssistantLearnsOnARealNode lets one person live three short days with an
// assistant that is a language model. The worker trains its adapter in NF4 in both
// nights, vLLM serves base and adapters through the gateway, and is killed on
// day 2: the run waits and goes on. The record is derived again when all of them are
// gone.
func TestAnAssistantLearnsOnARealNode(t *testing.T) {
	n := newNode(t)
	n.startAgent()
	n.start("worker", nil, n.worker...)
	out := filepath.Join(t.TempDir(), "run")
	n.await()
	simulation, said := exec.Command(binary, "simulate", "--config", n.config(3), "--out", out), &bytes.Buffer{}
	simulation.Stdout, simulation.Stderr = said, said
	began := time.Now()
	require.NoError(t, simulation.Start())
	ended := make(chan error, 1)
	go func() { ended <- simulation.Wait() }()
	for speaks, over := false, false; !over; {
		select {
		case err := <-ended:
			require.NoError(t, err, "%v", said)
			over = true
		case <-time.After(time.Second):
			if !speaks {
				days, _ := spoken(t, out)
				if speaks = days[2] != nil; speaks {
					n.killServer()
					t.Logf("vLLM was killed on day 2, %v after the start", time.Since(began).Round(time.Second))
				}
			}
		}
	}
	t.Logf("three days and two nights took %v", time.Since(began).Round(time.Second))
	days, nights := spoken(t, out)
	require.Len(t, nights, 2)
	n.compare(nights[1].GetAdapter())
	n.end()
	for _, night := range nights {
		require.Empty(t, night.GetFailure())
		require.Positive(t, night.GetMetrics().GetPairs())
		t.Logf("night %d: %d pairs, loss %.4f, margin %.4f, accuracy %.2f", night.GetDay(), night.GetMetrics().GetPairs(),
			night.GetMetrics().GetLoss(), night.GetMetrics().GetMargin(), night.GetMetrics().GetAccuracy())
	}
	require.NotEqual(t, nights[0].GetAdapter(), nights[1].GetAdapter())
	require.Equal(t, []string{""}, days[1], "on day 1 the base speaks")
	require.Equal(t, []string{"d001-" + nights[0].GetAdapter()[:16]}, days[2], "after night 1 its adapter speaks, and nothing else")
	require.Equal(t, []string{"d002-" + nights[1].GetAdapter()[:16]}, days[3], "after night 2 that of night 2")
	require.Contains(t, must(t, "replay", "--verify", out), "ok")
}

// spoken returns under which names of an adapter the assistant's model was asked on
// each day, and the nights.
func spoken(t *testing.T, out string) (days map[int32][]string, nights []*environmentv1.Night) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(out, "journal.db")); err != nil {
		return nil, nil
	}
	s, err := source.Open(t.Context(), filepath.Join(out, "journal.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	runs, err := s.Runs(t.Context())
	require.NoError(t, err)
	days = map[int32][]string{}
	if len(runs) == 0 { // it has just started
		return days, nil
	}
	require.Len(t, runs, 1)
	for e, err := range s.Entries(t.Context(), runs[0].GetId(), 0) {
		require.NoError(t, err)
		if night := e.GetBody().GetNight(); night != nil {
			nights = append(nights, night)
		}
		step := e.GetBody().GetStep()
		for _, call := range step.GetCalls() {
			if day := step.GetStep()/24 + 1; call.GetRole() == simv1.Role_ROLE_ASSISTANT && !slices.Contains(days[day], call.GetAdapter()) {
				days[day] = append(days[day], call.GetAdapter())
			}
		}
	}
	return days, nights
}
