// Package assistant is the product's own assistant behind AssistantService:
// methods with a memory and a policy, and the baselines they are compared with.
//
// A session (session.go) is a fold over the committed steps. Its parts are below
// this package: memory keeps the day, moments finds similar ones of the past,
// loglinear and counts are the embedded drivers of the interfaces in package
// driver, and oracle is the baseline that is told the user's preferences.
//
// The assistant learns of a user only what its method may know: observations, its
// own recommendations, and at memory level ARS their scores. A preference spec
// reaches the oracle alone, by SessionStart.told_spec; no other package below this
// one can read one.
package assistant
