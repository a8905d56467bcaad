package stack

import (
	"context"
	"errors"
	"time"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	"github.com/propersim/propersim/prompts"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant"
	"github.com/propersim/propersim/services/assistant/modelpolicy"
	"github.com/propersim/propersim/services/assistant/modelsummarizer"
	"github.com/propersim/propersim/services/retrieval"
	"github.com/propersim/propersim/services/retrieval/embed/modelembed"
	"github.com/propersim/propersim/services/user"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/modelcompiler"
	"github.com/propersim/propersim/services/user/modeljudge"
	"github.com/propersim/propersim/services/user/modelplanner"
)

// Names of the drivers that ask a model.
const (
	byModel  = "model"
	byHybrid = "hybrid"
)

// learnWithin is how long a start waits for an embedding model to say how many
// dimensions it has, where the configuration does not.
const learnWithin = time.Minute

// graceForAnswers is how long a stop waits for answers that are under way: they
// are paid for.
const graceForAnswers = 10 * time.Second

// models are the prompts and the client of a stack whose roles are played by
// models; the zero value is for one without.
type models struct {
	prompts *prompts.Set
	asker   model.Asker
	client  *model.Client // nil where nothing here asks a model, or a Replay answers
}

// loadPrompts reads the prompts where a model plays a role.
func (s *Stack) loadPrompts() (err error) {
	if s.opts.Config.Backends.Modelled() {
		s.models.prompts, err = prompts.Load(s.opts.Config.Models.Prompts)
	}
	return err
}

// Backends describes who plays the roles, as the identity of a run records it;
// nil where no model does.
func (s *Stack) Backends() *simv1.Backends {
	if s.models.prompts == nil {
		return nil
	}
	return s.opts.Config.BackendsMessage(s.models.prompts.Digest())
}

// Prompts returns the prompt set in use; nil where no model plays a role.
func (s *Stack) Prompts() *prompts.Set { return s.models.prompts }

// Usage returns what the models of this process have used so far, by role, with
// what was used before a restart; nil where none are asked here.
func (s *Stack) Usage() map[string]model.Totals {
	if s.models.client == nil {
		return nil
	}
	return s.models.client.Totals()
}

// Models says what the models of this process do and used, by role; nil where none
// is asked here.
func (s *Stack) Models() *live.Models {
	client := s.models.client
	if client == nil {
		return nil
	}
	now, totals := client.Now(), client.Totals()
	out := &live.Models{Failing: now.Failing}
	for _, role := range s.opts.Config.RolesOfModels() {
		used, doing := totals[role], now.Roles[role]
		out.Roles = append(out.Roles, live.ModelRole{
			Role: role, InFlight: doing.InFlight, Waiting: doing.Waiting,
			Calls: used.Requests, Prompt: used.Prompt, Completion: used.Completion, USD: used.USD(),
			Repaired: doing.Repaired, Failed: doing.Failed, Retried: doing.Retried,
		})
	}
	return out
}

// ask returns what the drivers of this process ask. All of them share one
// client: its scheduler knows every request.
func (s *Stack) ask() (model.Asker, error) {
	if s.models.asker != nil {
		return s.models.asker, nil
	}
	if s.opts.Asker != nil {
		s.models.asker = s.opts.Asker
		return s.opts.Asker, nil
	}
	client, err := model.New(context.Background(), s.opts.Config.Models.Config(), model.Deps{
		Answers: s.opts.Store.Answers, Registry: s.registerer(), Tracer: s.opts.Tracer, Logger: s.opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	s.models.asker, s.models.client = client, client
	return client, nil
}

// closeModels waits for answers under way and closes the client.
func (s *Stack) closeModels() error {
	client := s.models.client
	if client == nil {
		return nil
	}
	s.models.client, s.models.asker = nil, nil
	ctx, cancel := context.WithTimeout(context.Background(), graceForAnswers)
	defer cancel()
	return client.Close(ctx)
}

// userDrivers fills in the drivers of the user service that ask a model.
func (s *Stack) userDrivers(cfg *user.Config) error {
	b := s.opts.Config.Backends
	if b.Planner == byModel {
		asker, err := s.ask()
		if err != nil {
			return err
		}
		if cfg.Planners, err = modelplanner.Drivers(asker, s.models.prompts); err != nil {
			return err
		}
	}
	if b.Judge == byModel || b.Judge == byHybrid {
		asker, err := s.ask()
		if err != nil {
			return err
		}
		if cfg.Judges, err = modeljudge.Drivers(b.Judge, asker, s.models.prompts); err != nil {
			return err
		}
	}
	return nil
}

// CompilerOf returns the compiler of a driver, "embedded" or "model", for a
// configuration, and how to close it.
func CompilerOf(ctx context.Context, name string, c *config.Config) (driver.Compilers, func() error, error) {
	nothing := func() error { return nil }
	switch name {
	case driver.Embedded:
		return driver.EmbeddedCompiler(), nothing, nil
	case byModel:
	default:
		return driver.Compilers{}, nothing, errs.Invalid("--compiler", "found %q, want embedded or model", name)
	}
	set, err := prompts.Load(c.Models.Prompts)
	if err != nil {
		return driver.Compilers{}, nothing, err
	}
	client, err := model.New(ctx, c.Models.Config(), model.Deps{Answers: ":memory:", Patience: learnWithin})
	if err != nil {
		return driver.Compilers{}, nothing, err
	}
	stop := func() error { return client.Close(context.WithoutCancel(ctx)) }
	out, err := modelcompiler.Compilers(client, set)
	if err != nil {
		return out, nothing, errors.Join(err, stop())
	}
	return out, stop, nil
}

// assistantDrivers fills in the drivers of the assistant service that ask a
// model.
func (s *Stack) assistantDrivers(cfg *assistant.Config) error {
	b := s.opts.Config.Backends
	if b.Assistant == byModel {
		asker, err := s.ask()
		if err != nil {
			return err
		}
		if cfg.Policy, err = modelpolicy.New(asker, s.models.prompts); err != nil {
			return err
		}
	}
	if b.Summarizer == byModel {
		asker, err := s.ask()
		if err != nil {
			return err
		}
		if cfg.Summarizer, err = modelsummarizer.New(asker, s.models.prompts); err != nil {
			return err
		}
	}
	return nil
}

// embedder fills in the embedder of the retrieval service.
func (s *Stack) embedder(cfg *retrieval.Config) error {
	if s.opts.Config.Backends.Embedder != byModel {
		return nil
	}
	asker, err := s.ask()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), learnWithin)
	defer cancel()
	cfg.Embedder, err = modelembed.New(ctx, asker)
	return err
}

// newUser, newAssistant and newRetrieval make the services whose roles a model
// can play.
func (s *Stack) newUser(at config.Store) (service, error) {
	cfg := user.Config{DSN: at.Users, Logger: s.opts.Logger, Metrics: s.registerer()}
	if err := s.userDrivers(&cfg); err != nil {
		return nil, err
	}
	return user.New(cfg)
}

func (s *Stack) newAssistant() (service, error) {
	var cfg assistant.Config
	if err := s.assistantDrivers(&cfg); err != nil {
		return nil, err
	}
	return assistant.New(cfg, s.Retrieval, s.Trainer)
}

func (s *Stack) newRetrieval() (service, error) {
	c := s.opts.Config
	key, err := apiKey(c.Qdrant)
	if err != nil {
		return nil, err
	}
	cfg := retrieval.Config{
		Index:  c.Backends.Index,
		Qdrant: retrieval.Qdrant{Address: c.Qdrant.Address, APIKey: key, TLS: c.Qdrant.TLS}, Metrics: s.registerer(), Logger: s.opts.Logger,
	}
	if err := s.embedder(&cfg); err != nil {
		return nil, err
	}
	return retrieval.New(cfg)
}
