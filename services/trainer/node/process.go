package node

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/propersim/propersim/pkg/errs"
)

// process is a child of the agent in a process group of its own.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why; read after done
}

// startProcess starts a command. Its output goes to out. The kernel kills it when
// the agent dies (Linux), so that no model server keeps a GPU and a port. An
// ErrPrecondition says that it cannot be started.
func startProcess(command, env []string, out io.Writer) (*process, error) {
	p := &process{cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{})} //nolint:gosec // the operator's own command
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = childOf()
	// A child that left its output to others of its group would block Wait.
	p.cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		// The signal at the parent's death follows the thread that started the child:
		// it must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		p.signal(syscall.SIGKILL) // what is left of its group
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w: %w", command[0], err, errs.ErrPrecondition)
	}
	return p, nil
}

func (p *process) signal(s syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, s) // it may have ended
}

// stop ends the process by SIGTERM, and after grace by SIGKILL.
func (p *process) stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
		return
	case <-time.After(grace):
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}
