package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/errs"
)

const (
	// markName is the environment variable that marks the processes of an agent: the
	// model server, the worker, and what those start, in whatever process group or
	// session. Its value is what idFile has.
	markName = "PSIM_CHILD_OF_NODE"
	// idFile has a random text that names the agent's folder.
	idFile = "id"
	// endingLeftOver is how long the processes of an agent that was killed may take to
	// end by SIGKILL.
	endingLeftOver = 10 * time.Second
)

// mark returns the variables of a child's environment that mark it. The second keeps
// the first readable: a process that sets its title (vLLM's do) would overwrite it.
func (a *Agent) mark() []string { return []string{markName + "=" + a.id, "SPT_NOENV=1"} }

// readID reads the name of the agent's folder, or makes one.
func (a *Agent) readID() error {
	path := a.path(idFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		text = []byte(rand.Text())
		err = outfile.WriteFile(path, text, ownerOnly)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be read or written: %w: %w", path, err, errs.ErrDenied)
	}
	if a.id = string(bytes.TrimSpace(text)); len(a.id) < len(rand.Text()) { // a short one could be somebody else's
		return fmt.Errorf("%s is damaged: remove it while no process of the node runs: %w", path, errs.ErrDataLoss)
	}
	return nil
}

// endLeftOver ends the processes that an agent of this folder has started and left:
// one that was killed, or whose model server ended before its own children. They
// would keep the GPU. Call it while no process of this agent runs. It does nothing
// on systems without /proc.
func (a *Agent) endLeftOver(ctx context.Context) error {
	deadline := time.Now().Add(endingLeftOver)
	for {
		killed, err := a.killMarked()
		if err != nil || killed == nil {
			return err
		}
		a.log.Warn("processes of the node were left over and are killed", zap.Int("processes", len(killed)))
		left := 0
		for _, p := range killed {
			if !awaitEnd(ctx, p, deadline) {
				left++
			}
			_ = p.Release() // a handle of a process that may have ended
		}
		if ctx.Err() != nil {
			return nil
		}
		if left > 0 || time.Now().After(deadline) {
			return fmt.Errorf("%d processes of the node do not end by SIGKILL: %w", max(left, 1), errs.ErrUnavailable)
		}
	} // once more: a process may have forked meanwhile
}

// killMarked sends SIGKILL to every marked process, and returns them.
func (a *Agent) killMarked() (killed []*os.Process, err error) {
	entries, err := os.ReadDir("/proc")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A handle first: the number may be another process's by the time of the signal.
		p, err := os.FindProcess(pid)
		if err != nil {
			continue
		}
		if a.marked(pid) && p.Kill() == nil {
			killed = append(killed, p)
			continue
		}
		_ = p.Release() // a handle of a process that may have ended
	}
	return killed, nil
}

// marked reports whether a process has the agent's mark. The environment of another
// user's process cannot be read, and that of one that has ended is empty.
func (a *Agent) marked(pid int) bool {
	environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for variable := range strings.SplitSeq(string(environment), "\x00") {
		if variable == markName+"="+a.id {
			return true
		}
	}
	return false
}
