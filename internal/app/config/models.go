package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Models says which models play the roles whose backend is "model" or "hybrid".
type Models struct {
	// Endpoints by name. A name comes into being with its first key.
	Endpoints map[string]*model.Endpoint
	// Roles has every role of model.Roles; one without an endpoint is not used.
	Roles       map[string]*model.Role
	Repairs     int
	KeepPrompts string
	// Prompts is a folder of templates that replace embedded ones.
	Prompts string
	Cache   string
	Budget  model.Budget
}

func defaultModels() Models {
	m := Models{Endpoints: make(map[string]*model.Endpoint), Roles: make(map[string]*model.Role), Repairs: 2, KeepPrompts: "all"}
	for _, name := range model.Roles() {
		m.Roles[name] = &model.Role{MaxTokens: model.DefaultMaxTokens(name)}
	}
	m.Roles[model.Assistant].Temperature = 0.9 // the paper's code
	m.Roles[model.Judge].Per = "candidate"
	return m
}

// Config returns what pkg/model takes: the roles that have an endpoint.
func (m *Models) Config() model.Config {
	out := model.Config{
		Endpoints: make(map[string]model.Endpoint), Roles: make(map[string]model.Role),
		Repairs: m.Repairs, KeepPrompts: m.KeepPrompts, Cache: m.Cache, Budget: m.Budget,
	}
	for name, e := range m.Endpoints {
		out.Endpoints[name] = *e
	}
	for name, r := range m.Roles {
		if r.Endpoint != "" || r.Model != "" {
			out.Roles[name] = *r
		}
	}
	return out
}

// endpointPrefix begins the keys of endpoints.
const endpointPrefix = "models.endpoints."

var endpointName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// declare makes the endpoint that a key belongs to, where there is none yet.
// It reports whether it made one.
func (m *Models) declare(key string) bool {
	rest, ok := strings.CutPrefix(key, endpointPrefix)
	name, _, dotted := strings.Cut(rest, ".")
	if !ok || !dotted || m.Endpoints[name] != nil || !endpointName.MatchString(name) {
		return false
	}
	e := model.DefaultEndpoint()
	m.Endpoints[name] = &e
	return true
}

// fields returns the fields of all endpoints and roles, in alphabetical order
// of the endpoints.
func (m *Models) fields() []Field {
	var out []Field
	for _, name := range sorted(m.Endpoints) {
		out = append(out, endpointFields(endpointPrefix+name, m.Endpoints[name])...)
	}
	for _, name := range model.Roles() {
		out = append(out, roleFields(name, m.Roles[name])...)
	}
	return append(out,
		integer("models.repairs", &m.Repairs, 0, 10, "how often an unusable answer is asked for again, with the complaint about it"),
		text("models.prompts", &m.Prompts, "folder of prompt templates that replace the embedded ones of the same names; empty is none"),
		choice("models.keep_prompts", &m.KeepPrompts, "which prompts are kept with a run", "all", "none"),
		text("models.cache", &m.Cache, "folder of answers by content, read before any call; empty is none"),
		amount("models.budget.usd", &m.Budget.USD, 1e9, "greatest cost in US dollars; 0 is no limit"),
		tokens("models.budget.tokens", &m.Budget.Tokens, "greatest number of tokens; 0 is no limit"),
	)
}

func endpointFields(at string, e *model.Endpoint) []Field {
	return []Field{
		list(at+".url", &e.URLs, "its base address, ending in /v1; several replicas separated by commas"),
		text(at+".key_file", &e.KeyFile, "file with its API key"),
		text(at+".key_env", &e.KeyEnv, "environment variable with its API key"),
		integer(at+".slots", &e.Slots, 1, 4096, "requests that a replica works on at once"),
		integer(at+".requests_per_minute", &e.RequestsPerMinute, 0, 1e9, "its rate limit; 0 is none"),
		integer(at+".tokens_per_minute", &e.TokensPerMinute, 0, 1e12, "its rate limit; 0 is none"),
		span(at+".timeout", &e.Timeout, time.Second, time.Hour, "how long one request may take"),
		amount(at+".price.input", &e.Price.Input, 1e6, "USD per million prompt tokens"),
		amount(at+".price.cached_input", &e.Price.CachedInput, 1e6, "USD per million prompt tokens that its prefix cache has; 0 is the price of the others"),
		amount(at+".price.output", &e.Price.Output, 1e6, "USD per million generated tokens"),
		choice(at+".structured", &e.Structured, "how it binds an answer to a schema", model.ByJSONSchema, model.ByJSONObject, model.ByPrompt),
		flag(at+".n", &e.N, "whether it gives several samples for one request"),
		flag(at+".seed", &e.Seed, "whether it takes a sampling seed"),
		flag(at+".logprobs", &e.Logprobs, "whether it returns log-probabilities"),
		choice(at+".max_tokens_field", &e.MaxTokensField, "the field for the limit of an answer's length", "max_tokens", "max_completion_tokens"),
		flag(at+".system_role", &e.SystemRole, "whether it takes messages of the role system"),
		choice(at+".reasoning", &e.Reasoning, "where a model's reasoning appears", "none", "think_tags", "field"),
	}
}

func roleFields(name string, r *model.Role) []Field {
	at := "models.roles." + name
	out := []Field{
		text(at+".endpoint", &r.Endpoint, "endpoint of the model of this role, by name"),
		text(at+".model", &r.Model, "the model, by the name that the endpoint knows"),
		list(at+".aliases", &r.Aliases, "further names under which the endpoint reports the model"),
	}
	if name == model.Embedder {
		return append(out, integer(at+".dimensions", &r.Dimensions, 0, 65536, "length of an embedding; 0 is what the model gives"))
	}
	out = append(out,
		amount(at+".temperature", &r.Temperature, 2, "sampling temperature"),
		amount(at+".top_p", &r.TopP, 1, "nucleus sampling; 0 leaves it to the endpoint"),
		integer(at+".max_tokens", &r.MaxTokens, 1, 1e6, "greatest length of an answer"),
	)
	switch name {
	case model.Judge:
		out = append(out, choice(at+".per", &r.Per, "what one request judges: a criterion, or a candidate with all its criteria", "criterion", "candidate"))
	case model.Assistant:
		out = append(out, flag(at+".catalogue", &r.Catalogue, "whether the answer names topic and tone from the catalogue, which the exact judge needs"))
	}
	return out
}

// amount is a number from 0 up.
func amount(key string, at *float64, high float64, doc string) Field {
	low := new(float64)
	f := optional(key, &low, 0, high, doc)
	f.Allowed, f.choices = fmt.Sprintf("a number from 0 to %v", high), nil
	f.get = func() any { return *at }
	set := f.set
	f.set = func(v string) error {
		if v == "auto" {
			return errValue
		}
		err := set(v)
		*at = *low
		return err
	}
	return f
}

func tokens(key string, at *int64, doc string) Field {
	n := int(*at)
	f := integer(key, &n, 0, 1e15, doc)
	f.get = func() any { return *at }
	set := f.set
	f.set = func(v string) error {
		err := set(v)
		*at = int64(n)
		return err
	}
	return f
}

// checkModels checks the models against each other and against the backends.
func (l *Loaded) checkModels(faults *errs.Violations) {
	m := l.Models.Config()
	var invalid errs.Violations
	if err := m.Validate(); errors.As(err, &invalid) {
		*faults = append(*faults, invalid...)
	}
	if l.Backends.Judge == "exact" && l.Backends.Assistant == "model" && !m.Roles[model.Assistant].Catalogue {
		faults.Add("backends.judge", "is exact, and cannot judge preference and communication of an assistant that answers in free text; want one of: "+
			"models.roles.assistant.catalogue=true, which lets it name topic and tone; backends.judge=hybrid; backends.judge=model")
	}
	for role, backend := range l.Backends.modelled() {
		if _, there := m.Roles[role]; !there && (backend == "model" || backend == "hybrid") {
			faults.Add("models.roles."+role+".endpoint", "is empty, but backends.%s is %s; want the name of an endpoint, and a model", role, backend)
		}
	}
}

// CheckKeys reads the API keys of the endpoints in use. errs.Violations for one
// that is missing.
func (c *Config) CheckKeys() error {
	if !c.Backends.Modelled() {
		return nil
	}
	m := c.Models.Config()
	return m.CheckKeys()
}

// Modelled reports whether a model plays any role.
func (b *Backends) Modelled() bool {
	for _, backend := range b.modelled() {
		if backend == "model" || backend == "hybrid" {
			return true
		}
	}
	return false
}

// BackendsMessage describes who plays the roles, as the identity of a run records it;
// nil where nobody but the embedded drivers does. prompts is the digest of the
// prompt set.
func (c *Config) BackendsMessage(prompts string) *simv1.Backends {
	if !c.Backends.Modelled() {
		return nil
	}
	of := func(role, backend string) *simv1.Backend {
		if backend == "model" || backend == "hybrid" {
			return c.Models.Roles[role].Backend(role, backend, prompts)
		}
		return &simv1.Backend{Driver: backend}
	}
	b := &c.Backends
	return &simv1.Backends{
		Planner: of(model.Planner, b.Planner), Judge: of(model.Judge, b.Judge), Assistant: of(model.Assistant, b.Assistant),
		Summarizer: of(model.Summarizer, b.Summarizer), Embedder: of(model.Embedder, b.Embedder),
	}
}

// RolesOfModels returns the roles that a model plays, sorted.
func (c *Config) RolesOfModels() []string {
	var out []string
	for role, backend := range c.Backends.modelled() {
		if backend == "model" || backend == "hybrid" {
			out = append(out, role)
		}
	}
	slices.Sort(out)
	return out
}

// modelled returns the backend of each role that a model can play.
func (b *Backends) modelled() map[string]string {
	return map[string]string{
		model.Planner: b.Planner, model.Judge: b.Judge, model.Assistant: b.Assistant, model.Summarizer: b.Summarizer, model.Embedder: b.Embedder,
	}
}

// endpointVariable returns the key of a variable that belongs to an endpoint,
// e.g. models.endpoints.local.url of PROPERSIM_MODELS_ENDPOINTS_LOCAL_URL; empty
// for any other.
func endpointVariable(name string) string {
	rest, ok := strings.CutPrefix(name, VariableOf(strings.TrimSuffix(endpointPrefix, "."))+"_")
	if !ok {
		return ""
	}
	e := model.DefaultEndpoint()
	var suffixes []string
	for _, f := range endpointFields("", &e) {
		suffixes = append(suffixes, f.Key)
	}
	// The longest one first: _price_input ends in _input, were there such a key.
	slices.SortFunc(suffixes, func(a, b string) int { return len(b) - len(a) })
	for _, suffix := range suffixes {
		if of, ok := strings.CutSuffix(rest, strings.ToUpper(strings.ReplaceAll(suffix, ".", "_"))); ok && of != "" {
			return endpointPrefix + strings.ReplaceAll(strings.ToLower(of), "_", "-") + suffix
		}
	}
	return ""
}
