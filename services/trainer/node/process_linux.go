package node

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// childOf gives a child a process group, and SIGKILL at the death of the agent.
func childOf() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitEnd waits until every thread of a killed process has ended, and with it what
// it held: memory of a GPU is freed late in the exit, when /proc shows no
// environment any more. It returns false at the deadline or the end of ctx. A
// kernel without process handles (before Linux 5.4) gives no answer: true at once.
func awaitEnd(ctx context.Context, p *os.Process, deadline time.Time) (ended bool) {
	for !ended && ctx.Err() == nil && time.Now().Before(deadline) {
		err := p.WithHandle(func(handle uintptr) {
			// A handle is readable once its process has ended. Slices, for the sake of ctx.
			ready, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, 50)
			ended = ready > 0 || err != nil && !errors.Is(err, unix.EINTR)
		})
		ended = ended || err != nil
	}
	return ended
}
