// Package conduct leads a run from what the journal has to its last step. It is
// the only caller of the user, the assistant, the buffer and the trainer during a
// run, and the only writer of the run's entries, under the lease that the server
// acquired.
//
// # The way of a step
//
// A step (step.go) asks one service after the other, commits, and then reports
// what was committed:
//
//  1. user.Act returns the action and what the assistant may see of it. A
//     sleeping user ends the step: it is handed in, and the run does not wait
//     until it is on disk.
//  2. assistant.Recommend returns candidates. The first one is delivered.
//  3. user.Evaluate judges every candidate.
//  4. The step is committed, and the run waits until it is on disk.
//  5. assistant.Observe and user.Observe report the committed step. Its
//     preference pair goes to the buffer, in batches (pairs.go).
//
// A step that fails before the commit has not happened. At the turn of a day,
// for methods that train, a job of the trainer makes the adapter of the next day
// (night.go).
//
// # Sessions
//
// The user and the assistant fold the committed steps into a session (session.go).
// A session may be lost at any time: the service answers with the reason
// SESSION_NOT_FOUND or SESSION_BEHIND, and call (call.go) opens it again with the
// whole history.
//
// # Notes and calls
//
// An answer brings model calls, what they took, and notes: decisions that a
// session cannot derive again (effects.go). Those of Act, Recommend and Evaluate
// are committed with their step; those of Observe and OpenSession with the next
// step. The history returns each side its own notes, and so does Observe. When a
// session is opened again, those of its decisions that came with no step and were
// not committed are dropped, because the new session decides again.
package conduct
