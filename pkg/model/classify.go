package model

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openai/openai-go/v3"
)

// attemptError is a request that got no answer.
type attemptError struct {
	outcome    Outcome
	detail     string        // never has a key
	retryAfter time.Duration // as the endpoint says; 0 where it says nothing
}

// classify turns what went wrong with a request into an outcome. The text of a
// server may repeat our key, so that it is redacted.
func (c *connection) classify(err error, response *http.Response) *attemptError {
	var out *attemptError
	if response != nil && response.StatusCode >= 400 {
		out = byStatus(err, response)
	} else {
		out = byTransport(err)
	}
	out.detail = short(c.key.redact(out.detail), 400)
	return out
}

func byStatus(err error, response *http.Response) *attemptError {
	message := ""
	var api *openai.Error
	if errors.As(err, &api) {
		if message = api.Message; message == "" {
			body, _ := io.ReadAll(response.Body) // the client has read it into memory
			message = string(body)
		}
		message = strings.TrimSpace(api.Code + " " + api.Type + " " + message)
	}
	text := strings.ToLower(message)
	out := &attemptError{detail: fmt.Sprintf("status %d: %s", response.StatusCode, message), retryAfter: retryAfter(response.Header)}
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests && strings.Contains(text, "insufficient_quota"):
		out.outcome = Unauthorized
	case status == http.StatusTooManyRequests:
		out.outcome = RateLimited
	case status == http.StatusRequestTimeout:
		out.outcome = TimedOut
	case status == http.StatusConflict || status == http.StatusTooEarly || status >= 500 && status != http.StatusNotImplemented:
		out.outcome = Overloaded
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired:
		out.outcome = Unauthorized
	case status == http.StatusNotFound:
		out.outcome = UnknownModel
	case strings.Contains(text, "content_filter") || strings.Contains(text, "content management policy"):
		out.outcome = Filtered
	case isTooLong(text):
		out.outcome = ContextTooLong
	default:
		out.outcome = BadRequest
	}
	return out
}

// isTooLong knows the words of OpenAI, vLLM, llama.cpp and Ollama for a prompt
// that does not fit.
func isTooLong(text string) bool {
	for _, words := range []string{"context_length", "context length", "context size", "context window", "exceed_context", "maximum context", "too many tokens", "prompt is too long"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// retryAfter reads the headers retry-after-ms and Retry-After (seconds or a
// date), at most ten minutes.
func retryAfter(h http.Header) time.Duration {
	const most = 10 * time.Minute
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		return min(most, time.Duration(ms*float64(time.Millisecond)))
	}
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		return time.Duration(min(most.Seconds(), seconds) * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(most, max(0, time.Until(at)))
	}
	return 0
}

func byTransport(err error) *attemptError {
	var dns *net.DNSError
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return &attemptError{outcome: Unreachable, detail: "the host name cannot be resolved: " + dns.Name}
	case errors.As(err, &verification), errors.As(err, &unknown), errors.As(err, &record), errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return &attemptError{outcome: Unreachable, detail: "TLS failed: " + cause(err)}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &attemptError{outcome: TimedOut, detail: "no complete answer within the endpoint's timeout"}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return &attemptError{outcome: Unreachable, detail: "no connection: " + cause(err)}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &attemptError{outcome: Interrupted, detail: "the connection broke: " + cause(err)}
	}
	return &attemptError{outcome: Unreachable, detail: cause(err)}
}

// cause is the text of an error without the URL that net/http puts before it.
func cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return short(err.Error(), 200)
}
