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
)

// GPU says what a GPU node is asked to do.
type GPU struct {
	// Base is the folder of the base model, empty where it is not known; config.json in
	// it is enough for the arithmetic.
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
	switch s, err := readShape(g.Base); {
	case g.Base == "":
		out = append(out, Finding{"base model", Bad, "not known: give its folder with --base; config.json in it is enough"})
	case err != nil:
		out = append(out, Finding{"base model", Bad, fmt.Sprintf("%v; --base wants the folder of the base model with its config.json", err)})
	default:
		out = append(out, needs(s.sizes(&c.Trainer.Lora, g.Sequences, g.Loaded), s, &c.Trainer.Lora, g, memory)...)
	}
	there := askNodes(ctx, c)
	out = append(out, backends(c), workers(ctx, c, there))
	return append(out, nodes(c, there)...)
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
