package errs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestACallerReadsNoInternals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "adapters", "a.safetensors")
	_, fileErr := os.Open(path)
	require.Error(t, fileErr)
	_, dialErr := net.Dial("tcp", "127.0.0.1:1")
	require.Error(t, dialErr)
	transport := FromStatus(status.Error(codes.Unavailable, `connection error: desc = "transport: dial tcp 10.1.2.3:7003"`))
	sql := WithPublic(fmt.Errorf("INSERT INTO runs: %w", ErrInternal), "the run cannot be stored")

	for _, c := range []struct {
		err     error
		public  string
		private string
	}{
		{fmt.Errorf("adapter a: %w: %w", fileErr, ErrDenied), "adapter a: no such file or directory: permission denied", path},
		{fmt.Errorf("qdrant: %w: %w", dialErr, ErrUnavailable), "qdrant: connect: connection refused", "127.0.0.1"},
		{fmt.Errorf("assistant: %w", transport), "assistant: the service cannot be reached", "10.1.2.3"},
		{fmt.Errorf("create: %w", sql), "create: the run cannot be stored", "INSERT"},
		{errors.Join(fmt.Errorf("a: %w", sql), ErrNotFound), "a: the run cannot be stored\nnot found", "INSERT"},
		{errors.New("password=hunter2"), "internal error", "hunter2"},
	} {
		require.Contains(t, c.err.Error(), c.private, "the log has it")
		require.Equal(t, c.public, Public(c.err))
		require.Equal(t, c.public, status.Convert(ToStatus(c.err)).Message())
	}
}

func TestATextHasNoTails(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("run r1 is paused: %w", ErrPrecondition):                                "run r1 is paused",
		fmt.Errorf("buffer: x: %w", fmt.Errorf("away: %w: %w", ErrNotFound, ErrExhausted)): "buffer: x: away: not found",
		fmt.Errorf("run %q: %w", "r1", ErrNotFound):                                        `run "r1": not found`,
		fmt.Errorf("journal: no database at x.db: %w", ErrNotFound):                        "journal: no database at x.db",
		fmt.Errorf("the journal x.db is missing: %w", ErrNotFound):                         "the journal x.db is missing",
		fmt.Errorf("create: %w", Invalid("age", "found 300, want 1 to 120")):               "create: age: found 300, want 1 to 120",
		FromStatus(ToStatus(fmt.Errorf("run r1 is paused: %w", ErrPrecondition))):          "run r1 is paused",
		FromStatus(ToStatus(fmt.Errorf("run %q: %w", "r1", ErrNotFound))):                  `run "r1": not found`,
		FromStatus(status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`)):           "cannot connect to 127.0.0.1:1: connection refused",
		FromStatus(status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp: lookup nobody.invalid on 9.9.9.9:53: no such host"`)): "cannot connect: lookup nobody.invalid on 9.9.9.9:53: no such host",
		FromStatus(status.Error(codes.Unavailable, `connection error: desc = "error reading server preface: EOF"`)):                                                           "connection lost: error reading server preface: EOF",
		fmt.Errorf(`127.0.0.1:1: %w: %w`, errors.New(`Put "http://127.0.0.1:1/log/level": dial tcp 127.0.0.1:1: connect: connection refused`), ErrUnavailable):                "127.0.0.1:1: cannot connect to 127.0.0.1:1: connection refused",
	} {
		require.Equal(t, want, Text(err))
	}
}
