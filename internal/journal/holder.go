package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/uuid"
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

// origin identifies the table of process ids that this process is in.
func origin() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSpace(string(boot)))[:8] + "-" + strings.Trim(strings.TrimPrefix(namespace, "pid:"), "[]")
}

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
	if err != nil || pid <= 0 {
		return false
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
