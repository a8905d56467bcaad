// Package estimate says what an experiment with models will use, before it is
// begun: it plays sampled days, so that the real prompts are rendered and counted.
// A few calls of each kind are made, so that the answers are the model's own.
package estimate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/pkg/model"
)

// sampled is the greatest number of people whose day is played.
const sampled = 4

// Speeds of a slot that the hours are reckoned by: those of a model of 8 billion
// parameters on one GPU, roughly.
const (
	// ReadPerSecond and WritePerSecond are prompt and generated tokens a second.
	ReadPerSecond  = 2000
	WritePerSecond = 50
)

// Row is what one role will use in the whole experiment.
type Row struct {
	Role     string `json:"role"`
	Endpoint string `json:"endpoint"`
	Requests int64  `json:"requests"`
	// Prompt and Completion are tokens; Least and Most bound the completion.
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Least      int64 `json:"completion_least"`
	Most       int64 `json:"completion_most"`
	// USD by the configured prices, and its range.
	USD      float64 `json:"usd"`
	LeastUSD float64 `json:"usd_least"`
	MostUSD  float64 `json:"usd_most"`
	// Hours that the endpoint's slots are busy with this role, at the speeds above.
	Hours float64 `json:"hours"`
	// Tokenizer says how tokens were counted.
	Tokenizer string `json:"tokenizer"`
}

// Run plays the sample and returns a row for each role that a model plays. runs
// is the number of runs of the experiment. Errors are those of a start and of the
// played runs.
func Run(ctx context.Context, c *config.Config) (_ []Row, err error) {
	again := *c
	again.Simulation.Days, again.Connect, again.Store = 1, config.Addresses{}, config.Store{}
	again.Backends.Index, again.Qdrant = "embedded", config.Qdrant{}
	again.Simulation.Seeds = c.Simulation.Seeds[:1]
	temporary, err := os.MkdirTemp("", "propersim-estimate-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temporary)
	at := folder.Folder(temporary)
	if err := at.Make(); err != nil {
		return nil, err
	}
	// The few real answers are kept nowhere: an estimate is no part of a run.
	real, err := model.New(ctx, c.Models.Config(), model.Deps{Answers: ":memory:", Patience: time.Second})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, real.Close(ctx)) }()
	estimator := model.NewEstimator(c.Models.Config(), real)
	s, err := stack.Start(stack.Options{Config: &again, Store: at.Store(config.Store{}), Version: "estimate", Asker: estimator})
	if err != nil {
		return nil, err
	}
	share, err := play(ctx, s, &again)
	if err := errors.Join(err, s.Stop()); err != nil {
		return nil, err
	}
	whole := float64(c.Simulation.Days*len(c.Simulation.Seeds)) * share
	return rows(ctx, c.Models.Config(), estimator.Use(), whole), nil
}

// play lets a sample of the people live one day with every method, and returns
// how many times as many people there are.
func play(ctx context.Context, s *stack.Stack, c *config.Config) (float64, error) {
	people, err := experiment.People(ctx, s.Personas, c)
	if err != nil {
		return 0, err
	}
	part := experiment.Shard{Count: max(1, len(people)/sampled)}
	runs, err := experiment.Create(ctx, s, c, "estimate", part)
	if err != nil {
		return 0, err
	}
	if err := experiment.Watch(ctx, s, runs, live.NewBoard(time.Now(), 0)); err != nil {
		return 0, err
	}
	return float64(len(people)) / float64(len(part.Of(people))), nil
}

func rows(ctx context.Context, cfg model.Config, use map[string]model.Estimate, times float64) []Row {
	var out []Row
	for _, role := range model.Roles() {
		u, used := use[role]
		if !used {
			continue
		}
		r := cfg.Roles[role]
		e := cfg.Endpoints[r.Endpoint]
		ratio, tokenizer := 0.0, fmt.Sprintf("the endpoint's count of %d real answers", u.Asked)
		if u.Asked > 0 && u.Counted > 0 {
			ratio = float64(u.Counted) / float64(u.Approximated)
		} else {
			ratio, tokenizer = model.CountTokens(ctx, e, r.Model, u.Sample)
		}
		scaled := func(n int64) int64 { return int64(float64(n) * times) }
		read := int64((float64(u.Prompt)*ratio + float64(u.Reread)) * times)
		row := Row{
			Role: role, Endpoint: r.Endpoint, Requests: int64(float64(u.Requests) * times), Tokenizer: tokenizer,
			Prompt: read, Completion: scaled(u.Completion), Least: scaled(u.Least), Most: scaled(u.Most),
		}
		row.USD, row.LeastUSD, row.MostUSD = usd(e.Price, row.Prompt, row.Completion), usd(e.Price, row.Prompt, row.Least), usd(e.Price, row.Prompt, row.Most)
		row.Hours = (float64(row.Prompt)/ReadPerSecond + float64(row.Completion)/WritePerSecond) / 3600 / float64(e.Slots*len(e.URLs))
		out = append(out, row)
	}
	return out
}

func usd(p model.Price, prompt, completion int64) float64 {
	return (float64(prompt)*p.Input + float64(completion)*p.Output) / 1e6
}
