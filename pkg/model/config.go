package model

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/propersim/propersim/pkg/errs"
)

// Config says which model plays which role and how its endpoints are reached.
// It has no secrets: keys are named by file or environment variable.
type Config struct {
	// Endpoints by name.
	Endpoints map[string]Endpoint
	// Roles by name; see Roles.
	Roles map[string]Role
	// Repairs is how often an unusable answer is asked for again, 0 to 10.
	Repairs int
	// KeepPrompts is "all" to keep the text of every prompt, or "none".
	KeepPrompts string
	// Cache is a folder of answers by content, read before any call; empty is none.
	Cache string
	// Budget limits what the calls of this experiment may use.
	Budget Budget
}

// Budget is a limit on spending. Zero values are no limit.
type Budget struct {
	// USD is the greatest cost in US dollars.
	USD float64
	// Tokens is the greatest number of prompt and completion tokens together.
	Tokens int64
}

// Role names the model behind a role and how it samples.
type Role struct {
	// Endpoint is the name of an endpoint.
	Endpoint string
	// Model is the name by which the endpoint knows the model.
	Model string
	// Temperature is in [0,2].
	Temperature float64
	// TopP is in (0,1]; 0 leaves it to the endpoint.
	TopP float64
	// MaxTokens bounds the length of an answer; 0 takes the default of the role.
	MaxTokens int
	// Aliases are further names under which the endpoint may report the model,
	// such as a dated snapshot.
	Aliases []string
	// Per is how many judgements one request asks for: "criterion" or
	// "candidate". Used by the judge alone.
	Per string
	// Catalogue asks the assistant to name topic and tone from the catalogue, so
	// that the exact judge can judge preference and communication.
	Catalogue bool
	// Dimensions is the expected length of an embedding; 0 takes that of the
	// first answer. Used by the embedder alone.
	Dimensions int
}

// The roles.
const (
	Planner    = "planner"
	Judge      = "judge"
	Assistant  = "assistant"
	Summarizer = "summarizer"
	Embedder   = "embedder"
	Compiler   = "compiler"
)

// Roles returns the names of all roles.
func Roles() []string { return []string{Planner, Judge, Assistant, Summarizer, Embedder, Compiler} }

// DefaultMaxTokens is the limit of an answer's length where the configuration
// gives none: generous for structured output, so that a valid answer is not cut.
func DefaultMaxTokens(role string) int {
	switch role {
	case Planner:
		return 2048
	case Compiler:
		return 4096
	case Assistant:
		return 128 // the paper's code
	}
	return 512
}

// maxTokens is the limit in force for a role of this name.
func (r Role) maxTokens(name string) int {
	if r.MaxTokens == 0 {
		return DefaultMaxTokens(name)
	}
	return r.MaxTokens
}

// Ways of an endpoint to bind an answer to a schema.
const (
	ByJSONSchema = "json_schema" // response_format json_schema
	ByJSONObject = "json_object" // response_format json_object, the schema in the prompt
	ByPrompt     = "prompt"      // the schema in the prompt alone
)

// Endpoint is a server with /v1/chat/completions or /v1/embeddings, its limits
// and what it can do.
type Endpoint struct {
	// URLs are the base addresses of its replicas, each ending in /v1 as a rule.
	URLs []string
	// KeyFile and KeyEnv name the file or environment variable with the API key;
	// both empty means that it takes none.
	KeyFile, KeyEnv string
	// Slots is how many requests each replica works on at once.
	Slots int
	// RequestsPerMinute and TokensPerMinute are its rate limits; 0 is none.
	RequestsPerMinute, TokensPerMinute int
	// Timeout bounds one request, the reading of its answer included.
	Timeout time.Duration
	// Price is what a million tokens cost.
	Price Price
	// Capabilities is what the server can do.
	Capabilities
}

// Price is in US dollars for a million tokens.
type Price struct{ Input, CachedInput, Output float64 }

// Capabilities is what a server can do, as `propersim doctor models` finds out.
type Capabilities struct {
	// Structured is ByJSONSchema, ByJSONObject or ByPrompt.
	Structured string
	// N reports several samples for one request.
	N bool
	// Seed reports that the server takes a sampling seed.
	Seed bool
	// Logprobs reports that the server returns log-probabilities.
	Logprobs bool
	// MaxTokensField is "max_tokens" or "max_completion_tokens".
	MaxTokensField string
	// SystemRole reports that the server takes messages of the role system.
	SystemRole bool
	// Reasoning is where the model's reasoning appears: "none", "think_tags" or
	// "field". It never counts as part of an answer.
	Reasoning string
}

// DefaultEndpoint returns what holds for an endpoint of which only the URL is
// given.
func DefaultEndpoint() Endpoint {
	return Endpoint{
		Slots: 4, Timeout: 2 * time.Minute,
		Capabilities: Capabilities{Structured: ByJSONSchema, N: true, MaxTokensField: "max_tokens", SystemRole: true, Reasoning: "none"},
	}
}

// paid reports whether any answer costs money.
func (c *Config) paid() bool {
	for _, e := range c.Endpoints {
		if e.Price != (Price{}) {
			return true
		}
	}
	return false
}

// Validate returns an errs.Violations with every fault, or nil.
func (c *Config) Validate() error {
	var v errs.Violations
	for _, name := range slices.Sorted(maps.Keys(c.Endpoints)) {
		c.Endpoints[name].validate("models.endpoints."+name, &v)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Roles)) {
		c.Roles[name].validate("models.roles."+name, c.Endpoints, &v)
	}
	if c.Repairs < 0 || c.Repairs > 10 {
		v.Add("models.repairs", "found %d, want 0 to 10", c.Repairs)
	}
	if c.Budget.USD < 0 {
		v.Add("models.budget.usd", "found %v, want 0 (no limit) or more", c.Budget.USD)
	}
	if c.Budget.Tokens < 0 {
		v.Add("models.budget.tokens", "found %d, want 0 (no limit) or more", c.Budget.Tokens)
	}
	return v.OrNil()
}

func (e Endpoint) validate(at string, v *errs.Violations) {
	if len(e.URLs) == 0 {
		v.Add(at+".url", "is empty, want http://host:port/v1 or https://host/v1")
	}
	for _, raw := range e.URLs {
		u, err := url.Parse(raw)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
			v.Add(at+".url", "found an address that cannot be used, want http://host:port/v1 or https://host/v1")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			v.Add(at+".url", "has a user, a query or a fragment, want a plain address; a key belongs in key_file or key_env")
		}
	}
	if e.KeyFile != "" && e.KeyEnv != "" {
		v.Add(at+".key_env", "is given together with key_file; want one of them")
	}
	within(v, at+".slots", e.Slots, 1, 4096)
	within(v, at+".requests_per_minute", e.RequestsPerMinute, 0, 1e9)
	within(v, at+".tokens_per_minute", e.TokensPerMinute, 0, 1e12)
	if e.Timeout < time.Second || e.Timeout > time.Hour {
		v.Add(at+".timeout", "found %v, want 1s to 1h", e.Timeout)
	}
	for name, price := range map[string]float64{"input": e.Price.Input, "cached_input": e.Price.CachedInput, "output": e.Price.Output} {
		if price < 0 || price > 1e6 {
			v.Add(at+".price."+name, "found %v, want 0 to 1000000 USD per million tokens", price)
		}
	}
	oneOf(v, at+".structured", e.Structured, ByJSONSchema, ByJSONObject, ByPrompt)
	oneOf(v, at+".max_tokens_field", e.MaxTokensField, "max_tokens", "max_completion_tokens")
	oneOf(v, at+".reasoning", e.Reasoning, "none", "think_tags", "field")
}

func (r Role) validate(at string, endpoints map[string]Endpoint, v *errs.Violations) {
	if _, known := endpoints[r.Endpoint]; !known {
		v.Add(at+".endpoint", "found %q, want one of models.endpoints: %s", r.Endpoint, strings.Join(slices.Sorted(maps.Keys(endpoints)), ", "))
	}
	if r.Model == "" {
		v.Add(at+".model", "is empty, want the name by which the endpoint knows the model")
	}
	if !(r.Temperature >= 0 && r.Temperature <= 2) {
		v.Add(at+".temperature", "found %v, want 0 to 2", r.Temperature)
	}
	if !(r.TopP >= 0 && r.TopP <= 1) {
		v.Add(at+".top_p", "found %v, want 0 to 1", r.TopP)
	}
	within(v, at+".max_tokens", r.MaxTokens, 0, 1e6)
	within(v, at+".dimensions", r.Dimensions, 0, 65536)
	if r.Per != "" {
		oneOf(v, at+".per", r.Per, "criterion", "candidate")
	}
}

func within(v *errs.Violations, field string, found, low, high int) {
	if found < low || found > high {
		v.Add(field, "found %d, want %d to %d", found, low, high)
	}
}

func oneOf(v *errs.Violations, field, found string, allowed ...string) {
	if !slices.Contains(allowed, found) {
		v.Add(field, "found %q, want one of %s", found, strings.Join(allowed, ", "))
	}
}
