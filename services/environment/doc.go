// Package environment keeps the clock, the worlds, the runs and their journal. It
// calls the other services; none of them calls it.
//
// # Parts
//
//   - This package serves RunService and WorldService, decides which runs this
//     process conducts, and follows those that other processes conduct.
//   - conduct leads one run, step by step; its package comment has the way of a
//     step.
//   - watch streams the progress and the entries of runs to watchers.
//   - live has the state of a run in memory, which conduct writes and watch reads.
//   - method has the table of methods.
//
// # Several processes on one journal
//
// A run has one writer: the process that has its lease in the journal's database
// (conducting.go). A process takes the leases of queued runs while it has places
// free, renews them (leases.go), and stops at once, without writing anything, when
// one is lost. It polls the standing of all runs (follow.go): runs that others
// conduct are listed, watched, paused and cancelled here too, runs that others
// created appear, and a run whose conductor has ended is taken over when its lease
// expires. The fencing token of the lease makes sure that a process that was
// suspended meanwhile commits nothing.
package environment
