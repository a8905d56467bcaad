package stack

import (
	"fmt"
	"strings"
	"time"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/pkg/serve"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	"github.com/propersim/propersim/services/trainer"
)

// loading bounds one call of a node: an adapter travels there and is loaded.
const loading = 5 * time.Minute

// newTrainer makes the trainer, which loads the adapters of language models on the
// nodes of connect.nodes, or leaves them in its store where there are none.
func (s *Stack) newTrainer(at config.Store) (service, error) {
	cfg := trainer.Config{DSN: at.Trainer, AdapterDir: at.Adapters, Keep: s.opts.Config.Trainer.Keep, ReadOnly: s.opts.ReadOnly, Logger: s.opts.Logger, Metrics: s.registerer()}
	var nodes trainer.Nodes
	for address := range strings.SplitSeq(s.opts.Config.Nodes, ",") {
		if address == "" {
			continue
		}
		conn, err := serve.Dial(address, append(dialing("node", s.security, s.opts.Config), serve.Timeout(loading), serve.Traced(s.opts.Tracer))...)
		if err != nil {
			return nil, fmt.Errorf("connect.nodes: %w", err)
		}
		s.conns = append(s.conns, conn)
		nodes = append(nodes, trainerv1.NewNodeServiceClient(conn))
	}
	if len(nodes) > 0 {
		cfg.Loader = nodes
	}
	return trainer.New(cfg, s.Buffer)
}
