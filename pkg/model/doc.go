// Package model is the only package that talks to a language model or an
// embedding model. It turns a call of a role (planner, judge, assistant,
// summarizer, embedder, rubric compiler) into requests to an OpenAI-compatible
// endpoint and ends each call in exactly one typed outcome.
//
// An answer is on disk before Do returns, so that a step that is tried again
// pays for nothing twice. Requests to one endpoint share one scheduler, which
// obeys its limits and orders them by the simulated time of the run that asks.
package model
