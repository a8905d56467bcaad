package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/propersim/propersim/internal/safetensors"
	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// checkResult decides whether a staged adapter may be published. An error that
// wraps errRejected says what makes it unfit; any other one is of reading it.
func (s *Server) checkResult(m *trainerv1.Manifest) error {
	if err := checkMetrics(m.GetMetrics()); err != nil {
		return err
	}
	model, err := s.store.OpenStaged(m, artifact.ModelFile)
	if err != nil {
		return err
	}
	defer func() { _ = model.Close() }() // only read
	if m.GetPolicy() == policy.Name {
		err = checkPolicy(m, model)
	} else {
		err = errors.Join(checkAccuracy(m.GetMetrics()), s.checkConfig(m), checkLora(m, model))
	}
	if errors.Is(err, errs.ErrInvalid) {
		return fmt.Errorf("%w: %w", errRejected, err)
	}
	return err
}

func checkMetrics(m *trainerv1.TrainingMetrics) error {
	for _, x := range []float64{m.GetLoss(), m.GetMargin(), m.GetAccuracy()} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: found loss %v, margin %v and accuracy %v, want finite numbers", errRejected, m.GetLoss(), m.GetMargin(), m.GetAccuracy())
		}
	}
	return nil
}

// checkAccuracy compares a training with guessing. It is for language models,
// whose training can go wrong without a sign: the embedded policy's cannot.
func checkAccuracy(m *trainerv1.TrainingMetrics) error {
	if m.GetAccuracy() <= 0.5 {
		return errs.Invalid("metrics.accuracy", "found %v after training, want more than 0.5", m.GetAccuracy())
	}
	return nil
}

// checkPolicy loads the weights of the embedded policy.
func checkPolicy(m *trainerv1.Manifest, model *os.File) error {
	if len(m.GetFiles()) != 1 {
		return errs.Invalid("files", "found %d, want %s alone for policy %s", len(m.GetFiles()), artifact.ModelFile, policy.Name)
	}
	weights, err := io.ReadAll(io.LimitReader(model, maxPolicyBytes))
	if err != nil {
		return err
	}
	_, err = policy.Load(weights)
	return err
}

// loraConfig is what the coordinator reads of an adapter_config.json.
type loraConfig struct {
	Type          string             `json:"peft_type"`
	Rank          int32              `json:"r"`
	Alpha         float64            `json:"lora_alpha"`
	Bias          string             `json:"bias"`
	TargetModules []string           `json:"target_modules"`
	ModulesToSave []string           `json:"modules_to_save"`
	AutoMapping   json.RawMessage    `json:"auto_mapping"`
	RankPattern   map[string]int     `json:"rank_pattern"`
	AlphaPattern  map[string]float64 `json:"alpha_pattern"`
}

// checkConfig compares adapter_config.json with the job's settings.
func (s *Server) checkConfig(m *trainerv1.Manifest) error {
	if artifact.File(m, artifact.ConfigFile) == nil {
		return errs.Invalid("files", "have no %s, want one for policy %s", artifact.ConfigFile, LoraPolicy)
	}
	f, err := s.store.OpenStaged(m, artifact.ConfigFile)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, artifact.MaxConfigBytes))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	var c loraConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return errs.Invalid(artifact.ConfigFile, "cannot be read: %v", err)
	}
	return c.check(m.GetHyperparameters().GetLora())
}

func (c *loraConfig) check(want *trainerv1.Lora) error {
	var faults errs.Violations
	if c.Type != "LORA" {
		faults.Add("peft_type", "found %q, want LORA", c.Type)
	}
	if c.Rank != want.GetRank() {
		faults.Add("r", "found %d, want %d", c.Rank, want.GetRank())
	}
	if c.Alpha != want.GetAlpha() {
		faults.Add("lora_alpha", "found %v, want %v", c.Alpha, want.GetAlpha())
	}
	if c.Bias != "" && c.Bias != "none" {
		faults.Add("bias", "found %q, want none", c.Bias)
	}
	if !sameSet(c.TargetModules, want.GetTargetModules()) {
		faults.Add("target_modules", "found %v, want %v", c.TargetModules, want.GetTargetModules())
	}
	if len(c.ModulesToSave) > 0 {
		faults.Add("modules_to_save", "found %v, want none", c.ModulesToSave)
	}
	if len(c.AutoMapping) > 0 && !bytes.Equal(c.AutoMapping, []byte("null")) {
		faults.Add("auto_mapping", "is present, want none: it names code to import")
	}
	if len(c.RankPattern)+len(c.AlphaPattern) > 0 {
		faults.Add("rank_pattern", "is present, or alpha_pattern is, want one rank and one alpha for all modules")
	}
	return faults.OrNil()
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// loraName is the name of a factor as PEFT saves it: the path of a module, its
// name, and which factor.
var loraName = regexp.MustCompile(`^base_model\.model\.[A-Za-z0-9_.]*?([A-Za-z0-9_]+)\.lora_([AB])\.weight$`)

// checkLora checks the weights of a LoRA adapter: factors of the named modules
// alone, in pairs, of the rank, all values finite, and some of every module's B
// not zero, as they are before training.
func checkLora(m *trainerv1.Manifest, model *os.File) error {
	f, err := safetensors.Open(model, artifact.File(m, artifact.ModelFile).GetSize())
	if err != nil {
		return err
	}
	want := m.GetHyperparameters().GetLora()
	bad := func(format string, args ...any) error {
		return errs.Invalid(artifact.ModelFile, format, args...)
	}
	squares := map[string]float64{} // of the B factors, by module name
	for _, t := range f.Tensors {
		parts := loraName.FindStringSubmatch(t.Name)
		if parts == nil || !slices.Contains(want.GetTargetModules(), parts[1]) {
			return bad("has the tensor %q, want factors of %v alone", t.Name, want.GetTargetModules())
		}
		module, factor := parts[1], parts[2]
		rankAt, other := 0, strings.TrimSuffix(t.Name, "A.weight")+"B.weight"
		if factor == "B" {
			rankAt, other = 1, strings.TrimSuffix(t.Name, "B.weight")+"A.weight"
		}
		if len(t.Shape) != 2 || t.Shape[rankAt] != int64(want.GetRank()) {
			return bad("%s has the shape %v, want rank %d", t.Name, t.Shape, want.GetRank())
		}
		if _, ok := f.Tensor(other); !ok {
			return bad("has %s, but not %s", t.Name, other)
		}
		sum, err := f.SquareSum(t)
		if err != nil {
			return err
		}
		if factor == "B" {
			squares[module] += sum
		}
	}
	for _, module := range want.GetTargetModules() {
		if squares[module] == 0 {
			return bad("has nothing learned for the modules %s, want factors that are not all zero", module)
		}
	}
	return nil
}
