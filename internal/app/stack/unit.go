package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/serve"
	"github.com/propersim/propersim/services/buffer"
	"github.com/propersim/propersim/services/environment"
)

// service is what every service package exports.
type service interface {
	Register(r grpc.ServiceRegistrar)
	Run(ctx context.Context) error
	Close() error
}

// unit is a service with its server.
type unit struct {
	name    string
	service service
	server  *serve.Server
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func (s *Stack) newUnit(name string) (*unit, error) {
	made, err := s.newService(name)
	if err != nil {
		return nil, err
	}
	cfg := serve.Config{
		Name: name, Insecure: s.opts.Config.Security.Insecure, Security: s.security,
		Logger: s.opts.Logger, Registry: s.opts.Registry, Tracer: s.opts.Tracer,
	}
	if s.listens(name) {
		cfg.Address = *s.opts.Config.Listen.Of(name)
		cfg.Reflection = s.opts.Config.Security.Reflection || serve.Loopback(cfg.Address)
	}
	server, err := serve.New(cfg, made)
	if err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return &unit{name: name, service: made, server: server}, nil
}

func (s *Stack) newService(name string) (service, error) {
	c, at := s.opts.Config, s.opts.Store
	switch name {
	case "retrieval":
		return s.newRetrieval()
	case "buffer":
		return buffer.New(buffer.Config{DSN: at.Buffer, ReadOnly: s.opts.ReadOnly, Metrics: s.registerer()})
	case "user":
		return s.newUser(at)
	case "assistant":
		return s.newAssistant()
	case "trainer":
		return s.newTrainer(at)
	case "environment":
		return environment.New(environment.Config{
			DSN: at.Journal, Parallel: c.Simulation.Parallel, Version: s.opts.Version, GiveUp: c.GiveUp,
			UserTimeout: s.timeout("user", c.UserTimeout), AssistantTimeout: s.timeout("assistant", c.AssistantTimeout),
			Logger: s.opts.Logger, Metrics: s.registerer(), Tracer: s.opts.Tracer,
		}, environment.Clients{
			Personas: s.Personas, Users: s.Users, Assistants: s.Assistants, Buffer: s.Buffer, Trainer: s.Trainer,
		})
	}
	return nil, fmt.Errorf("there is no service %q", name)
}

// timeout returns the timeout of calls to a service that was started before; 0,
// for none, where it is in this process: a deadline would cost each step more than
// it is worth.
func (s *Stack) timeout(name string, configured time.Duration) time.Duration {
	if slices.ContainsFunc(s.units, func(u *unit) bool { return u.name == name }) {
		return 0
	}
	return configured
}

// registerer is where services count; nil, and not a nil registry, for none.
func (s *Stack) registerer() prometheus.Registerer {
	if s.opts.Registry == nil {
		return nil
	}
	return s.opts.Registry
}

// apiKey returns the key, from its file where one is named. ErrInvalid for a
// file that cannot be read or is empty.
func apiKey(q config.Qdrant) (string, error) {
	if q.APIKeyFile == "" {
		return q.APIKey, nil
	}
	data, err := infile.Secret(q.APIKeyFile)
	if err != nil {
		return "", errs.Invalid("qdrant.api_key_file", "%v", err)
	}
	key := strings.TrimSpace(string(data))
	if key == "" {
		return "", errs.Invalid("qdrant.api_key_file", "%s is empty", q.APIKeyFile)
	}
	return key, nil
}

// run lets the service and its server work until stop.
func (u *unit) run(failed chan<- error) {
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	for _, work := range []func(context.Context) error{u.service.Run, u.server.Run} {
		u.done.Go(func() {
			if err := work(ctx); err != nil {
				failed <- fmt.Errorf("%s service: %w", u.name, err)
			}
		})
	}
}

func (u *unit) stop() error {
	u.cancel()
	u.done.Wait()
	u.server.Close()
	return u.service.Close()
}
