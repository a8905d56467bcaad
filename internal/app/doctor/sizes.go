package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/pkg/errs"
)

// shape is what config.json says of a model of the Llama family.
type shape struct {
	Hidden       int64 `json:"hidden_size"`
	Intermediate int64 `json:"intermediate_size"`
	Layers       int64 `json:"num_hidden_layers"`
	Heads        int64 `json:"num_attention_heads"`
	KeyValue     int64 `json:"num_key_value_heads"`
	HeadDim      int64 `json:"head_dim"`
	Vocabulary   int64 `json:"vocab_size"`
	Tied         bool  `json:"tie_word_embeddings"`
}

func readShape(folder string) (*shape, error) {
	text, err := os.ReadFile(filepath.Join(folder, "config.json"))
	if err != nil {
		return nil, err
	}
	s := &shape{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("config.json cannot be read: %w", err)
	}
	if s.Hidden <= 0 || s.Intermediate <= 0 || s.Layers <= 0 || s.Heads <= 0 || s.Vocabulary <= 0 {
		return nil, errs.Invalid("config.json", "has no hidden_size, intermediate_size, num_hidden_layers, num_attention_heads or vocab_size, want a model of the Llama family")
	}
	if s.KeyValue == 0 {
		s.KeyValue = s.Heads
	}
	if s.HeadDim == 0 {
		s.HeadDim = s.Hidden / s.Heads
	}
	return s, nil
}

// modules are the rows and columns of the linear layers of one block, by name.
func (s *shape) modules() map[string][2]int64 {
	q, kv := s.Heads*s.HeadDim, s.KeyValue*s.HeadDim
	return map[string][2]int64{
		"q_proj": {q, s.Hidden}, "k_proj": {kv, s.Hidden}, "v_proj": {kv, s.Hidden}, "o_proj": {s.Hidden, q},
		"gate_proj": {s.Intermediate, s.Hidden}, "up_proj": {s.Intermediate, s.Hidden}, "down_proj": {s.Hidden, s.Intermediate},
	}
}

// linear and other are the parameters that are quantized, and those that stay in
// bf16: embedding, output head, norms.
func (s *shape) linear() (n int64) {
	for _, m := range s.modules() {
		n += m[0] * m[1]
	}
	return n * s.Layers
}

func (s *shape) other() int64 {
	embeddings := int64(2)
	if s.Tied {
		embeddings = 1
	}
	return embeddings*s.Vocabulary*s.Hidden + (2*s.Layers+1)*s.Hidden
}

// adapter is the number of parameters of a LoRA adapter: rank times rows and
// columns of each module (Hu et al., 2021).
func (s *shape) adapter(l *config.Lora) (n int64) {
	for name, m := range s.modules() {
		if slices.Contains(l.Modules, name) {
			n += int64(l.Rank) * (m[0] + m[1])
		}
	}
	return n * s.Layers
}

// Sizes of numbers, bytes.
const (
	bf16 = 2
	// nf4Bits is what a parameter takes in NF4 with double quantization (Dettmers et
	// al., 2023, section 3): 4 bits and 0.127 bits of constants.
	nf4Bits = 4.127
	// trained is what a parameter of the adapter takes in training: weight, gradient,
	// and the two moments of AdamW, 4 bytes each.
	trained = 16
	// blockBytes are the activations of one block for a token and a hidden unit, with an
	// attention that keeps no matrix of scores (Korthikanti et al., 2022, section 4.1:
	// 34 s b h).
	blockBytes = 34
)

// sizes are the needs of one model, bytes.
type sizes struct {
	download, base, optimizer, activations, logits, cache, adapters int64
}

func (s *shape) sizes(l *config.Lora, sequences, loaded int) sizes {
	tokens := int64(l.MaxTokens)
	out := sizes{download: (s.linear() + s.other()) * bf16}
	out.base = out.download
	if l.Quantization == "nf4" {
		out.base = int64(float64(s.linear())*nf4Bits/8) + s.other()*bf16
	}
	out.optimizer = s.adapter(l) * trained
	pair := 2 * tokens // the chosen and the rejected answer, each with its prompt
	perBlock := blockBytes * pair * s.Hidden
	out.activations = perBlock * s.Layers
	if l.GradientCheckpointing {
		out.activations = perBlock + s.Layers*pair*s.Hidden*bf16
	}
	out.logits = 2 * tokens * s.Vocabulary * 4 // of one answer at a time, with their gradient, in fp32
	out.cache = 2 * s.Layers * s.KeyValue * s.HeadDim * bf16 * tokens * int64(sequences)
	out.adapters = s.adapter(l) * bf16 * int64(loaded)
	return out
}

func (s sizes) training() int64 { return s.base + s.optimizer + s.activations + s.logits }
func (s sizes) serving() int64  { return s.base + s.cache + s.adapters }
