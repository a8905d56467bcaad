//go:build !linux

package node

import (
	"context"
	"os"
	"syscall"
	"time"
)

// childOf gives a child a process group of its own.
func childOf() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitEnd cannot wait for a process that is no child.
func awaitEnd(context.Context, *os.Process, time.Time) bool { return true }
