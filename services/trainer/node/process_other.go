//go:build !linux

package node

import "syscall"

// childOf gives a child a process group of its own.
func childOf() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
