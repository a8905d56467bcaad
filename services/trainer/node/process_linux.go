package node

import "syscall"

// childOf gives a child a process group, and SIGKILL at the death of the agent.
func childOf() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
