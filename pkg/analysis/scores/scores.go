// Package scores reads and writes score sets: what a judge thinks of recorded
// candidates, beside the scores of the runs themselves.
package scores

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/propersim/propersim/pkg/errs"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Criteria in the order of the contract.
var Criteria = []string{"preference", "timing", "frequency", "communication"}

// Verdicts are pass, fail or unjudged by criterion.
type Verdicts map[string]string

// Line is what a judge thinks of one recorded candidate: a line of a score set.
type Line struct {
	Run       string `json:"run"`
	Step      int32  `json:"step"`
	Candidate int    `json:"candidate"`
	// Judge says who judged, as role.Describe writes it.
	Judge    string   `json:"judge"`
	Verdicts Verdicts `json:"verdicts"`
	// Total is absent where a criterion is unjudged.
	Total *int32 `json:"total,omitempty"`
	// Recorded is the total of the run itself.
	Recorded *int32 `json:"recorded,omitempty"`
	// Exact are the verdicts of the exact judge.
	Exact Verdicts `json:"exact,omitempty"`
	// Repeat are the verdicts of the judge on being asked again; absent where it was
	// asked once.
	Repeat Verdicts `json:"repeat,omitempty"`
}

// VerdictsOf returns the verdicts of an evaluation.
func VerdictsOf(e *simv1.Evaluation) Verdicts {
	out := make(Verdicts)
	for _, v := range e.GetVerdicts() {
		out[strings.ToLower(strings.TrimPrefix(v.GetCriterion().String(), "CRITERION_"))] =
			strings.ToLower(strings.TrimPrefix(v.GetOutcome().String(), "OUTCOME_"))
	}
	return out
}

// grade returns 1 for a pass and 0 for a fail of a criterion.
func (v Verdicts) grade(criterion string) (int, bool) {
	switch v[criterion] {
	case "pass":
		return 1, true
	case "fail":
		return 0, true
	}
	return 0, false
}

// total returns the number of passes, where every criterion is judged.
func (v Verdicts) total() (sum int, judged bool) {
	for _, c := range Criteria {
		grade, known := v.grade(c)
		if !known {
			return 0, false
		}
		sum += grade
	}
	return sum, true
}

// Set is a score set.
type Set struct {
	// Name of the set: that of its file, without the ending.
	Name string
	// Judge is who judged every line, as role.Describe writes it.
	Judge string
	Lines []Line
}

// Read reads a score set. A line that is none, and lines of several judges, are an
// errs.ErrInvalid; fs.ErrNotExist where there is no file.
func Read(path string) (*Set, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("score set: %w", err)
	}
	defer file.Close()
	set := &Set{Name: strings.TrimSuffix(filepath.Base(path), ".jsonl")}
	lines := json.NewDecoder(bufio.NewReader(file))
	for number := 1; ; number++ {
		var line Line
		switch err := lines.Decode(&line); {
		case err == io.EOF:
			return set, nil
		case err != nil:
			return nil, fmt.Errorf("score set %s: line %d: %v: %w", path, number, err, errs.ErrInvalid)
		case line.Run == "" || len(line.Verdicts) == 0:
			return nil, fmt.Errorf("score set %s: line %d has no run or no verdicts: %w", path, number, errs.ErrInvalid)
		case number > 1 && line.Judge != set.Judge:
			return nil, fmt.Errorf("score set %s: line %d is of the judge %q, the lines before of %q: %w", path, number, line.Judge, set.Judge, errs.ErrInvalid)
		}
		set.Judge = line.Judge
		set.Lines = append(set.Lines, line)
	}
}

// ReadAll reads the score sets of a folder in the order of their names; none where
// the folder does not exist. The errors are those of Read.
func ReadAll(dir string) ([]*Set, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("score sets: %w", err)
	}
	slices.Sort(paths)
	var out []*Set
	for _, path := range paths {
		set, err := Read(path)
		if err != nil {
			return nil, err
		}
		out = append(out, set)
	}
	return out, nil
}
