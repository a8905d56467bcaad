package artifact

import (
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
)

// hashing reads a file from its begin to its end, and computes the digest of what
// was read.
type hashing struct {
	file *os.File
	hash hash.Hash
	at   int64
}

// ReadAt implements io.ReaderAt for readers that read in order. A reader that goes
// back or leaves something out gets an error: the digest would be another one.
func (h *hashing) ReadAt(p []byte, off int64) (int, error) {
	if off != h.at {
		return 0, fmt.Errorf("%s is read at %d, want %d: it is read once and in order", h.file.Name(), off, h.at)
	}
	n, err := h.file.ReadAt(p, off)
	h.hash.Write(p[:n])
	h.at += int64(n)
	return n, err
}

// finish reads what is left of the file and compares its digest with the manifest's.
// ErrDataLoss when they differ, or when the file cannot be read.
func (h *hashing) finish(want *trainerv1.ArtifactFile) error {
	if _, err := io.Copy(h.hash, io.NewSectionReader(h.file, h.at, want.GetSize()-h.at)); err != nil {
		return lost(h.file.Name(), "cannot be read: %v", err)
	}
	if got := hex.EncodeToString(h.hash.Sum(nil)); got != want.GetSha256() {
		return lost(h.file.Name(), "is damaged: its digest is %s, the manifest says %s", got, want.GetSha256())
	}
	return nil
}
