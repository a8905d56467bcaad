// Package config is the one configuration of the program: what an
// experiment does, which backend plays which role, where data lie and where
// services are. A value comes from the defaults, a YAML file, PROPERSIM_*
// variables or the command line, the later winning, and remembers from which.
package config

import (
	"time"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/environment/method"
)

// Config is the whole configuration. Fields documents each value.
type Config struct {
	Simulation Simulation
	Custom     Custom
	Trainer    Trainer
	Backends   Backends
	Models     Models
	Store      Store
	Qdrant     Qdrant
	Listen     Addresses
	Connect    Addresses
	// Nodes are the addresses of the agents of GPU nodes, separated by commas.
	Nodes string
	// AssistantTimeout bounds a call to an assistant in another process.
	AssistantTimeout time.Duration
	// UserTimeout bounds a call to a user service in another process.
	UserTimeout time.Duration
	// GiveUp is how long a run waits for a service before it fails; 0 is without
	// end.
	GiveUp   time.Duration
	Security Security
	Metrics  Metrics
	Traces   Traces
	Log      Log
}

// Simulation says what an experiment does.
type Simulation struct {
	Personas        string
	PersonaFiles    []string
	World           string
	Methods         []string
	Seeds           []uint64
	Days            int
	Step            time.Duration
	Candidates      int
	ConstantPerHour *float64
	OnFailedNight   string
	Parallel        int
}

// Custom describes a method that only a third party's assistant knows.
type Custom struct {
	Memory string
	Scheme string
	Trains bool
}

// Backends names the backend of each role.
type Backends struct {
	Planner, Judge, Assistant, Summarizer, Embedder, Index, Trainer string
}

// Store says where data lie. An empty value is a place in the data folder.
type Store struct {
	Journal, Users, Buffer, Trainer, Adapters, Answers string
}

// Qdrant says how to reach Qdrant, where it is the index.
type Qdrant struct {
	Address string
	APIKey  string
	// APIKeyFile contains the key instead, so that no configuration has it.
	APIKeyFile string
	TLS        bool
}

// Addresses has a host:port for each service, under connect perhaps several,
// separated by commas.
type Addresses struct {
	Environment, User, Assistant, Retrieval, Buffer, Trainer string
}

// Security names the files that say who may call a service.
type Security struct {
	Token, Cert, Key, ClientCA, CA string
	// Insecure allows addresses off loopback with neither token nor TLS.
	Insecure bool
	// Reflection lists the services to tools on addresses off loopback too.
	Reflection bool
}

// Metrics says where figures about the running services are offered.
type Metrics struct{ Address string }

// Traces says where traces of steps and calls are sent.
type Traces struct {
	Endpoint string
	Sample   float64
}

// Log says how much is logged.
type Log struct {
	Level, Format string
}

// Default returns the defaults: the paper's experiment with everything
// embedded.
func Default() Config {
	return Config{
		Simulation: Simulation{
			Personas: "all", World: "home", Methods: []string{"proper"}, Seeds: []uint64{1}, Days: 14,
			Step: 150 * time.Second, Candidates: 2, OnFailedNight: "stop", Parallel: 32,
		},
		Custom:  Custom{Memory: "AR", Scheme: "samples"},
		Trainer: defaultTrainer(),
		Backends: Backends{
			Planner: "embedded", Judge: "exact", Assistant: "embedded", Summarizer: "embedded",
			Embedder: "embedded", Index: "embedded", Trainer: "embedded",
		},
		Listen: Addresses{
			Environment: "127.0.0.1:7070", User: "127.0.0.1:7071", Assistant: "127.0.0.1:7072",
			Retrieval: "127.0.0.1:7073", Buffer: "127.0.0.1:7074", Trainer: "127.0.0.1:7075",
		},
		Models:           defaultModels(),
		AssistantTimeout: 30 * time.Second,
		UserTimeout:      2 * time.Minute,
		GiveUp:           30 * time.Minute,

		Traces: Traces{Sample: 1},
		Log:    Log{Level: "warn", Format: "text"},
	}
}

// Trains reports whether a method is trained at night.
func (c *Config) Trains(name string) bool {
	if known, ok := method.Named(name); ok {
		return known.GetTrains()
	}
	return c.Custom.Trains
}

// ToldRate reports whether a method is told a rate, as constant is.
func ToldRate(name string) bool {
	known, ok := method.Named(name)
	return ok && known.GetTold() == simv1.Told_TOLD_RATE
}

// Methods returns the names of the methods that the program knows.
func Methods() []string { return method.Names() }
