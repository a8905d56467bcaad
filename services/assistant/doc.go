// Package assistant is the product's own assistant: methods with a memory and a
// policy, and the baselines they are compared with, behind AssistantService.
//
// It learns of a user only what its method may know: observations, its own
// recommendations, and (memory level ARS) their scores. A rubric reaches the
// baseline persona-given alone, and by SessionStart.given; no other package
// below this one can read one.
package assistant
