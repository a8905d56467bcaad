package figures

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/propersim/propersim/pkg/errs"
)

// SchemaVersion of metrics.json; docs/metrics.schema.json describes it.
const SchemaVersion = 1

// File is metrics.json.
type File struct {
	SchemaVersion int `json:"schema_version"`
	// Version of the program that wrote the file.
	Version string `json:"version"`
	// Config holds the whole configuration of the experiment, nested by section.
	Config map[string]any `json:"config"`
	// Timing is that of the process that last conducted the runs; nil where it
	// is not known.
	Timing    *Timing   `json:"timing"`
	Runs      []Run     `json:"runs"`
	Aggregate Aggregate `json:"aggregate"`
	Failures  Failures  `json:"failures"`
}

// Timing says how long the conducting process took.
type Timing struct {
	// WallSeconds is from the first request to the last step.
	WallSeconds float64 `json:"wall_seconds"`
	// Steps committed by this process, sleeping ones included.
	Steps int64 `json:"steps"`
	// StepsPerSecond is their ratio.
	StepsPerSecond float64 `json:"steps_per_second"`
	// PeakRSSBytes is the greatest resident size of the process (getrusage).
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
}

// Failures counts all that went wrong.
type Failures struct {
	// UnjudgedSteps are waking steps without a score.
	UnjudgedSteps int `json:"unjudged_steps"`
	// FailedNights are trainings that failed, the run going on.
	FailedNights int `json:"failed_nights"`
	// FailedRuns stopped with a reason.
	FailedRuns int `json:"failed_runs"`
	// UnfinishedRuns are neither finished nor failed.
	UnfinishedRuns int `json:"unfinished_runs"`
}

// NewFile puts the runs and their aggregate together.
func NewFile(version string, config map[string]any, timing *Timing, runs []Run) *File {
	f := &File{
		SchemaVersion: SchemaVersion, Version: version, Config: config, Timing: timing,
		Runs: runs, Aggregate: AggregateRuns(runs),
	}
	for _, r := range runs {
		switch r.State {
		case "finished":
		case "failed":
			f.Failures.FailedRuns++
		default:
			f.Failures.UnfinishedRuns++
		}
		for _, d := range r.Days {
			f.Failures.UnjudgedSteps += d.Unjudged
			f.Failures.FailedNights += one(d.FailedNight != "")
		}
	}
	return f
}

// Write replaces the file at path as a whole.
func (f *File) Write(path string) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	aside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(aside, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := os.Rename(aside, path); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Read reads a file that Write wrote. A file of another schema is an
// errs.ErrInvalid.
func Read(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	f := new(File)
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("metrics: %s: %v: %w", path, err, errs.ErrInvalid)
	}
	if f.SchemaVersion != SchemaVersion {
		return nil, fmt.Errorf("metrics: %s has schema version %d, this program reads %d: %w", path, f.SchemaVersion, SchemaVersion, errs.ErrInvalid)
	}
	return f, nil
}
