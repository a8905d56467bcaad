package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
)

// The variables name the file that a child process opens, or in which it stops
// within a transaction.
const (
	openerVariable = "PROPERSIM_TEST_STORE_OPENER"
	hangerVariable = "PROPERSIM_TEST_STORE_HANGER"
)

var openedTogether = fstest.MapFS{
	"00001_first.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE first (n BIGINT PRIMARY KEY);\n")},
	"00002_second.sql": {Data: []byte("-- +goose Up\nCREATE TABLE second (n BIGINT PRIMARY KEY);\n")},
}

// TestMain lets the test binary be the child processes of the tests below.
func TestMain(m *testing.M) {
	var err error
	if at, n, ok := strings.Cut(os.Getenv(openerVariable), "#"); ok {
		err = opener(at, n)
	} else if at := os.Getenv(hangerVariable); at != "" {
		err = hanger(at)
	} else {
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// opener opens a file when its standard input ends, writes to it, and closes it.
func opener(at, n string) error {
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	db, err := Open(context.Background(), at, openedTogether)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), "INSERT INTO second (n) VALUES ($1)", n)
	return errors.Join(err, db.Close())
}

// hanger stops within a transaction, until a SIGCONT.
func hanger(at string) error {
	db, err := Open(context.Background(), at, openedTogether)
	if err != nil {
		return err
	}
	return errors.Join(db.Update(context.Background(), func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO first (n) VALUES (1)"); err != nil {
			return err
		}
		fmt.Println("ready")
		return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}), db.Close())
}

// TestProcessesCreateAFileAtOnce: each of several processes that open a file which
// is not there yet, at the same moment, gets it with all its tables.
func TestProcessesCreateAFileAtOnce(t *testing.T) {
	const processes, rounds = 3, 20
	binary, err := os.Executable()
	require.NoError(t, err)
	for range rounds {
		at := filepath.Join(t.TempDir(), "new", "together.db")
		starts := make([]io.Closer, processes)
		children := make([]*exec.Cmd, processes)
		outputs := make([]*bufio.Reader, processes)
		for i := range children {
			child := exec.Command(binary)
			child.Env = append(os.Environ(), openerVariable+"="+at+"#"+string(rune('1'+i)))
			starts[i], err = child.StdinPipe()
			require.NoError(t, err)
			out, err := child.StdoutPipe()
			require.NoError(t, err)
			outputs[i] = bufio.NewReader(out)
			require.NoError(t, child.Start())
			children[i] = child
		}
		for _, out := range outputs {
			line, err := out.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "ready\n", line)
		}
		for _, start := range starts {
			require.NoError(t, start.Close())
		}
		for i, child := range children {
			said, err := io.ReadAll(outputs[i])
			require.NoError(t, err)
			require.NoError(t, child.Wait(), "%s", said)
		}
		db, err := Open(t.Context(), at, openedTogether)
		require.NoError(t, err)
		var rows int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM second").Scan(&rows))
		require.Equal(t, processes, rows)
		require.NoError(t, db.Close())
	}
}

// TestAProcessStoppedInATransactionIsNamed: others read, and their writes end with
// an error that says what is wrong; they succeed once the process continues.
func TestAProcessStoppedInATransactionIsNamed(t *testing.T) {
	binary, err := os.Executable()
	require.NoError(t, err)
	at := filepath.Join(t.TempDir(), "stopped.db")
	db, err := Open(t.Context(), at, openedTogether, func(o *options) { o.busy = 50 * time.Millisecond })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	child := exec.Command(binary)
	child.Env = append(os.Environ(), hangerVariable+"="+at)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)

	_, err = db.ExecContext(t.Context(), "INSERT INTO second (n) VALUES (1)")
	require.ErrorIs(t, err, errs.ErrUnavailable)
	require.ErrorContains(t, err, "locked by another process, which may be stopped")
	var rows int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM first").Scan(&rows))
	require.Zero(t, rows, "what is not committed is not seen")

	// It may have printed "ready" before it stops: the signal is repeated.
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for over := false; !over; {
		if err := child.Process.Signal(syscall.SIGCONT); !errors.Is(err, os.ErrProcessDone) {
			require.NoError(t, err)
		}
		select {
		case err := <-ended:
			require.NoError(t, err)
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	_, err = db.ExecContext(t.Context(), "INSERT INTO second (n) VALUES (1)")
	require.NoError(t, err)
}
