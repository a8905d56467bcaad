package config

import "time"

// Fields returns every value of c in the order of the documentation; setting
// one through its field changes c.
func (c *Config) Fields() []Field {
	s, b := &c.Simulation, &c.Backends
	fields := []Field{
		text("simulation.personas", &s.Personas, "who takes part: all, hard (people who are harder to please), numbers, ranges and ids, e.g. 1-8,maya-lindqvist"),
		list("simulation.persona_files", &s.PersonaFiles, "YAML files of further personas to add first"),
		text("simulation.world", &s.World, "id of the world in which they live"),
		list("simulation.methods", &s.Methods, "methods to compare, each with every persona"),
		seeds("simulation.seeds", &s.Seeds, "seeds of all random choices: each person is simulated once with each"),
		integer("simulation.days", &s.Days, 1, 3650, "simulated days (paper: 14)"),
		duration("simulation.step", &s.Step, 10*time.Second, time.Hour, "simulated time of a step; divides a day (paper: 2m30s)"),
		integer("simulation.candidates", &s.Candidates, 1, 16, "candidates at a step (paper: 2)"),
		optional("simulation.constant_per_hour", &s.ConstantPerHour, 0, 360, "rate of the method constant; auto is the middle of each persona's wanted band"),
		choice("simulation.on_failed_night", &s.OnFailedNight, "after a failed training: stop the run, or keep the adapter of the day before", "stop", "keep"),
		integer("simulation.parallel", &s.Parallel, 1, 10000, "runs conducted at the same time; changes no result"),

		choice("custom.memory", &c.Custom.Memory, "memory of a third party's method", "none", "A", "AR", "ARS"),
		choice("custom.scheme", &c.Custom.Scheme, "how its candidates are made: independent samples, or contrasting ones", "samples", "contrast"),
		flag("custom.trains", &c.Custom.Trains, "whether a third party's method is trained at night"),
	}
	fields = append(fields, c.Trainer.fields()...)
	fields = append(fields,
		choice("backends.planner", &b.Planner, "who plans a person's day", "embedded", "model"),
		choice("backends.judge", &b.Judge, "who judges", "exact", "model", "hybrid"),
		choice("backends.assistant", &b.Assistant, "the assistant's policy", "embedded", "model"),
		choice("backends.summarizer", &b.Summarizer, "who sums up the assistant's memory", "embedded", "model"),
		choice("backends.embedder", &b.Embedder, "who embeds texts", "embedded", "model"),
		choice("backends.index", &b.Index, "index that searches embedded texts", "embedded", "qdrant"),
		choice("backends.trainer", &b.Trainer, "who trains at night", "embedded", "worker"),

		text("store.journal", &c.Store.Journal, "DSN of the journal: sqlite:PATH or postgres://...; empty is DIR/journal.db"),
		text("store.users", &c.Store.Users, "DSN of added personas; empty is DIR/state/users.db"),
		text("store.buffer", &c.Store.Buffer, "DSN of the preference buffer; empty is DIR/state/buffer.db"),
		text("store.trainer", &c.Store.Trainer, "DSN of the training jobs; empty is DIR/state/trainer.db"),
		text("store.answers", &c.Store.Answers, "DSN of the answers of models; empty is DIR/state/answers.db"),
		text("store.adapters", &c.Store.Adapters, "folder of the adapters; empty is DIR/state/adapters"),

		address("qdrant.address", &c.Qdrant.Address, "host:port of Qdrant's gRPC interface"),
		text("qdrant.api_key", &c.Qdrant.APIKey, "its key").hidden(),
		text("qdrant.api_key_file", &c.Qdrant.APIKeyFile, "file that holds its key"),
		flag("qdrant.tls", &c.Qdrant.TLS, "whether to use TLS with it"),
	)
	fields = append(fields, c.Models.fields()...)
	fields = append(fields, c.Listen.fields(address, "listen", "where serve listens for the %s service")...)
	fields = append(fields, c.Connect.fields(addresses, "connect", "address of a running %s service; empty means one in this process, or on its own port")...)
	return append(fields,
		addresses("connect.nodes", &c.Nodes, "agents of the GPU nodes that serve the trained model; the trainer loads adapters on all of them"),
		span("connect.assistant_timeout", &c.AssistantTimeout, time.Second, time.Hour, "timeout of a call to an assistant in another process, and of an opening of a session in which nothing moves; then the run waits and retries"),
		span("connect.user_timeout", &c.UserTimeout, time.Second, time.Hour, "timeout of a call to a user service in another process, and of an opening of a session in which nothing moves; then the run waits and retries"),
		span("connect.give_up", &c.GiveUp, 0, 30*24*time.Hour, "longest wait for a service that does not answer, before the run fails and can be resumed; 0 means no limit"),
		text("security.token", &c.Security.Token, "file with the secret, of at least 32 bytes, that all services share"),
		text("security.cert", &c.Security.Cert, "PEM certificate of the server"),
		text("security.key", &c.Security.Key, "its key"),
		text("security.client_ca", &c.Security.ClientCA, "PEM certificate: accept only callers whose certificate it has signed"),
		text("security.ca", &c.Security.CA, "PEM certificate: use TLS, with servers whose certificate it has signed"),
		flag("security.insecure", &c.Security.Insecure, "allow addresses off loopback without token and TLS"),
		flag("security.reflection", &c.Security.Reflection, "let tools list the services on addresses off loopback, too"),
		address("metrics.address", &c.Metrics.Address, "host:port that serves Prometheus metrics and the log level over HTTP; empty means none"),
		text("traces.endpoint", &c.Traces.Endpoint, "OTLP/gRPC collector that gets a trace of every step, http://host:port; empty is none"),
		number("traces.sample", &c.Traces.Sample, 1, "share of the steps that are traced"),
		choice("log.level", &c.Log.Level, "lowest level that is logged", "debug", "info", "warn", "error"),
		choice("log.format", &c.Log.Format, "format of the log", "text", "json"),
	)
}

func (a *Addresses) fields(kind func(key string, at *string, doc string) Field, section, doc string) []Field {
	var out []Field
	for _, name := range Services() {
		out = append(out, kind(section+"."+name, a.Of(name), doc).about(name))
	}
	return out
}

// Services returns the names of the six services in the order in which they
// start: each needs only those before it.
func Services() []string {
	return []string{"retrieval", "buffer", "trainer", "user", "assistant", "environment"}
}

// Of returns the address of a service by name, or nil for an unknown one.
func (a *Addresses) Of(service string) *string {
	switch service {
	case "environment":
		return &a.Environment
	case "user":
		return &a.User
	case "assistant":
		return &a.Assistant
	case "retrieval":
		return &a.Retrieval
	case "buffer":
		return &a.Buffer
	case "trainer":
		return &a.Trainer
	}
	return nil
}
