// Package watchtest watches runs with a thousand watchers from another process, so
// that their own cost is not measured as the cost of serving them. The process is
// the test binary, started again.
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

// Environment variables of the process of the watchers.
const (
	address = "PROPERSIM_WATCHTEST_ADDRESS"
	runs    = "PROPERSIM_WATCHTEST_RUNS" // separated by commas
	entries = "PROPERSIM_WATCHTEST_ENTRIES"
)

const (
	// Watchers is how many there are.
	Watchers = 1000
	// Asleep: one watcher in so many never reads after the first message.
	Asleep = 10
)

// Main belongs at the beginning of TestMain: in the process of the watchers it
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

// watch opens the streams, prints "watching", and reads until the process is
// killed.
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

// Start starts watchers of the runs of the environment at an address, spread
// evenly over the runs, for every entry or for progress alone. It returns when all
// of them watch, with a function that ends them.
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
		return nil, fmt.Errorf("watchtest: the process of the watchers printed %q: %w", line, err)
	}
	return end, nil
}
