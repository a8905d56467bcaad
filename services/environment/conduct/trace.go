package environment

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// instrumentation names what makes these spans.
const instrumentation = "github.com/propersim/propersim/services/environment"

// beginSpan makes what follows part of a span, until the returned function is
// called with its outcome. Without a tracer it does nothing.
func (c *conductor) beginSpan(name string, attributes func() []attribute.KeyValue) func(error) {
	if c.tracer == nil {
		return func(error) {}
	}
	outer := c.ctx
	ctx, span := c.tracer.Start(outer, name)
	if span.IsRecording() && attributes != nil {
		span.SetAttributes(attributes()...)
	}
	c.ctx = ctx
	return func(err error) {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
		c.ctx = outer
	}
}

// beginStep makes a step one trace, in all services.
func (c *conductor) beginStep(s *environmentv1.Step) func(error) {
	return c.beginSpan("step", func() []attribute.KeyValue {
		return append(c.about(), attribute.Int("propersim.step", int(s.GetStep())), attribute.Int("propersim.day", int(s.GetDay())))
	})
}

// about says which run a span belongs to.
func (c *conductor) about() []attribute.KeyValue {
	config := c.run.fixed.GetConfig()
	return []attribute.KeyValue{
		semconv.GenAIConversationID(c.run.id), attribute.String("propersim.run", c.run.id),
		attribute.String("propersim.method", config.GetMethod()), attribute.String("propersim.persona", config.GetPersonaId()),
	}
}

// agents are the calls that ask a role of the simulation to act: agents, in the
// semantic conventions for generative AI.
var agents = map[string]string{"user.Act": "user", "assistant.Recommend": "assistant", "user.Evaluate": "judge"}

// beginCall is a call with all its attempts, the waits in between, and the
// sessions opened for it.
func (c *conductor) beginCall(what string) func(error) {
	agent, ok := agents[what]
	if !ok {
		return c.beginSpan(what, nil)
	}
	return c.beginSpan("invoke_agent "+agent, func() []attribute.KeyValue {
		return []attribute.KeyValue{semconv.GenAIOperationNameInvokeAgent, semconv.GenAIAgentName(agent)}
	})
}

// traceModels adds the model calls that shaped an answer. A service tells only
// how long each took: they are drawn as if all had ended with the answer.
func (c *conductor) traceModels(calls []*simv1.ModelCall) {
	if c.tracer == nil || len(calls) == 0 {
		return
	}
	now := time.Now()
	for _, call := range calls {
		began := now.Add(-time.Duration(call.GetLatencyMs() * float64(time.Millisecond)))
		_, span := c.tracer.Start(c.ctx, "chat "+call.GetModel(), trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			semconv.GenAIOperationNameChat, semconv.GenAIRequestModel(call.GetModel()),
			semconv.GenAIUsageInputTokens(int(call.GetPromptTokens())), semconv.GenAIUsageOutputTokens(int(call.GetCompletionTokens())),
			attribute.String("propersim.role", call.GetRole())))
		span.End(trace.WithTimestamp(now))
	}
}
