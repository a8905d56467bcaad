package model_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/fakemodel"
	"github.com/propersim/propersim/pkg/model"
)

// childSteps is how many steps the child process plays.
const childSteps = 120

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if url := os.Getenv("MODEL_TEST_CHILD"); url != "" {
		if err := child(url, os.Getenv("MODEL_TEST_STORE")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child asks for two answers at each step and prints what it got.
func child(url, dsn string) error {
	ctx := context.Background()
	client, err := model.New(ctx, config(url), model.Deps{Answers: dsn})
	if err != nil {
		return err
	}
	for step := range int32(childSteps) {
		calls := []model.Call{judgeCall(step), judgeCall(step)}
		for i := range calls {
			calls[i].Criterion = fmt.Sprint(i)
			calls[i].Messages = append(calls[i].Messages[:1:1], model.Message{Role: "user", Content: fmt.Sprintf("step %d, criterion %d", step, i)})
		}
		answers, err := client.DoAll(ctx, calls)
		if err != nil {
			return err
		}
		fmt.Printf("%d %s %s\n", step, answers[0][0].JSON, answers[1][0].JSON)
	}
	return client.Close(ctx)
}

// TestNoAnswerIsPaidForTwice: a process is killed 20 times at random moments
// and started again. Whatever it had received it gets again, and the server is
// asked a second time only for requests that were under way at a kill.
func TestNoAnswerIsPaidForTwice(t *testing.T) {
	server := fakemodel.New(fakemodel.Config{Latency: 4 * time.Millisecond})
	t.Cleanup(server.Close)
	dsn := filepath.Join(t.TempDir(), "answers.db")
	seen := make(map[string]string)
	kills := 0
	for {
		ctx, kill := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), "MODEL_TEST_CHILD="+server.BaseURL(), "MODEL_TEST_STORE="+dsn)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		// The moment is counted in lines, so that every life gets somewhere.
		lines, until := bufio.NewScanner(out), len(seen)+1+rand.N(8)
		for lines.Scan() {
			step, rest, _ := strings.Cut(lines.Text(), " ")
			if before, known := seen[step]; known {
				require.Equal(t, before, rest, "step %s has the answers of its first life", step)
			}
			seen[step] = rest
			if kills < 20 && len(seen) >= until {
				time.Sleep(rand.N(8 * time.Millisecond))
				kill() // exec sends SIGKILL
			}
		}
		err = cmd.Wait()
		kill()
		if err == nil {
			break
		}
		kills++
	}
	require.Equal(t, 20, kills)
	require.Len(t, seen, childSteps)
	twice := 0
	for _, n := range server.Answered() {
		twice += len(n) - 1
	}
	t.Logf("%d requests for %d answers; %d were under way at one of %d kills", server.Calls(), 2*childSteps, twice, kills)
	require.LessOrEqual(t, twice, 2*kills)
}
