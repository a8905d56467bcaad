package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/output"
	"github.com/propersim/propersim/internal/loopback"
	"github.com/propersim/propersim/pkg/analysis/figures"
)

// call runs a command line.
func call(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Main(t.Context(), cli.Program{Version: "test"}, args, &o, &e)
	return code, o.String(), e.String()
}

// must runs a command line that succeeds.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := call(t, args...)
	require.Equal(t, 0, code, "%s\n%s", out, errOut)
	return out
}

// small is an experiment that takes little time.
func small(out string, more ...string) []string {
	return append([]string{"simulate", "--personas", "1-2", "--days", "2", "--step", "15m", "--out", out}, more...)
}

// hashes reads the final hash of every run.
func hashes(t *testing.T, dir string) map[string]string {
	t.Helper()
	file, err := figures.Read(filepath.Join(dir, "metrics.json"))
	require.NoError(t, err)
	got := make(map[string]string)
	for _, r := range file.Runs {
		got[r.Persona+"/"+r.Method] = r.FinalHash
	}
	return got
}

func TestSimulate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	out := must(t, small(dir, "--method", "proper,silent")...)
	require.Contains(t, out, "MEAN SCORE")
	require.Contains(t, out, "report.html")

	t.Run("files", func(t *testing.T) {
		for _, name := range []string{"journal.db", "report.html", "metrics.json", "steps.parquet", "pairs.jsonl", "config.yaml"} {
			info, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			require.NotZero(t, info.Size(), name)
		}
	})
	t.Run("metrics follow the schema", func(t *testing.T) {
		schema, err := jsonschema.NewCompiler().Compile("../../../docs/metrics.schema.json")
		require.NoError(t, err)
		data, err := os.ReadFile(filepath.Join(dir, "metrics.json"))
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(value))
		file, err := figures.Read(filepath.Join(dir, "metrics.json"))
		require.NoError(t, err)
		require.Len(t, file.Runs, 4)
		require.Equal(t, int64(4*2*96), file.Timing.Steps)
		require.Equal(t, figures.Failures{}, file.Failures)
	})
	t.Run("steps", func(t *testing.T) {
		rows, err := parquet.ReadFile[output.Row](filepath.Join(dir, "steps.parquet"))
		require.NoError(t, err)
		require.Len(t, rows, 4*2*96)
		for _, r := range rows {
			require.Equal(t, r.Asleep, r.Total == nil)
		}
	})
	t.Run("pairs are conversational", func(t *testing.T) {
		data, err := os.ReadFile(filepath.Join(dir, "pairs.jsonl"))
		require.NoError(t, err)
		for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
			var pair struct {
				Prompt, Chosen, Rejected []struct{ Role, Content string }
			}
			require.NoError(t, json.Unmarshal([]byte(line), &pair))
			require.NotEmpty(t, pair.Prompt)
			require.Equal(t, "assistant", pair.Chosen[0].Role)
			require.NotEmpty(t, pair.Rejected[0].Content)
		}
	})
	t.Run("the same seed gives the same hashes at any parallelism", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "b")
		must(t, small(other, "--method", "proper,silent", "--parallel", "1")...)
		require.Equal(t, hashes(t, dir), hashes(t, other))
	})
	t.Run("a used folder is refused", func(t *testing.T) {
		code, _, errOut := call(t, small(dir, "--method", "proper,silent")...)
		require.Equal(t, 2, code)
		require.Contains(t, errOut, "propersim resume")
		code, _, errOut = call(t, small(dir, "--seed", "9")...)
		require.Equal(t, 2, code)
		require.Contains(t, errOut, "simulation.seeds is 1 there and 9 here")
	})
	t.Run("resume of a finished folder changes nothing", func(t *testing.T) {
		before := hashes(t, dir)
		must(t, "resume", dir)
		require.Equal(t, before, hashes(t, dir))
		code, _, errOut := call(t, "resume", dir, "--set", "simulation.world=office")
		require.Equal(t, 2, code)
		require.Contains(t, errOut, "configuration differs")
	})
	t.Run("replay verifies", func(t *testing.T) {
		var results []struct {
			Fault   string
			Entries int
			Buffer  bool `json:"buffer_compared"`
			Metrics bool `json:"metrics_compared"`
		}
		require.NoError(t, json.Unmarshal([]byte(must(t, "replay", "--verify", "--json", dir)), &results))
		require.Len(t, results, 4)
		for _, r := range results {
			require.Empty(t, r.Fault)
			require.True(t, r.Buffer && r.Metrics)
		}
	})
	t.Run("looking into runs", func(t *testing.T) {
		var runs []struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(must(t, "runs", "ls", dir, "--json")), &runs))
		require.Len(t, runs, 4)
		id := runs[0].ID
		require.Contains(t, must(t, "runs", "show", dir, id), "MEAN SCORE")
		require.Equal(t, 3, strings.Count(must(t, "runs", "steps", dir, id, "--from", "40", "--limit", "3"), "\n"))
		require.Contains(t, must(t, "runs", "step", dir, id, "60"), "candidate 0, delivered")
		require.Equal(t, must(t, "runs", "show", dir, id), must(t, "runs", "show", dir, id[:len(id)-1]), "a beginning is enough")
		code, _, errOut := call(t, "runs", "show", dir, id[1:])
		require.Equal(t, 1, code)
		require.Contains(t, errOut, id, "the nearest run is named")
		require.NotContains(t, errOut, "not found", "no internal tail")
		code, _, errOut = call(t, "runs", "show", dir)
		require.Equal(t, 2, code)
		require.Contains(t, errOut, "there are 4 runs", "a name is needed")
		code, _, _ = call(t, "runs", "step", dir, id, "99999")
		require.Equal(t, 1, code)
	})
	t.Run("compare", func(t *testing.T) {
		require.Contains(t, must(t, "compare", dir+":proper", dir+":silent", "--days", "2"), "mean score")
		code, _, errOut := call(t, "compare", dir, dir)
		require.Equal(t, 2, code)
		require.Contains(t, errOut, "say which")
		code, _, errOut = call(t, "compare", dir+":propper", dir+":silent")
		require.Equal(t, 2, code)
		require.Contains(t, errOut, `did you mean "proper"`)
		// The figures of an earlier version name no judge.
		raw, err := os.ReadFile(filepath.Join(dir, "metrics.json"))
		require.NoError(t, err)
		old := filepath.Join(t.TempDir(), "old.json")
		require.NoError(t, os.WriteFile(old, regexp.MustCompile(`"judge": *"exact"`).ReplaceAll(raw, []byte(`"judge": ""`)), 0o600))
		code, _, errOut = call(t, "compare", dir+":proper", old+":proper")
		require.Equal(t, 2, code)
		require.Contains(t, errOut, "the metrics.json of "+old+":proper is from a version that recorded no judge: `propersim report DIR`")
	})
	t.Run("export", func(t *testing.T) {
		for _, args := range [][]string{{"pairs", "--format", "parquet"}, {"steps"}, {"entries"}} {
			to := filepath.Join(t.TempDir(), "out")
			must(t, append(append([]string{"export", dir}, args...), "--out", to)...)
			info, err := os.Stat(to)
			require.NoError(t, err)
			require.NotZero(t, info.Size())
		}
	})
	t.Run("report", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(dir, "report.html")))
		before := hashes(t, dir)
		must(t, "report", dir)
		require.Equal(t, before, hashes(t, dir))
		require.FileExists(t, filepath.Join(dir, "report.html"))
	})
	t.Run("one wrong byte is found", func(t *testing.T) {
		corrupt(t, dir)
	})
}

// corrupt changes one byte of the journal's bodies and expects replay to name
// the step.
func corrupt(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "journal.db")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.LastIndex(data, []byte("not among the liked topics"))
	require.Positive(t, at)
	data[at] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o644))
	code, out, errOut := call(t, "replay", "--verify", dir)
	require.Equal(t, 1, code, out)
	require.Regexp(t, `step \d+ of run`, out)
	require.Contains(t, errOut, "1 of 4 runs")
}

// late cancels its context when the first line of progress is written.
type late struct {
	sync.Mutex
	bytes.Buffer
	cancel context.CancelFunc
}

func (l *late) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	l.cancel()
	return l.Buffer.Write(p)
}

// interrupted starts an experiment and interrupts it. It returns the folder, the
// number of days, and what was said on standard error. The days double until the
// interruption comes before the end.
func interrupted(t *testing.T, program cli.Program) (dir string, days int, said string) {
	t.Helper()
	for days = 4; ; days *= 2 {
		dir = filepath.Join(t.TempDir(), "cut")
		if said, cut := interruptedCall(t, program, small(dir, "--days", strconv.Itoa(days))...); cut {
			return dir, days, said
		}
	}
}

// interruptedCall runs a command line and interrupts it soon after its first words on
// standard error. It reports whether that came before the end.
func interruptedCall(t *testing.T, program cli.Program, args ...string) (said string, cut bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errOut := &late{cancel: func() { time.AfterFunc(50*time.Millisecond, cancel) }}
	code := cli.Main(ctx, program, args, io.Discard, errOut)
	require.Contains(t, []int{0, 130}, code, errOut.String())
	return errOut.String(), code != 0
}

func TestAnInterruptedRunGoesOn(t *testing.T) {
	cut, days, said := interrupted(t, cli.Program{Version: "test"})
	require.Contains(t, said, "propersim resume "+cut)
	must(t, "resume", cut)
	whole := filepath.Join(t.TempDir(), "whole")
	must(t, small(whole, "--days", strconv.Itoa(days))...)
	require.Equal(t, hashes(t, whole), hashes(t, cut))
}

func TestExitCodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for name, c := range map[string]struct {
		args  []string
		code  int
		words string
	}{
		"version":              {[]string{"version"}, 0, ""},
		"help":                 {[]string{"--help"}, 0, ""},
		"unknown command":      {[]string{"simulat"}, 2, `did you mean "propersim simulate"?`},
		"unknown flag":         {[]string{"simulate", "--dys", "3"}, 2, "--dys"},
		"too many arguments":   {[]string{"compare", "a"}, 2, "want 2"},
		"too few arguments":    {[]string{"log-level"}, 2, "found 0 arguments, want 1 to 2"},
		"no argument at all":   {[]string{"persona", "validate"}, 2, "found 0 arguments, want at least 1"},
		"no such port":         {[]string{"health", "127.0.0.1:99999"}, 2, `found "127.0.0.1:99999", want host:port`},
		"no such format":       {[]string{"export", "a", "pairs", "--format", "csv"}, 2, "pairs are written as jsonl or parquet"},
		"no level to be had":   {[]string{"log-level", "127.0.0.1:1"}, 1, "cannot connect to 127.0.0.1:1: connection refused"},
		"a secret without end": {[]string{"token", "show", "/dev/zero"}, 1, "too large"},
		"unknown key":          {[]string{"simulate", "--set", "simulation.dais=3"}, 2, "did you mean"},
		"impossible value":     {[]string{"simulate", "--days", "0"}, 2, "simulation.days"},
		"an empty folder":      {[]string{"simulate", "--personas", "1", "--out", ""}, 2, "--out: is empty"},
		"an empty address":     {[]string{"simulate", "--personas", "1", "--user-address="}, 2, "--user-address: is empty"},
		"unknown method":       {[]string{"simulate", "--method", "propper"}, 2, `did you mean "proper"`},
		"no such persona":      {[]string{"simulate", "--personas", "99", "--out", filepath.Join(t.TempDir(), "x")}, 2, "99"},
		"not a folder":         {[]string{"simulate", "--personas", "1", "--out", filepath.Join(file, "x")}, 2, "cannot be read"},
		"no run folder":        {[]string{"resume", t.TempDir()}, 2, "not a run folder"},
		"no folder":            {[]string{"runs", "ls", filepath.Join(t.TempDir(), "none")}, 1, "there is no folder"},
		"no journal":           {[]string{"replay", "--verify", t.TempDir()}, 1, "journal: no database at"},
		"no such service":      {[]string{"serve", "enviroment"}, 2, `did you mean "environment"`},
		"days that are not":    {[]string{"compare", "a", "b", "--days", "0"}, 2, "days from 1 on"},
		"impossible days":      {[]string{"compare", "a", "b", "--days", "3-1"}, 2, "3-1"},
		"unknown export":       {[]string{"export", "a", "nothing"}, 2, "pairs, steps or entries"},
		"nobody listens":       {[]string{"runs", "ls", "--address", "127.0.0.1:1"}, 1, ""},
		"add, but where":       {[]string{"persona", "add", file}, 2, "--address"},
		"not a persona":        {[]string{"persona", "validate", file}, 1, "not valid"},
		"unknown persona":      {[]string{"persona", "show", "nobody"}, 1, "nobody"},
		"set without a value":  {[]string{"config", "show", "--set", "x"}, 2, "key=value"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := call(t, c.args...)
			require.Equal(t, c.code, code, errOut)
			require.Contains(t, errOut, c.words)
		})
	}
}

func TestOneFolderOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address := loopback.Address(t)
	done := make(chan int)
	go func() {
		done <- cli.Main(ctx, cli.Program{Version: "test"}, []string{"serve", "user", "--data", dir, "--address", address}, &bytes.Buffer{}, &bytes.Buffer{})
	}()
	require.Eventually(t, func() bool {
		code, _, _ := call(t, "persona", "ls", "--address", address)
		return code == 0
	}, time.Minute, 50*time.Millisecond)
	code, _, errOut := call(t, small(dir)...)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "in use by process")
	code, _, errOut = call(t, "serve", "retrieval", "--address", address)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, address, "the taken address is named")
	cancel()
	require.Equal(t, 0, <-done)
}

func TestSeveralBuffersMayShareOneFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, folder.Folder(dir).Make())
	release, err := folder.Folder(dir).Lock("buffer")
	require.NoError(t, err)
	defer release()
	code, _, errOut := call(t, "serve", "buffer", "--data", dir)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "in use by process", "SQLite belongs to one")
	code, _, errOut = call(t, "serve", "buffer", "--data", dir, "--set", "store.buffer=postgres://nobody@127.0.0.1:1/none?connect_timeout=1")
	require.Equal(t, 1, code)
	require.NotContains(t, errOut, "in use by process", "on PostgreSQL there is nothing in the folder")
	require.Contains(t, errOut, "127.0.0.1")
}

func TestPersonas(t *testing.T) {
	require.Equal(t, 65, strings.Count(must(t, "persona", "ls"), "\n"))
	yaml := filepath.Join(t.TempDir(), "me.yaml")
	shown := must(t, "persona", "show", "7")
	require.NoError(t, os.WriteFile(yaml, []byte(strings.Replace(shown, "name: ", "name: Another ", 1)), 0o644))
	require.Contains(t, must(t, "persona", "validate", yaml), "valid")
	require.Contains(t, must(t, "persona", "compile", yaml), "Wanted:")
	data := t.TempDir()
	require.Contains(t, must(t, "persona", "add", yaml, "--data", data), "stored as another")
	require.Equal(t, 66, strings.Count(must(t, "persona", "ls", "--data", data), "\n"))
}

func TestConfigShow(t *testing.T) {
	t.Setenv("PROPERSIM_SIMULATION_DAYS", "3")
	out := must(t, "config", "show", "--set", "trainer.beta=0.3")
	require.Regexp(t, `simulation\.days +3 +variable PROPERSIM_SIMULATION_DAYS`, out)
	require.Regexp(t, `trainer\.beta +0\.3 +--set`, out)
	var values []struct{ Key, Origin string }
	require.NoError(t, json.Unmarshal([]byte(must(t, "config", "show", "--json")), &values))
	require.Greater(t, len(values), 40)
}

func TestDoctor(t *testing.T) {
	require.Contains(t, must(t, "doctor", "--data", t.TempDir()), "32 built-in personas")
	code, _, errOut := call(t, "doctor", "--data", t.TempDir(), "--set", "connect.user=127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "failed")
}
