package conduct

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// instrumentation is the scope of these spans, whatever package makes them.
const instrumentation = "github.com/propersim/propersim/services/environment"

// beginSpan starts a span that contains what follows, until the returned function
// is called with the outcome. Without a tracer it does nothing.
func (r *runner) beginSpan(name string, attributes func() []attribute.KeyValue) func(error) {
	if r.tracer == nil {
		return func(error) {}
	}
	outer := r.ctx
	ctx, span := r.tracer.Start(outer, name)
	if span.IsRecording() && attributes != nil {
		span.SetAttributes(attributes()...)
	}
	r.ctx = ctx
	return func(err error) {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		r.ctx = outer
	}
}

// beginStep starts the span of a step: one trace over all services.
func (r *runner) beginStep(s *environmentv1.Step) func(error) {
	return r.beginSpan("step", func() []attribute.KeyValue {
		return append(r.about(), attribute.Int("propersim.step", int(s.GetStep())), attribute.Int("propersim.day", int(s.GetDay())))
	})
}

// about says which run a span belongs to.
func (r *runner) about() []attribute.KeyValue {
	config := r.run.Config()
	return []attribute.KeyValue{
		semconv.GenAIConversationID(r.run.ID()), attribute.String("propersim.run", r.run.ID()),
		attribute.String("propersim.method", config.GetMethod().GetName()), attribute.String("propersim.persona", config.GetPersonaId()),
	}
}

// agents are the calls to what the semantic conventions for generative AI name
// an agent.
var agents = map[string]string{"user.Act": "user", "assistant.Recommend": "assistant", "user.Evaluate": "judge"}

// beginCall starts the span of a call, with all its attempts, the pauses between
// them, and the sessions opened for it.
func (r *runner) beginCall(what string) func(error) {
	agent, ok := agents[what]
	if !ok {
		return r.beginSpan(what, nil)
	}
	return r.beginSpan("invoke_agent "+agent, func() []attribute.KeyValue {
		return []attribute.KeyValue{semconv.GenAIOperationNameInvokeAgent, semconv.GenAIAgentName(agent)}
	})
}

// traceModels adds to the span of the step the model calls that shaped an answer, as
// events. They are no spans: the client that made a call has one for each request,
// and a call must not be counted twice.
func (r *runner) traceModels(a answer) {
	span := trace.SpanFromContext(r.ctx)
	if r.tracer == nil || !span.IsRecording() || len(a.GetCalls()) == 0 {
		return
	}
	latency := make(map[string]time.Duration, len(a.GetTimings()))
	for _, timing := range a.GetTimings() {
		latency[timing.GetCallId()] = timing.GetLatency().AsDuration()
	}
	for _, call := range a.GetCalls() {
		span.AddEvent("propersim.model_call", trace.WithAttributes(
			semconv.GenAIRequestModel(call.GetModel()),
			semconv.GenAIUsageInputTokens(int(call.GetPromptTokens())), semconv.GenAIUsageOutputTokens(int(call.GetCompletionTokens())),
			attribute.String("propersim.role", roleName(call.GetRole())), attribute.String("propersim.purpose", call.GetPurpose()),
			attribute.Float64("propersim.seconds", latency[call.GetId()].Seconds())))
	}
}

// roleName returns a role as a word: "judge" for ROLE_JUDGE.
func roleName(role simv1.Role) string {
	return strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_"))
}
