package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// GPU says what a GPU node is asked to do.
type GPU struct {
	// Base is the folder of the base model; config.json in it is enough for the
	// arithmetic.
	Base string
	// Sequences are the requests that are answered at once, and Loaded the adapters in
	// the model server at once.
	Sequences, Loaded int
}

// nodeTimeout bounds the question to a node, a trainer or nvidia-smi.
const nodeTimeout = 5 * time.Second

// LookGPU compares what training and serving need with what is there, and asks
// the trainer and every node of the configuration.
func LookGPU(ctx context.Context, c *config.Config, g GPU) []Finding {
	memory, out := gpus(ctx)
	s, err := readShape(g.Base)
	if err != nil {
		out = append(out, Finding{"base model", Bad, fmt.Sprintf("%v; give its folder with --base: config.json in it is enough", err)})
	} else {
		out = append(out, needs(s.sizes(&c.Trainer.Lora, g.Sequences, g.Loaded), s, &c.Trainer.Lora, g, memory)...)
	}
	out = append(out, backends(c), workers(ctx, c))
	return append(out, nodes(ctx, c)...)
}

// gpus finds the memory of the largest GPU, bytes; 0 without any.
func gpus(ctx context.Context) (memory int64, out []Finding) {
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	text, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0, []Finding{{"gpu", Warn, "none found here: nvidia-smi does not answer (" + err.Error() + "); the figures below are arithmetic"}}
	}
	for line := range strings.Lines(string(text)) {
		name, mib, _ := strings.Cut(strings.TrimSpace(line), ", ")
		n, err := strconv.ParseInt(mib, 10, 64)
		if err != nil {
			out = append(out, Finding{"gpu", Warn, fmt.Sprintf("nvidia-smi says %q, want a name and MiB", strings.TrimSpace(line))})
			continue
		}
		memory = max(memory, n<<20)
		out = append(out, Finding{"gpu", OK, fmt.Sprintf("%s, %s", name, gib(n<<20))})
	}
	return memory, out
}

func gib(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

func needs(n sizes, s *shape, l *config.Lora, g GPU, memory int64) []Finding {
	out := []Finding{{"base model", OK, fmt.Sprintf("%.2f billion parameters, an adapter of rank %d has %.1f million", float64(s.linear()+s.other())/1e9, l.Rank, float64(s.adapter(l))/1e6)}}
	if weights, _ := filepath.Glob(filepath.Join(g.Base, "*.safetensors")); len(weights) == 0 { // the pattern is sound
		out = append(out, Finding{"download", Warn, fmt.Sprintf("no *.safetensors in %s: about %s in bf16 must be downloaded first", g.Base, gib(n.download))})
	} else {
		out = append(out, Finding{"download", OK, "nothing: the weights are there"})
	}
	compare := func(what string, need int64, detail string) {
		f := Finding{"memory to " + what, OK, fmt.Sprintf("%s: %s", gib(need), detail)}
		switch {
		case memory == 0:
			f.Status, f.Detail = Warn, f.Detail+"; no GPU here to compare with"
		case need > memory:
			f.Status, f.Detail = Bad, fmt.Sprintf("%s; the largest GPU has %s", f.Detail, gib(memory))
		}
		out = append(out, f)
	}
	compare("train", n.training(), fmt.Sprintf("base in %s %s, adapter with AdamW %s, activations of %d tokens twice %s (checkpointing: %t), logits %s",
		l.Quantization, gib(n.base), gib(n.optimizer), l.MaxTokens, gib(n.activations), l.GradientCheckpointing, gib(n.logits)))
	compare("serve", n.serving(), fmt.Sprintf("base in %s %s, KV cache of %d x %d tokens %s, %d adapters %s",
		l.Quantization, gib(n.base), g.Sequences, l.MaxTokens, gib(n.cache), g.Loaded, gib(n.adapters)))
	return out
}

func backends(c *config.Config) Finding {
	if c.Backends.Trainer == "worker" && c.Backends.Assistant == "model" {
		return Finding{"configuration", OK, "a worker trains the model that is the assistant"}
	}
	return Finding{"configuration", Warn, fmt.Sprintf("backends.trainer is %q and backends.assistant %q, want worker and model for nights on a GPU", c.Backends.Trainer, c.Backends.Assistant)}
}

// workers asks the trainer who trains.
func workers(ctx context.Context, c *config.Config) Finding {
	if c.Connect.Trainer == "" {
		return Finding{"workers", Warn, "connect.trainer names no trainer: not asked"}
	}
	conn, err := stack.DialService("trainer", c)
	if err != nil {
		return Finding{"workers", Bad, err.Error()}
	}
	defer func() { _ = conn.Close() }() // nothing is in flight
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	resp, err := trainerv1.NewWorkerServiceClient(conn).ListWorkers(ctx, &trainerv1.ListWorkersRequest{})
	if err != nil {
		return Finding{"workers", Bad, "the trainer at " + c.Connect.Trainer + " does not answer: " + err.Error()}
	}
	var names []string
	for _, w := range resp.GetWorkers() {
		names = append(names, fmt.Sprintf("%s (%s %s)", w.GetName(), w.GetCapabilities().GetModel(), w.GetCapabilities().GetQuantization()))
	}
	if len(names) == 0 {
		return Finding{"workers", Bad, "no worker has asked the trainer for jobs within a day: nights would wait an hour and fail"}
	}
	return Finding{"workers", OK, strings.Join(names, ", ")}
}

// nodes asks every node whether its agent answers, and what it has loaded.
func nodes(ctx context.Context, c *config.Config) (out []Finding) {
	if c.Nodes == "" {
		return []Finding{{"nodes", Warn, "connect.nodes is empty: adapters stay in the store, no model server loads them"}}
	}
	for address := range strings.SplitSeq(c.Nodes, ",") {
		out = append(out, node(ctx, c, address))
	}
	return out
}

func node(ctx context.Context, c *config.Config, address string) Finding {
	check := "node " + address
	conn, err := stack.Dial("node", address, c)
	if err != nil {
		return Finding{check, Bad, err.Error()}
	}
	defer func() { _ = conn.Close() }() // nothing is in flight
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	resp, err := trainerv1.NewNodeServiceClient(conn).ListAdapters(ctx, &trainerv1.ListAdaptersRequest{})
	if err != nil {
		return Finding{check, Bad, "its agent does not answer: " + err.Error()}
	}
	loaded := 0
	for _, a := range resp.GetAdapters() {
		if a.GetLoaded() {
			loaded++
		}
	}
	return Finding{check, OK, fmt.Sprintf("its agent answers; %d of %d adapters are loaded", loaded, len(resp.GetAdapters()))}
}
