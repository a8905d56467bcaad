package model

import (
	"context"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// begin starts the span of a request, by the OpenTelemetry conventions for
// generative AI. Neither prompts nor answers are part of it.
func (c *Client) begin(ctx context.Context, p *passage) (context.Context, trace.Span) {
	operation := "chat"
	if len(p.request.Texts) > 0 {
		operation = "embeddings"
	}
	ctx, span := c.tracer.Start(ctx, operation+" "+p.request.Model, trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	span.SetAttributes(
		attribute.String("gen_ai.operation.name", operation),
		attribute.String("gen_ai.provider.name", p.endpoint.name),
		attribute.String("gen_ai.request.model", p.request.Model),
		attribute.Int("gen_ai.request.choice.count", p.request.N),
		attribute.Int("gen_ai.request.max_tokens", p.request.Sampling.MaxTokens),
		attribute.Float64("gen_ai.request.temperature", p.request.Sampling.Temperature),
		attribute.String("propersim.role", p.call.Role),
		attribute.String("propersim.purpose", p.call.Purpose),
		attribute.String("propersim.run", p.call.Run),
		attribute.Int64("propersim.step", int64(p.call.Step)),
	)
	if u, err := url.Parse(p.endpoint.URLs[0]); err == nil {
		span.SetAttributes(attribute.String("server.address", u.Hostname()))
	}
	return ctx, span
}

// end closes the span and counts the request.
func (c *Client) end(span trace.Span, p *passage, f *flight, used Totals) {
	defer span.End()
	if f.failed != nil {
		c.metrics.count(p, f.failed.outcome, Totals{}, 0)
		span.SetAttributes(attribute.String("error.type", string(f.failed.outcome)))
		span.SetStatus(codes.Error, f.failed.detail)
		return
	}
	c.metrics.count(p, Answered, used, f.reply.latency)
	if !span.IsRecording() {
		return
	}
	var reasons []string
	for _, choice := range f.reply.Choices {
		reasons = append(reasons, choice.Finish)
	}
	span.SetAttributes(
		attribute.String("gen_ai.response.model", f.reply.Model),
		attribute.Int64("gen_ai.usage.input_tokens", used.Prompt),
		attribute.Int64("gen_ai.usage.output_tokens", used.Completion),
		attribute.StringSlice("gen_ai.response.finish_reasons", reasons),
	)
}
