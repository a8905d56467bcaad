package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Nodes is a Loader of adapters of language models: the agents of all nodes that
// serve the base model. An adapter is loaded, and fit for use, when it is on every
// one of them.
type Nodes []trainerv1.NodeServiceClient

// servedName is the name of an adapter at the model servers. It says nothing of
// the run, whose assistant reads it, and never stands for another adapter.
func servedName(m *trainerv1.Manifest) string {
	return fmt.Sprintf("d%03d-%s", m.GetDay(), m.GetId()[:16])
}

// Load implements Loader.
func (n Nodes) Load(ctx context.Context, job *trainerv1.Job, m *trainerv1.Manifest) (string, error) {
	name, run := servedName(m), cmp.Or(job.GetRunHandle(), job.GetRunId())
	return name, n.each(ctx, func(ctx context.Context, _ int, node trainerv1.NodeServiceClient) error {
		_, err := node.LoadAdapter(ctx, &trainerv1.LoadAdapterRequest{Adapter: m.GetId(), Name: name, RunHandle: run})
		if errors.Is(err, errs.ErrInvalid) {
			return fmt.Errorf("%w: %w", errRejected, err)
		}
		return err
	})
}

// Verify implements Loader.
func (n Nodes) Verify(ctx context.Context, m *trainerv1.Manifest, probes []*trainerv1.Probe) ([]*trainerv1.GateCheck, error) {
	answers := make([]*trainerv1.ProbeAdapterResponse, len(n))
	err := n.each(ctx, func(ctx context.Context, i int, node trainerv1.NodeServiceClient) (err error) {
		answers[i], err = node.ProbeAdapter(ctx, &trainerv1.ProbeAdapterRequest{Name: servedName(m), Probes: probes})
		return err
	})
	if err != nil {
		return nil, err
	}
	var checks []*trainerv1.GateCheck
	for i, answer := range answers {
		for _, c := range answer.GetChecks() {
			if len(n) > 1 {
				c.Detail = fmt.Sprintf("node %d of %d: %s", i+1, len(n), c.GetDetail())
			}
			checks = append(checks, c)
		}
		if answer.GetRejection() != "" && firstFailure(answer.GetChecks()) == nil {
			checks = append(checks, failed("probe", "%s", answer.GetRejection()))
		}
	}
	return checks, nil
}

// nodeTimeout bounds the question to a node what it does.
const nodeTimeout = 5 * time.Second

// Offers implements Loader. A node that does not answer offers nothing.
func (n Nodes) Offers(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	models := make([]string, len(n))
	var group sync.WaitGroup
	for i, node := range n {
		group.Go(func() {
			if resp, err := node.ListAdapters(ctx, &trainerv1.ListAdaptersRequest{}); err == nil && resp.GetWillTrain() {
				models[i] = resp.GetModel()
			}
		})
	}
	group.Wait()
	return slices.DeleteFunc(models, func(model string) bool { return model == "" })
}

// each calls fn for every node at once.
func (n Nodes) each(ctx context.Context, fn func(ctx context.Context, i int, node trainerv1.NodeServiceClient) error) error {
	group, within := errgroup.WithContext(ctx)
	for i, node := range n {
		group.Go(func() error { return fn(within, i, node) })
	}
	return group.Wait()
}
