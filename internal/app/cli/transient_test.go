package cli_test

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/loopback"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// trigger calls act once, when text has been written.
type trigger struct {
	written bytes.Buffer
	text    string
	act     func()
	once    sync.Once
}

func (w *trigger) Write(p []byte) (int, error) {
	n, err := w.written.Write(p)
	if strings.Contains(w.written.String(), w.text) {
		w.once.Do(w.act)
	}
	return n, err
}

// stopped runs a command line that is interrupted as soon as it prints text.
func stopped(t *testing.T, text string, args ...string) (code int, errOut string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &trigger{text: text, act: cancel}
	code = cli.Main(ctx, cli.Program{Version: "test"}, args, w, w)
	require.Contains(t, w.written.String(), text)
	return code, w.written.String()
}

func TestAStartThatIsInterruptedIsNotUsage(t *testing.T) {
	dsn := "postgres://me@" + loopback.Address(t) + "/db?sslmode=disable"
	for _, key := range []string{"store.users", "store.journal"} {
		code, errOut := stopped(t, "Waiting:", small(filepath.Join(t.TempDir(), "a"), "--set", key+"="+dsn, "--wait", "1h")...)
		require.Equal(t, 130, code, "%s: a supervisor starts it again: %s", key, errOut)
	}
	code, errOut := stopped(t, "Waiting:", small(filepath.Join(t.TempDir(), "a"), "--buffer-address", loopback.Address(t), "--wait", "1h")...)
	require.Equal(t, 130, code, errOut)
}

// failing is a user service whose calls fail.
type failing struct {
	userv1.UnimplementedPersonaServiceServer
	code  codes.Code
	asked func(context.Context)
}

func (f failing) ListPersonas(ctx context.Context, _ *userv1.ListPersonasRequest) (*userv1.ListPersonasResponse, error) {
	f.asked(ctx)
	return nil, status.Error(f.code, "no luck")
}

func serveFailing(t *testing.T, f failing) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	userv1.RegisterPersonaServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func TestAServiceThatFailsBeforeTheStartIsNotUsage(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted, codes.ResourceExhausted, codes.Internal} {
		at := serveFailing(t, failing{code: code, asked: func(context.Context) {}})
		exit, _, errOut := call(t, small(filepath.Join(t.TempDir(), "a"), "--set", "connect.user="+at, "--wait", "1ms")...)
		require.Equal(t, 1, exit, "%s: a supervisor starts it again: %s", code, errOut)
	}
}

func TestASignalDuringACheckIsNotUsage(t *testing.T) {
	for _, wait := range []string{"0s", "1h"} {
		ctx, cancel := context.WithCancel(t.Context())
		at := serveFailing(t, failing{code: codes.Internal, asked: func(ctx context.Context) { cancel(); <-ctx.Done() }})
		var out bytes.Buffer
		exit := cli.Main(ctx, cli.Program{Version: "test"}, small(filepath.Join(t.TempDir(), "a"), "--set", "connect.user="+at, "--wait", wait), &out, &out)
		require.Equal(t, 130, exit, "--wait %s: %s", wait, out.String())
	}
}
