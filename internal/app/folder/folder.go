// Package folder is the run folder: where everything of an experiment lies, who
// may write there, and with which configuration it was made.
package folder

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/propersim/propersim/internal/app/config"
	"github.com/propersim/propersim/internal/outfile"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
)

// Folder is the path of a run folder.
type Folder string

// The files of a run folder.
func (f Folder) path(parts ...string) string {
	return filepath.Join(append([]string{string(f)}, parts...)...)
}

// Config returns the path of the configuration the folder was made with.
func (f Folder) Config() string { return f.path("config.yaml") }

// Metrics returns the path of metrics.json.
func (f Folder) Metrics() string { return f.path("metrics.json") }

// Report returns the path of report.html.
func (f Folder) Report() string { return f.path("report.html") }

// Steps returns the path of steps.parquet.
func (f Folder) Steps() string { return f.path("steps.parquet") }

// Pairs returns the path of pairs.jsonl.
func (f Folder) Pairs() string { return f.path("pairs.jsonl") }

// Journal returns the path of the journal where the configuration names none.
func (f Folder) Journal() string { return f.path("journal.db") }

// Name returns the last part of the path.
func (f Folder) Name() string {
	abs, err := filepath.Abs(string(f))
	if err != nil {
		return string(f)
	}
	return filepath.Base(abs)
}

// Store fills the places that a configuration leaves empty with those of the
// folder.
func (f Folder) Store(s config.Store) config.Store {
	fill := func(at *string, parts ...string) {
		if *at == "" {
			*at = f.path(parts...)
		}
	}
	fill(&s.Journal, "journal.db")
	fill(&s.Users, "state", "users.db")
	fill(&s.Buffer, "state", "buffer.db")
	fill(&s.Trainer, "state", "trainer.db")
	fill(&s.Adapters, "state", "adapters")
	fill(&s.Answers, "state", "answers.db")
	return s
}

// Make creates the folder and proves that it can be written.
func (f Folder) Make() error {
	if err := outfile.MkdirAll(f.path("state"), 0o755); err != nil {
		return fmt.Errorf("run folder %s cannot be made: %w", f, cause(err))
	}
	probe, err := os.CreateTemp(f.path("state"), ".probe-*")
	if err != nil {
		return fmt.Errorf("run folder %s cannot be written: %w", f, cause(err))
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// OpenLog opens the log of the services for appending: beside the live view
// there is no room for it.
func (f Folder) OpenLog() (*os.File, error) {
	file, err := os.OpenFile(f.path("state", "services.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run folder %s cannot be written: %w", f, cause(err))
	}
	return file, nil
}

// cause leaves out the path, which the message has said.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// own are the names of what commands write into a run folder.
var own = []string{
	"config.yaml", "state", "prompts", "scores", "journal.db", "metrics.json", "report.html",
	"steps.parquet", "pairs.jsonl", "pairs.parquet", "entries.jsonl",
}

// Foreign names what lies at the path and is not of a run folder: files that an
// experiment must not be mixed with. None where nothing is there. An error where
// the path cannot be read, or is no folder.
func (f Folder) Foreign() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("run folder %s cannot be read: %w", f, cause(err))
	}
	var out []string
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), "-wal"), "-shm")
		if target, left := outfile.TemporaryOf(name); left {
			name = target // a process was killed while it wrote the file
		}
		if !slices.Contains(own, name) && name != "lost+found" {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Fresh makes a folder that no other process has, at the path or, where that is
// taken, with a number behind it.
func Fresh(path string) (Folder, error) {
	if err := outfile.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("run folder %s cannot be made: %w", path, cause(err))
	}
	name := path
	for n := 2; ; n++ {
		err := os.Mkdir(name, 0o755)
		if err == nil {
			if err := outfile.SyncDir(filepath.Dir(name)); err != nil {
				return "", fmt.Errorf("run folder %s cannot be made: %w", name, cause(err))
			}
			return Folder(name), nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("run folder %s cannot be made: %w", name, cause(err))
		}
		name = fmt.Sprintf("%s-%d", path, n)
	}
}

// Used reports whether an experiment has been begun here.
func (f Folder) Used() bool {
	_, err := os.Stat(f.Config())
	return err == nil
}

// Save writes the configuration that the folder is made with, the name of its
// experiment (empty for a random one), and the part of it that is conducted here
// (empty for all).
func (f Folder) Save(c *config.Config, experiment, shard string) error {
	data, err := c.YAML()
	if err != nil {
		return err
	}
	// The id comes first: a folder with a configuration has one.
	id := cmp.Or(experiment, rand.Text())
	if err := outfile.WriteFile(f.path("state", "id"), []byte(id+"\n"), 0o644); err != nil {
		return err
	}
	if shard != "" {
		if err := outfile.WriteFile(f.path("state", "shard"), []byte(shard+"\n"), 0o644); err != nil {
			return err
		}
	}
	return outfile.WriteFile(f.Config(), data, 0o644)
}

// SavePrompts keeps the texts of the prompts that the folder's runs are made
// with, by name.
func (f Folder) SavePrompts(texts map[string]string) error {
	for name, text := range texts {
		at := f.path("prompts", filepath.FromSlash(name)+".tmpl")
		if err := outfile.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return fmt.Errorf("run folder %s: prompts: %w", f, cause(err))
		}
		if err := outfile.WriteFile(at, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Scores returns the path of a further score set.
func (f Folder) Scores(name string) string {
	return filepath.Join(f.ScoreSets(), filepath.Base(name)+".jsonl")
}

// ScoreSets returns the folder of the further score sets.
func (f Folder) ScoreSets() string { return f.path("scores") }

// Prompts returns the folder of the kept prompts; empty where none are kept.
func (f Folder) Prompts() string {
	at := f.path("prompts")
	if _, err := os.Stat(at); err != nil {
		return ""
	}
	return at
}

// ID returns the name of the folder's experiment, which decides no result and
// survives a move of the folder.
func (f Folder) ID() (string, error) {
	data, err := os.ReadFile(f.path("state", "id"))
	if err != nil {
		return "", fmt.Errorf("run folder %s has lost its id: %w", f, cause(err))
	}
	return strings.TrimSpace(string(data)), nil
}

// created is the file that keeps the days with which the runs were created, where
// they were extended since.
func (f Folder) created() string { return f.path("state", "created-days") }

// Extend records that the experiment of the folder has more days from now on.
func (f Folder) Extend(c *config.Config, days int) error {
	before, err := f.CreatedDays(c)
	if err != nil {
		return err
	}
	if err := outfile.WriteFile(f.created(), fmt.Appendf(nil, "%d\n", before), 0o644); err != nil {
		return err
	}
	longer := *c
	longer.Simulation.Days = days
	data, err := longer.YAML()
	if err != nil {
		return err
	}
	return outfile.WriteFile(f.Config(), data, 0o644)
}

// CreatedDays returns the days with which the runs of the folder were created,
// those of the configuration unless they were extended.
func (f Folder) CreatedDays(c *config.Config) (int, error) {
	data, err := os.ReadFile(f.created())
	if errors.Is(err, fs.ErrNotExist) {
		return c.Simulation.Days, nil
	}
	if err != nil {
		return 0, fmt.Errorf("run folder %s cannot be read: %w", f, cause(err))
	}
	days, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("%s is damaged: %w", f.created(), errs.ErrDataLoss)
	}
	return days, nil
}

// Shard returns the part of the experiment that is conducted here; empty for all.
func (f Folder) Shard() (string, error) {
	data, err := os.ReadFile(f.path("state", "shard"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("run folder %s cannot be read: %w", f, cause(err))
	}
	return strings.TrimSpace(string(data)), nil
}

// Load reads the configuration the folder was made with; from, weaker sources
// aside, may change what does not decide results. ErrNotFound where nothing was
// begun.
func (f Folder) Load(from config.Sources) (*config.Loaded, error) {
	if !f.Used() {
		return nil, fmt.Errorf("%s is not a run folder: it has no config.yaml: %w", f, errs.ErrNotFound)
	}
	from.File = f.Config()
	return config.Load(from)
}

// Differences describes the keys that decide results and differ between two
// configurations.
func Differences(a, b *config.Config) []string {
	left := make(map[string]any)
	for _, field := range a.Fields() {
		left[field.Key] = field.Value()
	}
	var out []string
	for key, value := range Changes(a, b) {
		out = append(out, fmt.Sprintf("%s is %v there and %v here", key, left[key], value))
	}
	slices.Sort(out)
	return out
}

// Changes returns the values of b, by key, of the keys that decide results and
// differ from those of a. config.Load takes each as it is.
func Changes(a, b *config.Config) map[string]string {
	right := make(map[string]any)
	for _, field := range b.Fields() {
		right[field.Key] = field.Value()
	}
	out := make(map[string]string)
	for _, field := range a.Fields() {
		if config.Decides(field.Key) && !same(field.Key, field.Value(), right[field.Key]) {
			out[field.Key] = fmt.Sprint(right[field.Key])
		}
	}
	return out
}

// same reports whether two values of a key mean the same: "1,2" and "1-2" are
// the same people, and the order of people and methods decides nothing.
func same(key string, a, b any) bool {
	left, right := fmt.Sprint(a), fmt.Sprint(b)
	if left == right {
		return true
	}
	switch key {
	case "simulation.personas":
		return slices.Equal(people(left), people(right))
	case "simulation.methods":
		return slices.Equal(sorted(strings.Split(left, ",")), sorted(strings.Split(right, ",")))
	}
	return false
}

// people expands a selector of people into a sorted list without repeats, in
// which a built-in person has its id. What is not about built-in people stays as
// it is written.
func people(selector string) []string {
	builtin, err := persona.Included()
	if err != nil {
		return []string{selector}
	}
	var out []string
	for part := range strings.SplitSeq(selector, ",") {
		part = strings.TrimSpace(part)
		chosen, err := persona.Select(part, builtin)
		if err != nil || strings.EqualFold(part, "all") { // all has those of files, too
			out = append(out, part)
			continue
		}
		for _, one := range chosen {
			out = append(out, one.Persona.GetId())
		}
	}
	return slices.Compact(sorted(out))
}

func sorted(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}
