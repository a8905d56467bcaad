// Package suspend stops processes in tests.
package suspend

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Stop sends SIGSTOP and returns when no thread of the process runs any more. The
// signal alone says less: one thread receives it and stops the others, and until a
// busy machine runs that thread the others go on, and may take a lock.
func Stop(t testing.TB, process *os.Process) {
	t.Helper()
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatalf("stop process %d: %v", process.Pid, err)
	}
	for began := time.Now(); runs(process.Pid); time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("process %d has not stopped within a minute", process.Pid)
		}
	}
}

// runs reports whether a thread of a process is neither stopped nor over. Without
// /proc that is not known.
func runs(pid int) bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread is over
		}
		// number (name) state ...: the name may have parentheses.
		_, after, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')'):], []byte(" "))
		if !bytes.ContainsAny(after[:1], "TtZX") {
			return true
		}
	}
	return false
}
