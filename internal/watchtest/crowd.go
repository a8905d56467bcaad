// Package watchtest watches runs with a crowd from another process, so that what
// the crowd costs itself does not count as the cost of serving it. The process
// is the test binary started again.
package watchtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/propersim/propersim/pkg/serve"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// What the process of a crowd is told by its environment.
const (
	address = "PROPERSIM_WATCHTEST_ADDRESS"
	runs    = "PROPERSIM_WATCHTEST_RUNS" // separated by commas
	entries = "PROPERSIM_WATCHTEST_ENTRIES"
)

const (
	// Watchers is how many a crowd has.
	Watchers = 1000
	// Asleep says that one watcher in so many never reads after the first message.
	Asleep = 10
)

// Main belongs at the beginning of TestMain: in the process of a crowd it
// watches and does not return.
func Main() {
	at := os.Getenv(address)
	if at == "" {
		return
	}
	err := watch(at, strings.Split(os.Getenv(runs), ","), os.Getenv(entries) != "")
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// watch opens the watchers, says so on standard output, and reads until the
// process is killed.
func watch(at string, ids []string, entries bool) error {
	conn, err := serve.Dial(at)
	if err != nil {
		return err
	}
	client := environmentv1.NewRunServiceClient(conn)
	for i := range Watchers {
		stream, err := client.WatchRun(context.Background(), &environmentv1.WatchRunRequest{Id: ids[i%len(ids)], Entries: entries})
		if err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
		if i%Asleep == 0 {
			continue
		}
		go func() {
			for err := error(nil); err == nil; {
				_, err = stream.Recv()
			}
		}()
	}
	fmt.Println("watching")
	select {}
}

// Start starts a crowd that watches the runs of the environment at an address,
// spread evenly, for every entry or for progress alone. It returns when all of
// them watch, with a function that ends the crowd.
func Start(at string, ids []string, everyEntry bool) (end func(), err error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), address+"="+at, runs+"="+strings.Join(ids, ","))
	if everyEntry {
		cmd.Env = append(cmd.Env, entries+"=1")
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("watchtest: %w", err)
	}
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "watching\n" {
		end()
		return nil, fmt.Errorf("watchtest: the crowd said %q: %w", line, err)
	}
	return end, nil
}
