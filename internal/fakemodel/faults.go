package fakemodel

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Status answers with a status, a body and headers ("Name: value").
func Status(code int, body string, headers ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ *Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // the client may have left
	}
}

// Error answers with a status and the usual body of an error.
func Error(code int, message string, headers ...string) Fault {
	return Status(code, fmt.Sprintf(`{"error":{"message":%q,"type":"error","code":null,"param":null}}`, message), headers...)
}

// Body answers with status 200 and exactly this body.
func Body(contentType, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ *Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body)) // the client may have left
	}
}

// Content answers as usual, with this content, finish reason stop.
func Content(content string) Fault { return Finished(content, "stop") }

// Finished answers as usual, with this content (nil is null) and finish reason.
func Finished(content any, reason string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, asked *Request) {
		var choices []any
		for i := range max(1, asked.N) {
			choices = append(choices, Choice(i, content, reason))
		}
		writeJSON(w, Completion(asked.Model, choices, 10, 5))
	}
}

// Refusal answers with a refusal.
func Refusal(text string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, asked *Request) {
		choice := Choice(0, nil, "stop")
		choice["message"].(map[string]any)["refusal"] = text
		writeJSON(w, Completion(asked.Model, []any{choice}, 10, 5))
	}
}

// Choices answers with these contents, however many were asked for.
func Choices(contents ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, asked *Request) {
		choices := []any{}
		for i, c := range contents {
			choices = append(choices, Choice(i, c, "stop"))
		}
		writeJSON(w, Completion(asked.Model, choices, 10, 5))
	}
}

// Without answers with this content and leaves a field of the body out.
func Without(field, content string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, asked *Request) {
		body := Completion(asked.Model, []any{Choice(0, content, "stop")}, 10, 5)
		delete(body, field)
		writeJSON(w, body)
	}
}

// As answers under another model's name.
func As(model, content string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ *Request) {
		writeJSON(w, Completion(model, []any{Choice(0, content, "stop")}, 10, 5))
	}
}

// Reset breaks the connection in the middle of the body.
func Reset() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ *Request) {
		w.Header().Set("Content-Length", "1000")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id":"x","choices":[`)) // the connection breaks anyway
		panic(http.ErrAbortHandler)
	}
}

// Hang answers nothing until the client leaves or the server is closed.
func (s *Server) Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ *Request) {
		select {
		case <-r.Context().Done():
		case <-s.hangUp:
		}
	}
}

// Drip sends a body byte by byte, with a pause after each.
func (s *Server) Drip(pause time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ *Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, b := range []byte(`{"id":"x","choices":[{"message":{"content":"slow"}}]}`) {
			if _, err := w.Write([]byte{b}); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			case <-s.hangUp:
				return
			}
		}
	}
}

// Embeddings answers with these vectors, as raw JSON.
func Embeddings(vectors ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, asked *Request) {
		var data []string
		for i, v := range vectors {
			data = append(data, fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":%s}`, i, v))
		}
		Body("application/json", fmt.Sprintf(`{"object":"list","model":%q,"data":[%s],"usage":{"prompt_tokens":3}}`, asked.Model, strings.Join(data, ",")))(w, nil, asked)
	}
}
