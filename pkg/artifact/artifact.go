// Package artifact keeps adapters as immutable, content-addressed folders and
// carries them over streams in bounded memory. The trainer, the node agent and
// whoever loads an adapter use it. Nothing that it reads is trusted: names,
// sizes, digests, the order of chunks and the kind of every file are checked.
package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// Files of an adapter's folder. Nothing else is accepted.
const (
	// ManifestFile is the manifest as JSON; it is written last.
	ManifestFile = "manifest.json"
	// ModelFile has the weights, in the safetensors format.
	ModelFile = "adapter_model.safetensors"
	// ConfigFile describes a LoRA adapter, as PEFT writes it; optional.
	ConfigFile = "adapter_config.json"
)

// Limits of an adapter's files, bytes.
const (
	// ChunkBytes is the greatest length of a chunk.
	ChunkBytes = 1 << 20
	// MaxModelBytes is the greatest length of a ModelFile. Rank 16 on a model with
	// 70 billion parameters takes 0.4 GB.
	MaxModelBytes = 16 << 30
	// MaxConfigBytes is the greatest length of a ConfigFile.
	MaxConfigBytes = 1 << 20
)

var (
	hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)
	maxBytes  = map[string]int64{ModelFile: MaxModelBytes, ConfigFile: MaxConfigBytes}
)

// ID returns the content address of an adapter: SHA-256 over the deterministic
// marshalling of its manifest without id, hexadecimal.
func ID(m *trainerv1.Manifest) (string, error) {
	bare := proto.CloneOf(m)
	bare.Id = ""
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(bare)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

// CheckFiles returns Violations for a list of files that is no adapter: a name
// other than ModelFile and ConfigFile, a repeated one, no ModelFile, files not in
// ascending order of their names, a size out of range, a digest that is not
// SHA-256 in lower-case hexadecimal.
func CheckFiles(files []*trainerv1.ArtifactFile) error {
	var faults errs.Violations
	last, hasModel := "", false
	for i, f := range files {
		field := "files[" + strconv.Itoa(i) + "]."
		limit, known := maxBytes[f.GetName()]
		switch {
		case !known:
			faults.Add(field+"name", "found %q, want %s or %s", f.GetName(), ConfigFile, ModelFile)
		case f.GetName() == last:
			faults.Add(field+"name", "found %q twice", last)
		case f.GetName() < last:
			faults.Add(field+"name", "found %q after %q, want ascending names", f.GetName(), last)
		}
		if known && (f.GetSize() < 1 || f.GetSize() > limit) {
			faults.Add(field+"size", "found %d, want 1 to %d", f.GetSize(), limit)
		}
		if !hexDigest.MatchString(f.GetSha256()) {
			faults.Add(field+"sha256", "found %q, want 64 hexadecimal digits in lower case", f.GetSha256())
		}
		last, hasModel = f.GetName(), hasModel || f.GetName() == ModelFile
	}
	if !hasModel {
		faults.Add("files", "have no %s", ModelFile)
	}
	return faults.OrNil()
}

// File returns the entry of a manifest for a file; nil when it has none.
func File(m *trainerv1.Manifest, name string) *trainerv1.ArtifactFile {
	for _, f := range m.GetFiles() {
		if f.GetName() == name {
			return f
		}
	}
	return nil
}

// Describe returns the entry of a manifest for a file with this content.
func Describe(name string, content []byte) *trainerv1.ArtifactFile {
	sum := sha256.Sum256(content)
	return &trainerv1.ArtifactFile{Name: name, Size: int64(len(content)), Sha256: hex.EncodeToString(sum[:])}
}
