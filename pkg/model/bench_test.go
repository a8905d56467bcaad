package model_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/model"
)

// canned answers every request in the process, so that the benchmark measures
// our side alone.
type canned struct{ body string }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}, nil
}

// BenchmarkCall is one call with a prompt of 8 KB, 32 at a time: request,
// parsing, schema, record, prompt and answer on disk. The figure that counts is
// cpu-us/call.
func BenchmarkCall(b *testing.B) {
	body := `{"id":"x","model":"fake-judge","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"{\"score\":3,\"reason\":\"it fits what the person likes in the evening\"}"}}],"usage":{"prompt_tokens":2000,"completion_tokens":20}}`
	cfg := config("http://127.0.0.1:1/v1")
	e := cfg.Endpoints["test"]
	e.Slots = 64
	cfg.Endpoints["test"] = e
	client, err := model.New(b.Context(), cfg, model.Deps{Answers: filepath.Join(b.TempDir(), "answers.db"), Transport: canned{body}})
	if err != nil {
		b.Fatal(err)
	}
	prompt := strings.Repeat("What the person did in the last hours and what was said. ", 140)
	var step atomic.Int32
	before := cpu()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := step.Add(1)
			call := judgeCall(n)
			call.Run = fmt.Sprint(n % 32)
			call.Messages = append(call.Messages, model.Message{Role: "user", Content: prompt + fmt.Sprint(n)})
			if _, err := client.Do(b.Context(), call); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/call")
	if err := client.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRoundTrip is BenchmarkCall over HTTP to the test server, both sides
// in this process.
func BenchmarkRoundTrip(b *testing.B) {
	server := fakemodel.New(fakemodel.Config{Answer: always(good)})
	defer server.Close()
	cfg := config(server.BaseURL())
	e := cfg.Endpoints["test"]
	e.Slots = 64
	cfg.Endpoints["test"] = e
	client, err := model.New(b.Context(), cfg, model.Deps{Answers: filepath.Join(b.TempDir(), "answers.db")})
	if err != nil {
		b.Fatal(err)
	}
	var step atomic.Int32
	before := cpu()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := step.Add(1)
			call := judgeCall(n)
			call.Run = fmt.Sprint(n % 32)
			if _, err := client.Do(b.Context(), call); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/call")
	if err := client.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// cpu is the user and system time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
