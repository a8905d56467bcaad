// Package stack starts services, each as a gRPC server of its own, in memory or
// on its port, and connects them through their generated clients. Which of them
// run in this process and which elsewhere is configuration.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/pkg/serve"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// Options say what to start.
type Options struct {
	Config *config.Config
	// Store has every place filled in.
	Store config.Store
	// Only names the services to start here, those that they need being called
	// where connect or listen says they are. Empty means all six, those with an
	// address under connect excepted.
	Only []string
	// Remote starts nothing here: every service is called where connect or listen
	// says it is.
	Remote bool
	// Listen makes the servers listen on their addresses under listen instead of
	// in memory.
	Listen bool
	// Workers makes the trainer listen on its address even where Listen is false, so
	// that workers and the agents of GPU nodes can call it.
	Workers bool
	// ReadOnly serves the stores of buffer and trainer as they are: nothing is
	// written and nothing is trained. Use it with Only.
	ReadOnly bool
	Version  string
	Logger   *zap.Logger
	// Registry gets the metrics of all services; nil means none are kept.
	Registry *prometheus.Registry
	// Tracer gets a span of every step and call; nil means none.
	Tracer trace.TracerProvider
	// Asker answers in place of the endpoints of models, e.g. from a record; nil
	// means a client of the endpoints.
	Asker model.Asker
	// Trainer trains in place of the trainer service, e.g. from a record; nil means
	// that service.
	Trainer trainerv1.TrainerServiceClient
}

// Clients call the services, wherever they are. A client of a service that
// neither runs here nor is needed here is nil.
type Clients struct {
	Runs       environmentv1.RunServiceClient
	Worlds     environmentv1.WorldServiceClient
	Personas   userv1.PersonaServiceClient
	Users      userv1.UserAgentServiceClient
	Assistants assistantv1.AssistantServiceClient
	Retrieval  retrievalv1.RetrievalServiceClient
	Buffer     bufferv1.PreferenceBufferServiceClient
	Trainer    trainerv1.TrainerServiceClient
}

// Stack is a set of running services.
type Stack struct {
	Clients
	opts     Options
	models   models
	security *serve.Security
	units    []*unit
	conns    []serve.Conn
	failed   chan error
}

// Start starts the services in the order of config.Services. What was started
// is stopped again when a later one fails. Errors: errs.ErrPrecondition for an
// address that is taken, and whatever a store says.
func Start(opts Options) (*Stack, error) {
	s := &Stack{opts: opts, failed: make(chan error, 2*len(config.Services()))}
	var err error
	if s.security, err = Security(opts.Config.Security); err != nil {
		return nil, err
	}
	if err := s.loadPrompts(); err != nil {
		return nil, err
	}
	for _, name := range config.Services() {
		if err := s.start(name); err != nil {
			return nil, errors.Join(fmt.Errorf("%s service: %w", name, err), s.Stop())
		}
	}
	return s, nil
}

// Security reads the files that say who may call. ErrInvalid names the one at
// fault.
func Security(f config.Security) (*serve.Security, error) {
	return serve.SecurityFiles{Token: f.Token, Cert: f.Cert, Key: f.Key, ClientCA: f.ClientCA, CA: f.CA}.Load()
}

// Dial returns a connection to a service at an address, secured as configured;
// an empty name is a service of any kind.
func Dial(name, address string, c *config.Config) (*grpc.ClientConn, error) {
	loaded, err := Security(c.Security)
	if err != nil {
		return nil, err
	}
	return serve.Dial(address, dialing(name, loaded, c)...)
}

// DialService returns a connection to a service where connect or listen says it
// is, secured as configured.
func DialService(name string, c *config.Config) (*grpc.ClientConn, error) {
	return Dial(name, Address(name, c), c)
}

// Address returns where connect or listen says that a service is.
func Address(name string, c *config.Config) string {
	if at := *c.Connect.Of(name); at != "" {
		return at
	}
	return *c.Listen.Of(name)
}

// dialing says how a service is called; an empty name is one of any kind.
func dialing(name string, loaded *serve.Security, c *config.Config) []serve.DialOption {
	out := []serve.DialOption{serve.Secure(loaded)}
	if c.Security.Insecure {
		out = append(out, serve.Insecure())
	}
	switch name {
	case "assistant": // one of the user's own, perhaps
		out = append(out, serve.Stranger(), serve.Timeout(c.AssistantTimeout))
	case "retrieval", "buffer": // on Qdrant, on PostgreSQL
		out = append(out, serve.Spread())
	}
	return out
}

func (s *Stack) start(name string) error {
	if name == "trainer" && s.opts.Trainer != nil {
		s.Trainer = s.opts.Trainer
		return nil
	}
	here := *s.opts.Config.Connect.Of(name) == ""
	if s.opts.Remote {
		here = false
	} else if len(s.opts.Only) > 0 {
		here = slices.Contains(s.opts.Only, name)
		if !here && !s.needed(name) {
			return nil
		}
	}
	if !here {
		conn, err := serve.Dial(Address(name, s.opts.Config), append(dialing(name, s.security, s.opts.Config), serve.Traced(s.opts.Tracer))...)
		if err != nil {
			return err
		}
		s.connect(name, conn)
		return nil
	}
	u, err := s.newUnit(name)
	if err != nil {
		return err
	}
	s.units = append(s.units, u)
	u.run(s.failed)
	conn, err := s.dialHere(u)
	if err != nil {
		return err
	}
	s.connect(name, conn)
	return nil
}

// dialHere connects to a service of this process, which asks for the same
// proof as of anybody where it listens on a port. A server on all addresses is
// called as localhost, which its certificate then has to name.
func (s *Stack) dialHere(u *unit) (serve.Conn, error) {
	if !s.listens(u.name) {
		return u.server.Dial()
	}
	host, port, err := net.SplitHostPort(u.server.Addr())
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "localhost"
	}
	opts := append(dialing(u.name, s.security, s.opts.Config), serve.Insecure(), serve.Traced(s.opts.Tracer)) // the address is our own
	return serve.Dial(net.JoinHostPort(host, port), opts...)
}

// listens reports whether a service of this process has a port.
func (s *Stack) listens(name string) bool {
	return s.opts.Listen || s.opts.Workers && name == "trainer"
}

// needs says whom a service calls.
var needs = map[string][]string{
	"assistant":   {"retrieval", "trainer"},
	"trainer":     {"buffer"},
	"environment": {"user", "assistant", "buffer", "trainer"},
}

func (s *Stack) needed(name string) bool {
	return slices.ContainsFunc(s.opts.Only, func(only string) bool { return slices.Contains(needs[only], name) })
}

func (s *Stack) connect(name string, conn serve.Conn) {
	s.conns = append(s.conns, conn)
	switch name {
	case "retrieval":
		s.Retrieval = retrievalv1.NewRetrievalServiceClient(conn)
	case "buffer":
		s.Buffer = bufferv1.NewPreferenceBufferServiceClient(conn)
	case "user":
		s.Personas, s.Users = userv1.NewPersonaServiceClient(conn), userv1.NewUserAgentServiceClient(conn)
	case "assistant":
		s.Assistants = assistantv1.NewAssistantServiceClient(conn)
	case "trainer":
		s.Trainer = trainerv1.NewTrainerServiceClient(conn)
	case "environment":
		s.Runs, s.Worlds = environmentv1.NewRunServiceClient(conn), environmentv1.NewWorldServiceClient(conn)
	}
}

// Addresses returns where each service of this process listens.
func (s *Stack) Addresses() map[string]string {
	out := make(map[string]string)
	for _, u := range s.units {
		out[u.name] = u.server.Addr()
	}
	return out
}

// Failed yields the first error of a service that ended by itself.
func (s *Stack) Failed() <-chan error { return s.failed }

// Wait blocks until ctx is done or a service fails, whose error it returns.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Stop stops the services in the reverse order of their start, each after its
// calls in hand, and releases their stores. It may be repeated.
func (s *Stack) Stop() error {
	var faults []error
	for _, u := range slices.Backward(s.units) {
		faults = append(faults, u.stop())
	}
	for _, c := range s.conns {
		faults = append(faults, c.Close())
	}
	faults = append(faults, s.closeModels())
	s.units, s.conns = nil, nil
	return errors.Join(faults...)
}
