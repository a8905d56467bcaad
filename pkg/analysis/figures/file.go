package figures

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/propersim/propersim/pkg/errs"
)

// SchemaVersion of metrics.json; docs/metrics.schema.json describes it.
const SchemaVersion = 2

// File is metrics.json.
type File struct {
	SchemaVersion int `json:"schema_version"`
	// Version of the program that wrote the file.
	Version string `json:"version"`
	// Config holds the whole configuration of the experiment, nested by section.
	Config map[string]any `json:"config"`
	// Timing is that of all processes that conducted the runs; nil where it is not
	// known.
	Timing    *Timing   `json:"timing"`
	Runs      []Run     `json:"runs"`
	Aggregate Aggregate `json:"aggregate"`
	Failures  Failures  `json:"failures"`
	// Models is what the calls to models used, by role; absent where there were none.
	Models []ModelUse `json:"models,omitempty"`
	// Judges are the judges of the score sets beside the journal, compared with the
	// exact judge; absent where there are no score sets.
	Judges []JudgeAgreement `json:"judges,omitempty"`
}

// Timing says how long conducting took, over all sittings: the processes that
// conducted the runs one after the other.
type Timing struct {
	// WallSeconds adds up the sittings, each from its first request to its last
	// step.
	WallSeconds float64 `json:"wall_seconds"`
	// Steps committed in all, sleeping ones included.
	Steps int64 `json:"steps"`
	// StepsPerSecond is the steps of the recorded sittings by their time: a sitting
	// that was killed in its first seconds is not recorded.
	StepsPerSecond float64 `json:"steps_per_second"`
	// PeakRSSBytes is the greatest resident size of a process (getrusage).
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	// Sittings counts the processes that committed steps.
	Sittings int `json:"sittings"`
	// This is the part of the process that wrote the file.
	This Sitting `json:"this"`
}

// Sitting is the part of one process.
type Sitting struct {
	// WallSeconds from its first request to its last step.
	WallSeconds float64 `json:"wall_seconds"`
	// Steps that it committed.
	Steps int64 `json:"steps"`
}

// Failures counts all that went wrong.
type Failures struct {
	// UnjudgedSteps are waking steps without a score.
	UnjudgedSteps int `json:"unjudged_steps"`
	// FailedCandidates are answers of the assistant that could not be read.
	FailedCandidates int `json:"failed_candidates"`
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
			f.Failures.FailedCandidates += d.Counts.FailedCandidates
			f.Failures.FailedNights += one(d.FailedNight != "")
		}
	}
	return f
}

// Write writes the file as JSON.
func (f *File) Write(w io.Writer) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	_, err = w.Write(append(data, '\n'))
	return err
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
