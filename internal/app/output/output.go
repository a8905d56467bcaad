// Package output writes what an experiment leaves behind: metrics.json,
// report.html, steps.parquet and pairs.jsonl, in one pass over the journal with
// memory that does not grow with its length.
package output

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/pkg/analysis/report"
	"github.com/propersim/propersim/pkg/analysis/source"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

// Job says what to write and from what.
type Job struct {
	Folder folder.Folder
	Source source.Source
	// Program is what a shell needs to start this program again, such as "propersim".
	Program string
	// Where are the arguments by which its commands find the runs.
	Where []string
	// Config may be nil where it is not known.
	Config  *config.Loaded
	Version string
	// Timing may be nil.
	Timing *figures.Timing
	// ScoreSets is the folder of further score sets; empty for none.
	ScoreSets string
	// Steps asks for steps.parquet too.
	Steps bool
}

// Write writes metrics.json and report.html and, where asked, steps.parquet.
func (j Job) Write(ctx context.Context) (_ *figures.File, err error) {
	var steps *Steps
	if j.Steps {
		if steps, err = NewSteps(j.Folder.Steps()); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, steps.Abort()) }()
	}
	var uses figures.ModelUses
	runs, seen, err := j.fold(ctx, steps, &uses)
	if err != nil {
		return nil, err
	}
	if steps != nil {
		if err := steps.Close(); err != nil {
			return nil, err
		}
	}
	tree := map[string]any{}
	if j.Config != nil {
		tree = j.Config.Tree()
	}
	file := figures.NewFile(j.Version, tree, j.Timing, runs)
	file.Models = j.priced(uses.List())
	if file.Judges, err = j.judges(); err != nil {
		return nil, err
	}
	if err := file.Write(j.Folder.Metrics()); err != nil {
		return nil, err
	}
	return file, j.report(file, seen)
}

// seen is what the report shows of the steps of all runs.
type seen struct {
	moments []*report.Moments
	hours   []*report.Hours
}

// fold is the pass over the journal.
func (j Job) fold(ctx context.Context, steps *Steps, uses *figures.ModelUses) ([]figures.Run, seen, error) {
	recorded, err := j.Source.Runs(ctx)
	if err != nil {
		return nil, seen{}, err
	}
	runs := make([]figures.Run, 0, len(recorded))
	var out seen
	for _, run := range recorded {
		f, m, h := figures.NewFold(run), report.NewMoments(run), report.NewHours(run)
		took, err := timings(ctx, j.Source, run)
		if err != nil {
			return nil, seen{}, err
		}
		for e, err := range ahead(ctx, j.Source.Entries(ctx, run.GetId(), 0)) {
			if err != nil {
				return nil, seen{}, err
			}
			if err := errors.Join(f.Add(e), steps.Add(run, e)); err != nil {
				return nil, seen{}, err
			}
			m.Add(e)
			h.Add(e)
			took.add(e, uses)
			took.night(e, f)
		}
		runs = append(runs, f.Run())
		out.moments, out.hours = append(out.moments, m), append(out.hours, h)
	}
	return runs, out, nil
}

func (j Job) report(file *figures.File, steps seen) error {
	in := report.Input{
		Name: j.Folder.Name(), Program: j.Program, Where: j.Where, File: file,
		Best: report.Best(steps.moments, 10), Worst: report.Worst(steps.moments, 10), Hours: steps.hours,
	}
	in.Values = values(j.Config)
	return outfile.Replace(j.Folder.Report(), 0o644, func(w io.Writer) error { return report.Write(w, in) })
}

func values(c *config.Loaded) []report.Value {
	if c == nil {
		return nil
	}
	var out []report.Value
	for _, f := range c.Fields() {
		if !f.Secret {
			out = append(out, report.Value{Key: f.Key, Value: fmt.Sprint(f.Value()), Origin: c.Origin(f.Key)})
		}
	}
	return out
}

// rowGroup is the number of rows that are held in memory at a time.
const rowGroup = 32_768

// Steps writes steps.parquet: zstd, in row groups of rowGroup rows.
type Steps struct {
	path string
	file *outfile.File
	to   *parquet.GenericWriter[Row]
	rows []Row
}

// NewSteps begins to write the file, which Close puts in place.
func NewSteps(path string) (*Steps, error) {
	file, err := outfile.Create(path, 0o644)
	if err != nil {
		return nil, err
	}
	return &Steps{
		path: path, file: file, rows: make([]Row, 0, 1024),
		to: parquet.NewGenericWriter[Row](file, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup)),
	}, nil
}

// Add writes the step of an entry; nights are no rows. On nil it does nothing.
func (s *Steps) Add(run *environmentv1.Run, e *environmentv1.Entry) error {
	step := e.GetBody().GetStep()
	if s == nil || step == nil {
		return nil
	}
	s.rows = s.rows[:len(s.rows)+1]
	s.rows[len(s.rows)-1].fill(run, e.GetSequence(), step)
	if len(s.rows) < cap(s.rows) {
		return nil
	}
	return s.flush()
}

func (s *Steps) flush() error {
	if _, err := s.to.Write(s.rows); err != nil {
		return fmt.Errorf("%s cannot be written: %w", s.path, err)
	}
	s.rows = s.rows[:0]
	return nil
}

// Close finishes the file and puts it in place.
func (s *Steps) Close() error {
	if err := errors.Join(s.flush(), s.to.Close()); err != nil {
		return fmt.Errorf("%s cannot be written: %w", s.path, err)
	}
	return s.file.Commit()
}

// Abort gives up a file that was not closed; after Close it does nothing.
func (s *Steps) Abort() error { return s.file.Abort() }
