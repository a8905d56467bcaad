package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/services/buffer"
)

// runOf returns the id of a run of a folder by the method that the table names.
func runOf(t *testing.T, dir, method string) string {
	t.Helper()
	for line := range strings.Lines(must(t, "runs", "ls", dir)) {
		if fields := strings.Fields(line); fields[2] == method {
			return fields[0]
		}
	}
	t.Fatalf("no run with method %s", method)
	return ""
}

func TestAForkGoesOnWithOtherSettingsUnderItsOwnName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "2", "--step", "15m", "--out", dir)
	before := hashes(t, dir)
	parent := runOf(t, dir, "proper")
	out := must(t, "runs", "fork", dir, parent, "--at", "100", "--set", "simulation.methods=constant")
	require.Contains(t, out, "constant@100")
	after := hashes(t, dir)
	require.Len(t, after, 2)
	require.Equal(t, before["adaeze-okonkwo/proper"], after["adaeze-okonkwo/proper"], "the parent stays as it is")

	fork := runOf(t, dir, "constant@100")
	steps := func(id string, more ...string) string {
		return must(t, append([]string{"runs", "steps", dir, id, "--limit", "0"}, more...)...)
	}
	// Entries up to step 100: 101 steps and the night after day 1.
	require.Equal(t, strings.SplitAfterN(steps(parent), "\n", 103)[:102], strings.SplitAfterN(steps(fork), "\n", 103)[:102])
	require.NotEqual(t, steps(parent, "--from", "101"), steps(fork, "--from", "101"))
	require.Contains(t, must(t, "runs", "show", dir, fork), "fork constant@100 of "+parent+" at step 100, with simulation.methods=constant")
	require.Contains(t, must(t, "compare", dir+":proper", dir+":constant@100"), "(constant@100)")
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), "constant@100")
	must(t, "replay", "--verify", dir)

	t.Run("the same command again makes no second fork", func(t *testing.T) {
		must(t, "runs", "fork", dir, parent, "--at", "100", "--set", "simulation.methods=constant")
		require.Equal(t, after, hashes(t, dir))
	})
	t.Run("resume keeps it in the outputs", func(t *testing.T) {
		must(t, "resume", dir)
		require.Equal(t, after, hashes(t, dir))
	})
	t.Run("a fork of the fork keeps its settings", func(t *testing.T) {
		out := must(t, "runs", "fork", dir, fork, "--at", "150", "--set", "simulation.constant_per_hour=3", "--name", "often")
		require.Contains(t, out, "often")
		shown := must(t, "runs", "show", dir, runOf(t, dir, "often"))
		require.Contains(t, shown, "with method constant")
		require.Contains(t, shown, "simulation.constant_per_hour=3, simulation.methods=constant")
		must(t, "replay", "--verify", dir)
	})
}

func TestAForkThatCannotBeIsRefusedAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "2", "--step", "15m", "--out", dir)
	parent := runOf(t, dir, "proper")
	must(t, "runs", "fork", dir, parent, "--at", "100", "--set", "trainer.beta=0.2", "--name", "sharp")
	before := contents(t, dir)
	for name, c := range map[string]struct {
		args  []string
		words string
	}{
		"no step":                 {[]string{"--set", "trainer.beta=0.2"}, "--at: want the last step"},
		"a step outside the run":  {[]string{"--at", "192"}, "--at: found 192, want a step from 0 to 191"},
		"an unknown key":          {[]string{"--at", "100", "--set", "trainer.betta=1"}, `did you mean "trainer.beta"?`},
		"an unknown other key":    {[]string{"--at", "100", "--set", "log.levl=debug"}, `did you mean "log.level"?`},
		"an unknown method":       {[]string{"--at", "100", "--set", "simulation.methods=constnt"}, `did you mean "constant"?`},
		"two methods":             {[]string{"--at", "100", "--set", "simulation.methods=ar,ars"}, "simulation.methods: found 2 methods, want one"},
		"two seeds":               {[]string{"--at", "100", "--set", "simulation.seeds=1-2"}, "simulation.seeds: found 2 seeds, want one"},
		"one candidate":           {[]string{"--at", "100", "--set", "simulation.candidates=1"}, "simulation.candidates: found 1, want 2 or more"},
		"a rate for silence":      {[]string{"--at", "100", "--set", "simulation.methods=silent", "--set", "simulation.constant_per_hour=2"}, "simulation.constant_per_hour: is for methods that are told a rate"},
		"an end before the fork":  {[]string{"--at", "100", "--set", "simulation.days=1"}, "simulation.days: found 1, want at least 2"},
		"another person":          {[]string{"--at", "100", "--set", "simulation.personas=2"}, "simulation.personas: cannot be changed by a fork"},
		"another step":            {[]string{"--at", "100", "--set", "simulation.step=30m"}, "simulation.step: cannot be changed by a fork"},
		"other backends":          {[]string{"--at", "100", "--set", "backends.index=qdrant", "--set", "qdrant.address=127.0.0.1:1"}, "backends.index: cannot be changed by a fork"},
		"the name of a method":    {[]string{"--at", "100", "--name", "proper"}, `--name: found "proper", the name of a method`},
		"a name for the terminal": {[]string{"--at", "100", "--name", "a\u202eb"}, "--name: found"},
		"a name that is taken":    {[]string{"--at", "100", "--set", "trainer.beta=0.3", "--name", "sharp"}, `--name: "sharp" is a fork at step 100 with trainer.beta=0.2`},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := call(t, append([]string{"runs", "fork", dir, parent}, c.args...)...)
			require.Equal(t, 2, code, errOut)
			require.Contains(t, errOut, c.words)
		})
	}
	require.Equal(t, before, contents(t, dir), "nothing was written")
	for name, c := range map[string]struct {
		args  []string
		words string
	}{
		"an unknown run":    {[]string{"runs", "fork", dir, "zoe", "--at", "1"}, `there is no run "zoe"`},
		"no folder of runs": {[]string{"runs", "fork", t.TempDir(), "--at", "1"}, "is not a run folder"},
		"a service":         {[]string{"runs", "fork", dir, "--at", "1", "--address", "127.0.0.1:7070"}, "ForkRun"},
		"nothing":           {[]string{"runs", "fork"}, "arg"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := call(t, c.args...)
			require.Equal(t, 2, code, errOut)
			require.Contains(t, errOut, c.words)
		})
	}
	require.Equal(t, before, contents(t, dir), "nothing was written")
}

// TestAForkIsTrainedOnlyOnPairsWithAPrompt: constant has no policy, so that nothing
// can be trained on its pairs; a silent run has no pairs.
func TestAForkIsTrainedOnlyOnPairsWithAPrompt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "2", "--step", "15m", "--method", "constant,silent", "--set", "simulation.constant_per_hour=4", "--out", dir)
	constant, silent := runOf(t, dir, "constant"), runOf(t, dir, "silent")
	must(t, "runs", "fork", dir, constant, "--at", "95", "--set", "simulation.methods=ar")
	before := contents(t, dir)
	for _, run := range []string{constant, runOf(t, dir, "ar@95")} { // the fork shares the pairs of its parent
		code, _, errOut := call(t, "runs", "fork", dir, run, "--at", "120", "--set", "simulation.methods=proper")
		require.Equal(t, 2, code, errOut)
		require.Contains(t, errOut, `simulation.methods: found "proper", which is trained on the pairs of all steps: the pair of step`)
	}
	require.Equal(t, before, contents(t, dir), "nothing was written")
	must(t, "runs", "fork", dir, silent, "--at", "95", "--set", "simulation.methods=proper")
	must(t, "replay", "--verify", dir)
}

// TestForksAreLengthenedWithTheirExperiment: they end with the hash of a fork of an
// experiment that was as long from the start. A fork with days of its own keeps them.
func TestForksAreLengthenedWithTheirExperiment(t *testing.T) {
	grown, long := filepath.Join(t.TempDir(), "grown"), filepath.Join(t.TempDir(), "long")
	fork := func(dir string, more ...string) {
		must(t, append([]string{"runs", "fork", dir, runOf(t, dir, "proper"), "--at", "100", "--set", "simulation.methods=proper", "--set", "trainer.beta=0.2"}, more...)...)
	}
	must(t, "simulate", "--personas", "1", "--days", "2", "--step", "15m", "--out", grown)
	fork(grown, "--name", "sharp")
	fork(grown, "--name", "brief", "--set", "simulation.days=3")
	code, _, errOut := call(t, "resume", grown, "--days", "4")
	require.Equal(t, 0, code, errOut)
	require.Contains(t, errOut, "The fork brief keeps its 3 days")

	must(t, "simulate", "--personas", "1", "--days", "4", "--step", "15m", "--out", long)
	fork(long, "--name", "sharp")
	got, want := hashes(t, grown), hashes(t, long)
	require.Len(t, got, 3)
	require.Equal(t, want["adaeze-okonkwo/proper"], got["adaeze-okonkwo/proper"])
	require.Equal(t, want["adaeze-okonkwo/sharp"], got["adaeze-okonkwo/sharp"])
	must(t, "replay", "--verify", grown)
	must(t, "resume", grown)
	fork(grown, "--name", "sharp") // the same fork as before
	require.Equal(t, got, hashes(t, grown))
}

// TestAnUnfinishedForkIsLengthenedWithItsExperiment: a fork that was interrupted ends
// with the hash of a fork of an experiment that was as long from the start.
func TestAnUnfinishedForkIsLengthenedWithItsExperiment(t *testing.T) {
	forking := func(dir string) []string {
		return []string{"runs", "fork", dir, runOf(t, dir, "proper"), "--at", "100", "--set", "simulation.methods=proper", "--set", "trainer.beta=0.2", "--name", "sharp"}
	}
	var cut string
	days := 8
	for ; ; days *= 2 { // until the interruption comes before the end
		cut = filepath.Join(t.TempDir(), "cut")
		must(t, "simulate", "--personas", "1", "--days", strconv.Itoa(days), "--step", "15m", "--out", cut)
		if _, early := interruptedCall(t, cli.Program{Version: "test"}, forking(cut)...); early {
			break
		}
	}
	longer := strconv.Itoa(days + 2)
	must(t, "resume", cut, "--days", longer)
	whole := filepath.Join(t.TempDir(), "whole")
	must(t, "simulate", "--personas", "1", "--days", longer, "--step", "15m", "--out", whole)
	must(t, forking(whole)...)
	require.Len(t, hashes(t, cut), 2)
	require.Equal(t, hashes(t, whole), hashes(t, cut))
	must(t, "replay", "--verify", cut)
}

// TestEachPairIsExportedOnce reads every export of a folder: the pairs of the steps
// that a fork shares are those of the parent, and --run has all of a run.
func TestEachPairIsExportedOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "2", "--step", "15m", "--out", dir)
	parent := runOf(t, dir, "proper")
	must(t, "runs", "fork", dir, parent, "--at", "100", "--set", "simulation.methods=ar")
	fork := runOf(t, dir, "ar@100")
	read := func(path string) (rows []buffer.Row) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			var row buffer.Row
			require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
			rows = append(rows, row)
		}
		return rows
	}
	steps := func(rows []buffer.Row, run string) (out []int32) {
		for _, row := range rows {
			if row.RunID == run {
				out = append(out, row.Step)
			}
		}
		return out
	}
	of := func(format string, more ...string) string {
		path := filepath.Join(t.TempDir(), "pairs")
		must(t, append([]string{"export", dir, "pairs", "--out", path, "--format", format}, more...)...)
		return path
	}
	whole := read(filepath.Join(dir, "pairs.jsonl"))
	require.Less(t, steps(whole, parent)[0], int32(101))
	require.Greater(t, steps(whole, fork)[0], int32(100))
	require.Equal(t, whole, read(of("jsonl")))
	rows, err := parquet.ReadFile[buffer.Row](of("parquet"))
	require.NoError(t, err)
	require.Equal(t, whole, rows)

	alone := read(of("jsonl", "--run", fork))
	require.Equal(t, steps(whole, parent)[0], steps(alone, fork)[0])
	require.Len(t, read(of("jsonl", "--run", parent[:len(parent)-1])), len(steps(whole, parent)), "a prefix names a run, too")
}
