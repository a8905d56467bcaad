package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/google/uuid"

	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// NewHolder returns a name for this process as a holder of leases:
// "host/pid/origin/random". origin is empty where the operating system does not
// tell which processes share a table of process ids; on Linux it is the boot id
// and the pid namespace.
func NewHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	host = strings.ReplaceAll(host, "/", "-")
	return strings.Join([]string{host, strconv.Itoa(os.Getpid()), origin(), uuid.NewString()[:8]}, "/")
}

// origin identifies the table of process ids that this process is in; empty where
// that is not known.
var origin = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSpace(string(boot)))[:8] + "-" + strings.Trim(strings.TrimPrefix(namespace, "pid:"), "[]")
})

// gone reports that a holder was a process of this machine that has certainly
// ended. A process id that was given out again counts as alive: then the lease
// expires by itself.
func gone(holder string) bool {
	parts := strings.Split(holder, "/")
	here := origin()
	if len(parts) != 4 || here == "" || parts[2] != here {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid <= 0 || pid == os.Getpid() {
		return false
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// lapsed reports that a lease ends before its time because its holder is gone,
// and returns the state of the run without it.
func lapsed(holder string, state environmentv1.RunState) (bool, environmentv1.RunState) {
	if !gone(holder) {
		return false, state
	}
	if state == environmentv1.RunState_RUN_STATE_RUNNING || state == environmentv1.RunState_RUN_STATE_WAITING {
		state = environmentv1.RunState_RUN_STATE_QUEUED
	}
	return true, state
}
