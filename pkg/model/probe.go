package model

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/openai/openai-go/v3/option"
)

// Finding is what Probe found out about one model of an endpoint.
type Finding struct {
	// Endpoint and Model say what was asked; Roles are those that use it.
	Endpoint, Model string
	Roles           []string
	// Found is what the server can do; meaningful where Err is nil.
	Found Capabilities
	// Answers lists the name under which the model answered, where it is not the
	// one that was asked for.
	Answers string
	// Dimensions of an embedding; 0 for a chat model.
	Dimensions int
	// Latency is the median time of a short answer; TokensPerSecond what one
	// request generates.
	Latency         time.Duration
	TokensPerSecond float64
	// Notes say what was seen beside.
	Notes []string
	// Err is why the model cannot be used; nil where it can.
	Err error
}

// Probe asks every model of a configuration what it can do. It needs no answer
// store and pays for about ten short answers a model. ErrInvalid for a
// configuration that cannot work.
func Probe(ctx context.Context, cfg Config) ([]Finding, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	type place struct {
		endpoint, model string
		embeds          bool
	}
	roles := make(map[place][]string)
	for name, r := range cfg.Roles {
		at := place{r.Endpoint, r.Model, name == Embedder}
		roles[at] = append(roles[at], name)
	}
	var out []Finding
	places := slices.SortedFunc(maps.Keys(roles), func(a, b place) int {
		return slices.Compare([]string{a.endpoint, a.model}, []string{b.endpoint, b.model})
	})
	for _, at := range places {
		slices.Sort(roles[at])
		f := Finding{Endpoint: at.endpoint, Model: at.model, Roles: roles[at]}
		e := cfg.Endpoints[at.endpoint]
		key, err := loadKey(at.endpoint, e)
		if err != nil {
			return nil, err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		p := &prober{connection: newConnection(e.URLs[0], e, key, transport), model: at.model, finding: &f}
		if at.embeds {
			p.embeddings(ctx)
		} else {
			p.capabilities(ctx)
		}
		transport.CloseIdleConnections()
		out = append(out, f)
	}
	return out, nil
}

// prober asks one model.
type prober struct {
	*connection
	model   string
	finding *Finding
}

// probed is the schema that the probe asks for.
type probed struct {
	Color string `json:"color" jsonschema:"enum=red,enum=green,enum=blue"`
	Count int    `json:"count" jsonschema:"minimum=1,maximum=9"`
}

var probeSchema = MustSchemaOf[probed]("probe")

func (p *prober) embeddings(ctx context.Context) {
	began := time.Now()
	r, failed := p.embed(ctx, p.model, []string{"a cup of tea", "a mug of tea"}, 0)
	switch {
	case failed != nil:
		p.finding.Err = fmt.Errorf("%s: %s", failed.outcome, failed.detail)
	case r.Unusable != "":
		p.finding.Err = fmt.Errorf("%s", r.Unusable)
	default:
		p.finding.Latency, p.finding.Dimensions = time.Since(began), len(r.Vectors[0])
		p.reported(r.Model)
	}
}

func (p *prober) reported(name string) {
	if name != "" && name != p.model {
		p.finding.Answers = name
	}
}

// capabilities finds out one after the other what the server can do.
func (p *prober) capabilities(ctx context.Context) {
	p.caps = Capabilities{Structured: ByPrompt, MaxTokensField: "max_tokens", SystemRole: true, Reasoning: "none"}
	first, failed := p.ask(ctx, "Write the numbers from one to twenty as words.", 64, nil)
	if failed != nil && failed.outcome == BadRequest {
		p.caps.MaxTokensField = "max_completion_tokens"
		first, failed = p.ask(ctx, "Write the numbers from one to twenty as words.", 64, nil)
	}
	if failed != nil && failed.outcome == BadRequest {
		p.caps.SystemRole = false
		first, failed = p.ask(ctx, "Write the numbers from one to twenty as words.", 64, nil)
	}
	if failed != nil {
		p.finding.Err = fmt.Errorf("%s: %s", failed.outcome, failed.detail)
		return
	}
	p.reported(first.Model)
	if first.latency > 0 && !first.Usage.Estimated {
		p.finding.TokensPerSecond = float64(first.Usage.Completion) / first.latency.Seconds()
	}
	if first.Usage.Estimated {
		p.note("gives no usage: tokens are estimated")
	}
	p.structured(ctx)
	p.several(ctx)
	p.seeded(ctx)
	p.extras(ctx)
	p.finding.Found = p.caps
}

func (p *prober) note(format string, args ...any) {
	p.finding.Notes = append(p.finding.Notes, fmt.Sprintf(format, args...))
}

func (p *prober) request(text string, maxTokens, n int) *request {
	return &request{
		Model: p.model, N: n, structure: p.caps.Structured, Sampling: Sampling{Temperature: 1, MaxTokens: maxTokens},
		Messages: []Message{{"system", "You answer briefly."}, {"user", text}},
	}
}

func (p *prober) ask(ctx context.Context, text string, maxTokens int, schema *Schema) (*reply, *attemptError) {
	r := p.request(text, maxTokens, 1)
	r.bySchema = schema
	return p.chat(ctx, r)
}

// structured finds the strictest way to bind an answer.
func (p *prober) structured(ctx context.Context) {
	const tries = 3
	for _, way := range []string{ByJSONSchema, ByJSONObject, ByPrompt} {
		p.caps.Structured = way
		good := 0
		var times []time.Duration
		for range tries {
			r, failed := p.ask(ctx, "Pick a color and a count.", 128, probeSchema)
			if failed != nil || len(r.Choices) == 0 {
				break
			}
			times = append(times, r.latency)
			if value, err := extract(r.Choices[0].Content); err == nil && probeSchema.Check(value) == nil {
				good++
			}
		}
		if len(times) > 0 {
			slices.Sort(times)
			p.finding.Latency = times[len(times)/2]
		}
		if good == tries || way == ByPrompt {
			p.note("%s: %d of %d answers satisfied the schema", way, good, tries)
			return
		}
	}
}

func (p *prober) several(ctx context.Context) {
	r, failed := p.chat(ctx, p.request("Name a fruit.", 16, 2))
	p.caps.N = failed == nil && len(r.Choices) == 2
}

func (p *prober) seeded(ctx context.Context) {
	p.caps.Seed = true
	seed := int64(7)
	var texts []string
	for range 2 {
		r := p.request("Invent a name for a boat.", 16, 1)
		r.Sampling.Seed = &seed
		got, failed := p.chat(ctx, r)
		if failed != nil || len(got.Choices) == 0 {
			p.caps.Seed = false
			return
		}
		texts = append(texts, got.Choices[0].Content)
	}
	p.caps.Seed = texts[0] == texts[1]
}

// extras looks for log-probabilities and for where reasoning appears.
func (p *prober) extras(ctx context.Context) {
	var raw []byte
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	_, err := p.connection.chats.Completions.New(ctx, p.params(p.request("Is seven a prime number?", 64, 1)),
		option.WithJSONSet("logprobs", true), option.WithResponseBodyInto(&raw))
	if err != nil {
		return
	}
	var body struct {
		Choices []struct {
			Logprobs *struct {
				Content []json.RawMessage `json:"content"`
			} `json:"logprobs"`
			Message struct {
				Content   string `json:"content"`
				Reasoning string `json:"reasoning_content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(raw, &body); err != nil || len(body.Choices) == 0 {
		return
	}
	first := body.Choices[0]
	p.caps.Logprobs = first.Logprobs != nil && len(first.Logprobs.Content) > 0
	switch {
	case first.Message.Reasoning != "":
		p.caps.Reasoning = "field"
	case thinking.MatchString(first.Message.Content):
		p.caps.Reasoning = "think_tags"
	}
}
