package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/propersim/propersim/internal/safetensors"
	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// LoraPolicy is the kind and version of an adapter of a language model, in
// manifests and in the capabilities of workers.
const LoraPolicy = "lora/1"

// loraConfig is what is checked of an adapter_config.json.
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

// CheckLora checks the files of a LoRA adapter against its manifest, in one reading.
// ErrInvalid for settings that differ from those in the manifest or name code to
// import, and for weights that are not exactly the factors of the named modules, of
// the rank, finite, and trained. ErrDataLoss for a file with another digest than the
// manifest says. open opens a file of the adapter; its errors are returned.
func CheckLora(m *trainerv1.Manifest, open func(name string) (*os.File, error)) error {
	if File(m, ConfigFile) == nil {
		return errs.Invalid("files", "have no %s, want one for a LoRA adapter", ConfigFile)
	}
	if err := checkOnce(m, ConfigFile, open, checkConfig); err != nil {
		return err
	}
	return checkOnce(m, ModelFile, open, checkFactors)
}

// checkOnce reads a file once, for a check and for its digest.
func checkOnce(m *trainerv1.Manifest, name string, open func(name string) (*os.File, error), check func(*trainerv1.Manifest, io.ReaderAt) error) error {
	f, err := open(name)
	if err != nil {
		return err
	}
	reader := &hashing{file: f, hash: sha256.New()}
	err = check(m, reader)
	if damaged := reader.finish(File(m, name)); damaged != nil {
		err = damaged // a damaged file says nothing about what was trained
	}
	return errors.Join(err, f.Close())
}

// checkConfig checks the settings of an adapter.
func checkConfig(m *trainerv1.Manifest, file io.ReaderAt) error {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, MaxConfigBytes))
	if err != nil {
		return err
	}
	var c loraConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return errs.Invalid(ConfigFile, "cannot be read: %v", err)
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

// checkFactors checks the weights of a LoRA adapter: factors of the named modules
// alone, in pairs, of the rank, all values finite, and some of every module's B
// not zero, as they all are before training.
func checkFactors(m *trainerv1.Manifest, model io.ReaderAt) error {
	f, err := safetensors.Open(model, File(m, ModelFile).GetSize())
	if err != nil {
		return err
	}
	want := m.GetHyperparameters().GetLora()
	squares := map[string]float64{} // of the B factors, by module name
	for _, t := range f.Tensors {
		module, factor, err := checkFactor(f, t, want)
		if err != nil {
			return err
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
			return errs.Invalid(ModelFile, "has nothing learned for the modules %s, want factors that are not all zero", module)
		}
	}
	return nil
}

// checkFactor checks the name and the shape of one factor.
func checkFactor(f *safetensors.File, t safetensors.Tensor, want *trainerv1.Lora) (module, factor string, err error) {
	parts := loraName.FindStringSubmatch(t.Name)
	if parts == nil || !slices.Contains(want.GetTargetModules(), parts[1]) {
		return "", "", errs.Invalid(ModelFile, "has the tensor %q, want factors of %v alone", t.Name, want.GetTargetModules())
	}
	module, factor = parts[1], parts[2]
	rankAt, other := 0, strings.TrimSuffix(t.Name, "A.weight")+"B.weight"
	if factor == "B" {
		rankAt, other = 1, strings.TrimSuffix(t.Name, "B.weight")+"A.weight"
	}
	if len(t.Shape) != 2 || t.Shape[rankAt] != int64(want.GetRank()) {
		return "", "", errs.Invalid(ModelFile, "%s has the shape %v, want rank %d", t.Name, t.Shape, want.GetRank())
	}
	if _, ok := f.Tensor(other); !ok {
		return "", "", errs.Invalid(ModelFile, "has %s, but not %s", t.Name, other)
	}
	return module, factor, nil
}
