package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/stack"
	"github.com/propersim/propersim/internal/loopback"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// connection is a service that calls another.
type connection struct{ from, to string }

func (c connection) String() string { return c.from + "->" + c.to }

// connections are all there are between the six services.
var connections = []connection{
	{"environment", "user"}, {"environment", "assistant"}, {"environment", "buffer"}, {"environment", "trainer"},
	{"assistant", "retrieval"}, {"trainer", "buffer"},
}

// life is the experiment of every case: two people, three days of half-hour
// steps, an assistant that learns in both nights. So few pairs are drawn that a
// draw passes a connection of 10 KB/s within the deadline of a call.
func life() config.Config {
	c := config.Default()
	c.Simulation.Personas, c.Simulation.Days, c.Simulation.Step = "1-2", 3, 30*time.Minute
	c.Trainer.Pairs = 20
	return c
}

// constellation is six servers, each on a port of its own, with a proxy on one
// connection between them.
type constellation struct {
	proxy  *toxiproxy.Proxy
	stacks []*stack.Stack
	client *stack.Stack // calls all services directly
}

func start(t *testing.T, through connection) *constellation {
	t.Helper()
	c := &constellation{}
	at := folder.Folder(t.TempDir())
	require.NoError(t, at.Make())
	var known config.Addresses
	for _, name := range config.Services() {
		cfg := life()
		cfg.Connect = known
		*cfg.Connect.Of(name) = ""
		if through.from == name {
			*cfg.Connect.Of(through.to) = c.between(t, *known.Of(through.to))
		}
		*cfg.Listen.Of(name) = "127.0.0.1:0"
		s, err := stack.Start(stack.Options{Config: &cfg, Store: at.Store(cfg.Store), Only: []string{name}, Listen: true, Version: "test"})
		require.NoError(t, err)
		c.stacks = append(c.stacks, s)
		*known.Of(name) = s.Addresses()[name]
	}
	cfg := life()
	cfg.Connect = known
	var err error
	c.client, err = stack.Start(stack.Options{Config: &cfg, Remote: true})
	require.NoError(t, err)
	return c
}

// between puts the proxy before a server and returns its address.
func (c *constellation) between(t *testing.T, server string) string {
	quiet := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	c.proxy = toxiproxy.NewProxy(quiet, "proxy", loopback.Address(t), server)
	require.NoError(t, c.proxy.Start())
	return c.proxy.Listen
}

// stop ends everything and leaves nothing behind.
func (c *constellation) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, c.client.Stop())
	for i := len(c.stacks) - 1; i >= 0; i-- {
		require.NoError(t, c.stacks[i].Stop())
	}
	if c.proxy != nil {
		c.proxy.Stop()
	}
}

// begin lets the people live, anew for every name, and returns the ids of their
// runs.
func begin(t *testing.T, s *stack.Stack, name string) []string {
	t.Helper()
	cfg := life()
	runs, err := experiment.Create(t.Context(), s, &cfg, name, experiment.Shard{})
	require.NoError(t, err)
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.GetId())
	}
	return ids
}

// steps returns the committed steps of all runs and how many there will be. It
// fails the test at a run that failed.
func steps(t *testing.T, s *stack.Stack, ids []string) (committed, total int32) {
	t.Helper()
	for _, id := range ids {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		got, err := s.Runs.GetRun(ctx, &environmentv1.GetRunRequest{Id: id})
		cancel()
		require.NoError(t, err)
		r := got.GetRun()
		require.NotEqual(t, environmentv1.RunState_RUN_STATE_FAILED, r.GetState(), r.GetReason())
		committed += r.GetProgress().GetSteps()
		total += r.GetProgress().GetStepsTotal()
	}
	return committed, total
}

// until polls the runs until the condition holds.
func until(t *testing.T, s *stack.Stack, ids []string, patience time.Duration, what string, holds func(committed, total int32) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		return holds(steps(t, s, ids))
	}, patience, 2*time.Millisecond, what)
}

// hashes waits for the end of the runs and returns the final hash of each.
func hashes(t *testing.T, s *stack.Stack, ids []string, patience time.Duration) string {
	t.Helper()
	var out []string
	require.Eventually(t, func() bool {
		out = nil
		for _, id := range ids {
			got, err := s.Runs.GetRun(t.Context(), &environmentv1.GetRunRequest{Id: id})
			require.NoError(t, err)
			r := got.GetRun()
			require.NotEqual(t, environmentv1.RunState_RUN_STATE_FAILED, r.GetState(), r.GetReason())
			if r.GetState() != environmentv1.RunState_RUN_STATE_FINISHED {
				return false
			}
			out = append(out, fmt.Sprintf("%s %s", r.GetPersona().GetId(), r.GetProgress().GetHash()))
		}
		return true
	}, patience, 2*time.Millisecond, "the runs come to their end")
	return strings.Join(out, "\n")
}
