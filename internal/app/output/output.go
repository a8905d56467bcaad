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

// Write writes metrics.json and report.html and, where asked, steps.parquet. They
// are put in place together: when one cannot be written, all stay as they were.
func (j Job) Write(ctx context.Context) (_ *figures.File, err error) {
	var files outfile.Set
	defer func() { err = errors.Join(err, files.Abort()) }()
	var steps *Steps
	if j.Steps {
		to, err := files.Create(j.Folder.Steps(), 0o644)
		if err != nil {
			return nil, err
		}
		steps = NewSteps(to)
	}
	metrics, err := files.Create(j.Folder.Metrics(), 0o644)
	if err != nil {
		return nil, err
	}
	page, err := files.Create(j.Folder.Report(), 0o644)
	if err != nil {
		return nil, err
	}
	var uses figures.ModelUses
	runs, seen, err := j.fold(ctx, steps, &uses)
	if err != nil {
		return nil, err
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
	if err := steps.Close(); err != nil {
		return nil, err
	}
	if err := file.Write(metrics); err != nil {
		return nil, err
	}
	if err := report.Write(page, j.page(file, seen)); err != nil {
		return nil, err
	}
	return file, files.Commit()
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

// page returns what the report shows.
func (j Job) page(file *figures.File, steps seen) report.Input {
	return report.Input{
		Name: j.Folder.Name(), Program: j.Program, Where: j.Where, File: file, Values: values(j.Config),
		Best: report.Best(steps.moments, 10), Worst: report.Worst(steps.moments, 10), Hours: steps.hours,
	}
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
	to   *parquet.GenericWriter[Row]
	rows []Row
}

// NewSteps begins to write the file, which Close ends.
func NewSteps(to io.Writer) *Steps {
	return &Steps{
		rows: make([]Row, 0, 1024),
		to:   parquet.NewGenericWriter[Row](to, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup)),
	}
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
	_, err := s.to.Write(s.rows)
	s.rows = s.rows[:0]
	return err
}

// Close writes the end of the file. On nil it does nothing.
func (s *Steps) Close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.flush(), s.to.Close())
}
