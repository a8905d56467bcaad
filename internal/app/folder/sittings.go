package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/propersim/propersim/internal/outfile"
)

// Sitting is one process that conducted the runs of a folder.
type Sitting struct {
	// Began is when it started.
	Began time.Time `json:"began"`
	// WallSeconds is how long it conducted, so far.
	WallSeconds float64 `json:"wall_seconds"`
	// Steps that it committed, sleeping ones included.
	Steps int64 `json:"steps"`
	// PeakRSSBytes is the greatest resident size of the process (getrusage).
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
}

func (f Folder) sittings() string { return f.path("state", "sittings.json") }

// Sittings returns the sittings so far, oldest first; none where nothing is
// recorded.
func (f Folder) Sittings() ([]Sitting, error) {
	data, err := os.ReadFile(f.sittings())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("run folder %s cannot be read: %w", f, cause(err))
	}
	var out []Sitting
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", f.sittings(), err)
	}
	return out, nil
}

// SaveSittings replaces the record of sittings as a whole.
func (f Folder) SaveSittings(all []Sitting) error {
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return outfile.WriteFile(f.sittings(), append(data, '\n'), 0o644)
}
