// Package policy is the embedded assistant's policy: a log-linear model of
// whether to speak, about what, and how, given sparse features of the moment.
// It samples, says how likely an answer is, and learns from preference pairs by
// DPO.
//
// The model is a nested logit. With features phi of the moment,
//
//	P(speak | phi)        = sigmoid(gate . phi)
//	P(topic | speak, phi) = softmax over topics of (topic . phi)
//	P(tone | speak, phi)  = softmax over tones of (tone . phi)
//
// each feature times the scale of its block (layout.go), so that learning what to say does not move when it is said. The weights are
// those of the base policy (base.go) plus a trained difference, which is what an
// adapter holds. The words (phrases.go, realise.go) are drawn given topic and
// tone alone; they cancel in every ratio of probabilities and are not learned.
package policy
