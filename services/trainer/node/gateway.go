package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"

	"go.uber.org/zap"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/model"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// requestBytes bounds the body of a request.
const requestBytes = 16 << 20

// Gateway returns the handler for everybody but the agent. It passes on chat
// completions, embeddings, the list of models, health and metrics; every other path
// is a 404, those that load adapters or reset the model server among them.
//
// An adapter is bound to the runs that use it: a request under its name must have
// the handle of one of them in the header model.RunHeader, and gets the same 404 as
// for an unknown name otherwise. The list of models has the base and the adapters of
// the run in that header. A request for an adapter that the model server has lost
// loads it again first, and is never answered by the base.
func (a *Agent) Gateway() (http.Handler, error) {
	to, err := url.Parse(a.cfg.Upstream)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = to.Host
			r.Out.Header.Del("Authorization") // for the gateway, as is the handle
			r.Out.Header.Del(model.RunHeader)
		},
		Transport:     &reloading{agent: a, to: http.DefaultTransport},
		FlushInterval: -1, // an answer may be a stream of tokens
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			a.log.Warn("the model server does not answer", zap.Error(err))
			unavailable(w, "the model server does not answer")
		},
	}
	mux := http.NewServeMux()
	for _, route := range []string{"GET /health", "GET /metrics"} {
		mux.Handle(route, a.serving(proxy))
	}
	mux.Handle("GET /v1/models", a.serving(http.HandlerFunc(a.list)))
	for _, route := range []string{"POST /v1/chat/completions", "POST /v1/embeddings"} {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) { a.answer(w, r, proxy) })
	}
	nothing := func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "there is no such path") }
	mux.HandleFunc("/", nothing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != path.Clean(r.URL.Path) { // the mux would redirect it to its plain form
			nothing(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// serving answers for a model server that is not there on purpose, and does not ask
// it then.
func (a *Agent) serving(to http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		state := a.state
		a.mu.Unlock()
		if state != trainerv1.NodeState_NODE_STATE_SERVING {
			unavailable(w, absent(state))
			return
		}
		to.ServeHTTP(w, r)
	})
}

// list answers with the models that the caller's run may use, in the model server's
// own words.
func (a *Agent) list(w http.ResponseWriter, r *http.Request) {
	status, answer, err := a.server.call(r.Context(), http.MethodGet, "/v1/models", nil)
	var list struct {
		Object string           `json:"object"`
		Data   []map[string]any `json:"data"`
	}
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(answer, &list)
	}
	if err != nil || status != http.StatusOK {
		a.log.Warn("the model server gives no list of models", zap.Int("status", status), zap.Error(err))
		unavailable(w, "the model server does not answer")
		return
	}
	run := r.Header.Get(model.RunHeader)
	a.mu.Lock()
	list.Data = slices.DeleteFunc(list.Data, func(m map[string]any) bool {
		name, _ := m["id"].(string)
		e := a.known[name]
		return name != a.cfg.Model && (e == nil || !slices.Contains(e.runs, run))
	})
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list) // the client sees a cut answer
}

// asked is what the gateway has read of a request.
type asked struct {
	model string
	body  []byte
}

type askedKey struct{}

// answer passes a request for a model on.
func (a *Agent) answer(w http.ResponseWriter, r *http.Request, to http.Handler) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestBytes))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "the request cannot be read, or is larger than 16 MiB")
		return
	}
	var named struct {
		Model string `json:"model"`
	}
	if err := json.Unmarshal(body, &named); err != nil {
		refuse(w, http.StatusBadRequest, "the request is no JSON object with a model")
		return
	}
	done, err := a.admit()
	if err != nil {
		unavailable(w, errs.Reason(err))
		return
	}
	defer done()
	if named.Model != a.cfg.Model {
		done, err := a.use(r.Context(), named.Model, r.Header.Get(model.RunHeader))
		if err != nil {
			a.refuseModel(w, named.Model, err)
			return
		}
		defer done()
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	to.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askedKey{}, &asked{named.Model, body})))
}

// use notes that a request of a run for a name is in flight until done is called,
// and loads the name if need be. ErrNotFound for a name that the run does not use.
func (a *Agent) use(ctx context.Context, name, run string) (done func(), err error) {
	a.mu.Lock()
	e := a.known[name]
	if e == nil || !slices.Contains(e.runs, run) {
		a.mu.Unlock()
		return nil, errs.ErrNotFound
	}
	e.inFlight++
	e.lastUse = a.cfg.Clock()
	a.mu.Unlock()
	done = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		e.inFlight--
		e.lastUse = a.cfg.Clock()
	}
	if err := a.ensure(ctx, name); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

func (a *Agent) refuseModel(w http.ResponseWriter, name string, err error) {
	if errors.Is(err, errs.ErrNotFound) {
		refuse(w, http.StatusNotFound, "the model "+name+" does not exist")
		return
	}
	a.log.Warn("an adapter cannot be loaded for a request", zap.String("name", name), zap.Error(err))
	unavailable(w, "the adapter "+name+" cannot be loaded now")
}

// unavailable asks a client to try again soon.
func unavailable(w http.ResponseWriter, message string) {
	w.Header().Set("Retry-After", "2")
	refuse(w, http.StatusServiceUnavailable, message)
}

// refuse answers as the model server words its errors.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": http.StatusText(status), "code": status}}) // the client sees a cut answer
}

// reloading is a transport that repeats a request once whose adapter the model
// server has lost since it was last looked at: a restart takes it without a word.
type reloading struct {
	agent *Agent
	to    http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *reloading) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.to.RoundTrip(r)
	request, _ := r.Context().Value(askedKey{}).(*asked)
	if err != nil || resp.StatusCode != http.StatusNotFound || request == nil || request.model == t.agent.cfg.Model {
		return resp, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	t.agent.lost(request.model)
	if err := t.agent.ensure(r.Context(), request.model); err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(request.body))
	return t.to.RoundTrip(again)
}

// lost notes that the model server does not have a name.
func (a *Agent) lost(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.known[name]; e != nil {
		e.loaded = false
	}
}
