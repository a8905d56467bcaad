package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// gone is how long after its last call a worker counts as gone: a job that waits
// fails then.
const gone = time.Hour

// answer is what a node said.
type answer struct {
	address string
	*trainerv1.ListAdaptersResponse
	err error
}

// askNodes asks every node of the configuration what it does.
func askNodes(ctx context.Context, c *config.Config) (out []answer) {
	if c.Nodes == "" {
		return nil
	}
	for address := range strings.SplitSeq(c.Nodes, ",") {
		resp, err := askNode(ctx, c, address)
		out = append(out, answer{address, resp, err})
	}
	return out
}

func askNode(ctx context.Context, c *config.Config, address string) (*trainerv1.ListAdaptersResponse, error) {
	conn, err := stack.Dial("node", address, c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // nothing is in flight
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	return trainerv1.NewNodeServiceClient(conn).ListAdapters(ctx, &trainerv1.ListAdaptersRequest{})
}

// base is the name of the base model that the nights of a configuration train.
func base(c *config.Config) string { return c.Models.Roles[model.Assistant].Model }

// workers asks the trainer who can train what the configuration wants.
func workers(ctx context.Context, c *config.Config, nodes []answer) Finding {
	all, err := askTrainer(ctx, c)
	switch {
	case err != nil && c.Connect.Trainer == "":
		return Finding{"workers", Warn, "not asked: connect.trainer is empty, and no trainer is at listen.trainer " + c.Listen.Trainer + ", where simulate has one while it runs"}
	case err != nil:
		return Finding{"workers", Bad, "the trainer at " + c.Connect.Trainer + " does not answer: " + errs.Reason(err)}
	}
	able, said := false, make([]string, 0, len(all))
	for _, w := range all {
		unfit := unfitness(c, w)
		text := fmt.Sprintf("%s (%s in %s, rank up to %d) called %v ago", w.GetName(), w.GetCapabilities().GetModel(), w.GetCapabilities().GetQuantization(),
			w.GetCapabilities().GetMaxRank(), time.Since(w.GetLastSeen().AsTime()).Round(time.Second))
		switch {
		case unfit != "":
			text += ": cannot train this, " + unfit
		case w.GetJob() != nil:
			text += fmt.Sprintf(", trains day %d of %s", w.GetJob().GetDay(), w.GetJob().GetRunId())
		}
		able = able || unfit == ""
		said = append(said, text)
	}
	for _, n := range nodes {
		if n.GetWillTrain() && n.GetModel() == base(c) {
			able, said = true, append(said, "that of node "+n.address+" starts when its model server is idle")
		}
	}
	switch {
	case able:
		return Finding{"workers", OK, strings.Join(said, "; ")}
	case len(said) == 0:
		return Finding{"workers", Bad, "no worker has asked the trainer for jobs within a day: nights would wait an hour and fail; start one, see docs/gpu.md"}
	}
	return Finding{"workers", Bad, strings.Join(said, "; ") + ": nights would wait an hour and fail"}
}

func askTrainer(ctx context.Context, c *config.Config) (all []*trainerv1.Worker, err error) {
	conn, err := stack.DialService("trainer", c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // nothing is in flight
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	for token := ""; ; {
		resp, err := trainerv1.NewWorkerServiceClient(conn).ListWorkers(ctx, &trainerv1.ListWorkersRequest{PageToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, resp.GetWorkers()...)
		if token = resp.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

// unfitness says why a worker does not take the jobs of a configuration; empty for
// one that does.
func unfitness(c *config.Config, w *trainerv1.Worker) string {
	can, l := w.GetCapabilities(), c.Trainer.Lora
	switch {
	case can.GetModel() != base(c):
		return fmt.Sprintf("models.roles.assistant.model is %q", base(c))
	case can.GetQuantization() != l.Quantization:
		return fmt.Sprintf("trainer.lora.quantization is %q", l.Quantization)
	case int(can.GetMaxRank()) < l.Rank:
		return fmt.Sprintf("trainer.lora.rank is %d", l.Rank)
	case time.Since(w.GetLastSeen().AsTime()) > gone:
		return "it has not called for over an hour"
	}
	return ""
}

// nodes says of every node what it does, and what is wrong with it.
func nodes(c *config.Config, all []answer) (out []Finding) {
	if len(all) == 0 {
		return []Finding{{"nodes", Warn, "connect.nodes is empty: adapters stay in the store, no model server loads them"}}
	}
	for _, n := range all {
		out = append(out, node(c, n))
	}
	return out
}

func node(c *config.Config, n answer) Finding {
	f := Finding{Check: "node " + n.address, Status: OK}
	if n.err != nil {
		f.Status, f.Detail = Bad, "its agent does not answer: "+errs.Reason(n.err)
		return f
	}
	loaded := 0
	for _, a := range n.GetAdapters() {
		if a.GetLoaded() {
			loaded++
		}
	}
	f.Detail = fmt.Sprintf("it serves %s, %d of %d adapters are loaded", n.GetModel(), loaded, len(n.GetAdapters()))
	switch n.GetState() {
	case trainerv1.NodeState_NODE_STATE_STARTING:
		f.Status, f.Detail = Warn, fmt.Sprintf("its model server with %s starts, or does not: %s", n.GetModel(), n.GetFault())
	case trainerv1.NodeState_NODE_STATE_DRAINING, trainerv1.NodeState_NODE_STATE_TRAINING:
		f.Detail = fmt.Sprintf("its worker has the GPU and trains %s; runs wait meanwhile", n.GetModel())
	default:
		if n.GetFault() != "" {
			f.Status, f.Detail = Bad, "its model server fails: "+n.GetFault()
		}
	}
	if n.GetModel() != base(c) {
		f.Status, f.Detail = Bad, fmt.Sprintf("%s; models.roles.assistant.model is %q, and its adapters fit that alone", f.Detail, base(c))
	}
	return f
}
