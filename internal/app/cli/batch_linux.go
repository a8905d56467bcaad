package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// normal is the scheduling policy of a process of which nobody said otherwise.
const normal = 0 // SCHED_OTHER

// batch has the kernel schedule this process as one that cares for throughput:
// a thread that becomes ready waits until the running one pauses. Services on
// one machine then answer several calls at a time instead of taking turns at
// each. Threads that are made later inherit the policy. A policy that was chosen
// before, by chrt for example, stays.
func batch() error {
	for changed := true; changed; { // again: a thread may have been made meanwhile
		changed = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("batch scheduling: %w", err)
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return fmt.Errorf("batch scheduling: %w", err)
			}
			switch now, err := batchThread(id); {
			case errors.Is(err, unix.ESRCH): // it has ended
			case err != nil:
				return fmt.Errorf("batch scheduling: %w", err)
			default:
				changed = changed || now
			}
		}
	}
	return nil
}

// batchThread reports whether it changed a thread.
func batchThread(id int) (bool, error) {
	attr, err := unix.SchedGetAttr(id, 0)
	if err != nil || attr.Policy != normal {
		return false, err
	}
	attr.Policy = unix.SCHED_BATCH
	return true, unix.SchedSetAttr(id, attr, 0)
}
