package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/cli"
	"github.com/propersim/propersim/internal/app/folder"
	"github.com/propersim/propersim/internal/app/live"
	"github.com/propersim/propersim/internal/app/output"
	"github.com/propersim/propersim/pkg/analysis/figures"
	"github.com/propersim/propersim/services/buffer"
)

// contents reads every file below a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = string(data)
		return err
	}))
	return out
}

func TestARefusedStartLeavesNothing(t *testing.T) {
	yaml := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(yaml, []byte("id: x\n"), 0o644))
	for name, c := range map[string]struct {
		args  []string
		words []string
	}{
		"one candidate to learn from": {[]string{"--candidates", "1"}, []string{"simulation.candidates: found 1, want at least 2 with method proper"}},
		"an unknown world":            {[]string{"--world", "hous"}, []string{"simulation.world", `found "hous"`, "home", "office"}},
		"a wrongly cased world":       {[]string{"--world", "Home"}, []string{`did you mean "home"`}},
		"an unknown person":           {[]string{"--personas", "1,zoe"}, []string{"zoe"}},
		"a broken file of a person":   {[]string{"--persona-file", yaml}, []string{"name"}},
		"nobody at the assistant":     {[]string{"--assistant-address", "127.0.0.1:1"}, []string{"connect.assistant", "no assistant service answers at 127.0.0.1:1"}},
		"nobody at the environment":   {[]string{"--environment-address", "127.0.0.1:1"}, []string{"connect.environment", "127.0.0.1:1"}},
		"a rate that nobody is told":  {[]string{"--method", "proper,silent", "--set", "simulation.constant_per_hour=2"}, []string{"simulation.constant_per_hour: is for methods that are told a rate", "found proper, silent"}},
		"training of nobody":          {[]string{"--method", "ar", "--set", "trainer.beta=0.3"}, []string{"trainer.beta: is for methods that are trained"}},
		"training of another method":  {[]string{"--method", "proper-plus", "--set", "trainer.pairs=300"}, []string{"trainer.pairs", "proper-plus has trainer.plus"}},
		"nothing of one's own":        {[]string{"--set", "custom.memory=AR"}, []string{"custom.memory: is for methods of a third party"}},
		"a name with a line break":    {[]string{"--experiment", "a\nb"}, []string{"--experiment: found the line break"}},
		"a name without end":          {[]string{"--experiment", strings.Repeat("a", 300)}, []string{"--experiment: found 300 bytes, want at most 255"}},
		"an impossible step":          {[]string{"--step", "7m"}, []string{"simulation.step"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			code, _, errOut := call(t, append([]string{"simulate", "--personas", "1-2", "--days", "2", "--step", "15m", "--out", dir}, c.args...)...)
			require.Equal(t, 2, code, errOut)
			for _, words := range c.words {
				require.Contains(t, errOut, words)
			}
			require.NoDirExists(t, dir)
		})
	}
}

// TestASettingIsForTheMethodsThatUseIt: the others of the experiment do not know it.
func TestASettingIsForTheMethodsThatUseIt(t *testing.T) {
	often, plain := filepath.Join(t.TempDir(), "often"), filepath.Join(t.TempDir(), "plain")
	must(t, small(often, "--method", "proper,constant", "--set", "simulation.constant_per_hour=2", "--set", "trainer.beta=0.1")...)
	must(t, small(plain, "--method", "proper,constant")...)
	a, b := hashes(t, often), hashes(t, plain)
	require.Equal(t, b["adaeze-okonkwo/proper"], a["adaeze-okonkwo/proper"])
	require.NotEqual(t, b["adaeze-okonkwo/constant"], a["adaeze-okonkwo/constant"])
	must(t, "resume", often)
	must(t, "simulate", "--continue", "--personas", "1-2", "--days", "2", "--step", "15m", "--out", often, "--method", "proper,constant", "--set", "simulation.constant_per_hour=2")
}

func TestAFolderOfSomebodyElseIsRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"thesis.tex", ".config.yaml-1"} { // the second is of a start that was killed
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644))
	}
	code, _, errOut := call(t, small(dir)...)
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "(thesis.tex)")
	require.Len(t, contents(t, dir), 2)
	require.NoError(t, os.Remove(filepath.Join(dir, "thesis.tex")))
	must(t, small(dir)...)
}

func TestTwoRunsOfOneSecondGetTwoFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	for range 3 { // fast enough that two of them start within a second
		must(t, "simulate", "--personas", "1", "--days", "1", "--step", "1h", "--method", "silent")
	}
	entries, err := os.ReadDir("runs")
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

func TestAMissingJournalIsNamedAndNothingWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, small(dir)...)
	require.NoError(t, os.Remove(filepath.Join(dir, "journal.db")))
	before := contents(t, dir)
	for _, args := range [][]string{
		{"resume", dir}, {"report", dir}, {"replay", dir}, {"replay", "--verify", dir}, {"runs", "ls", dir},
		{"export", dir, "steps"}, {"export", dir, "entries"}, {"export", dir, "pairs"}, append(small(dir), "--continue"),
	} {
		code, _, errOut := call(t, args...)
		require.Equal(t, 1, code, "%v: %s", args, errOut)
		require.Contains(t, errOut, "journal", "%v", args)
		require.Equal(t, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(contents(t, dir))), "%v", args)
		require.Equal(t, before, contents(t, dir), "%v", args)
	}
}

func TestContinueComparesWhatFlagsMean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	args := func(people, methods, step string) []string {
		return []string{"simulate", "--days", "1", "--out", dir, "--continue", "--personas", people, "--method", methods, "--step", step}
	}
	must(t, args("1-2", "silent,constant", "15m")...)
	must(t, args("2,1", "constant,silent", "900s")...)
	code, _, errOut := call(t, args("1-3", "silent,constant", "15m")...)
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "simulation.personas is 1-2 there and 1-3 here")
}

func TestFiguresSpeakOfAllSittings(t *testing.T) {
	dir, days, suggested := interrupted(t, cli.Program{Version: "test", Name: "go run ./cmd/propersim"})
	require.Contains(t, suggested, "go run ./cmd/propersim resume "+dir, "suggested by the way it was started")
	said := must(t, "resume", dir)
	file, err := figures.Read(filepath.Join(dir, "metrics.json"))
	require.NoError(t, err)
	require.EqualValues(t, 2*days*96, file.Timing.Steps, "all steps")
	if file.Timing.Sittings == 2 {
		require.Less(t, file.Timing.This.Steps, file.Timing.Steps)
		require.Greater(t, file.Timing.WallSeconds, file.Timing.This.WallSeconds)
		require.Contains(t, said, live.Thousands(file.Timing.Steps)+" steps")
		require.Contains(t, said, "over 2 sittings (this one: ")
	}
}

// TestTheRateIsThatOfTheRecordedSittings: a sitting that was killed has recorded fewer
// steps than it committed, and no time for the others. All steps by the recorded time
// would be a speed that no sitting had.
func TestTheRateIsThatOfTheRecordedSittings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, small(dir)...) // 2 people, 2 days of 96 steps
	killed := folder.Sitting{Began: time.Now().UTC(), WallSeconds: 40, Steps: 100, PeakRSSBytes: 1 << 45}
	require.NoError(t, folder.Folder(dir).SaveSittings([]folder.Sitting{killed}))

	timing := func() *figures.Timing {
		file, err := figures.Read(filepath.Join(dir, "metrics.json"))
		require.NoError(t, err)
		return file.Timing
	}
	must(t, "resume", dir) // conducts nothing: no sitting of its own
	got := timing()
	got.This.WallSeconds = 0 // nearly
	require.Equal(t, &figures.Timing{WallSeconds: 40, Steps: 384, StepsPerSecond: 2.5, PeakRSSBytes: 1 << 45, Sittings: 1}, got)

	said := must(t, "resume", dir, "--days", "3")
	got = timing()
	require.Equal(t, 2, got.Sittings)
	require.EqualValues(t, 576, got.Steps, "all steps")
	require.EqualValues(t, 192, got.This.Steps)
	require.InDelta(t, 40+got.This.WallSeconds, got.WallSeconds, 1e-9)
	require.InDelta(t, (100+192)/got.WallSeconds, got.StepsPerSecond, 1e-9)
	require.EqualValues(t, 1<<45, got.PeakRSSBytes, "of the sitting that had most")
	rate := live.Thousands(int64(got.StepsPerSecond))
	require.Contains(t, said, fmt.Sprintf("576 steps in %.1f s over 2 sittings (this one: 192 steps in %.1f s), %s a second", got.WallSeconds, got.This.WallSeconds, rate))
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), fmt.Sprintf("(the last one: 192 steps in %.1f s) (%.0f a second", got.This.WallSeconds, got.StepsPerSecond))
}

// TestASittingCountsTheStepsOfItsOwnRuns: those of another experiment in the same
// journal are not among the ones that were there before.
func TestASittingCountsTheStepsOfItsOwnRuns(t *testing.T) {
	dir := t.TempDir()
	shared := "store.journal=sqlite:" + filepath.Join(dir, "journal.db")
	must(t, small(filepath.Join(dir, "first"), "--days", "4", "--set", shared)...)
	second := filepath.Join(dir, "second")
	must(t, small(second, "--set", shared)...)
	code, _, errOut := call(t, "resume", second, "--days", "3")
	require.Equal(t, 0, code, errOut)
	require.NotRegexp(t, `-[0-9,]+ steps/s`, errOut)
	file, err := figures.Read(filepath.Join(second, "metrics.json"))
	require.NoError(t, err)
	require.Equal(t, int64(2*3*96), file.Timing.Steps)
	require.Equal(t, int64(2*96), file.Timing.This.Steps, "one more day of two people")
}

func TestCommandsAreQuotedForAShell(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a folder; really")
	require.Contains(t, must(t, small(dir)...), `propersim replay --verify '`+strings.ReplaceAll(dir, "'", `'"'"'`)+`'`)
}

func TestReplayNamesAnUnknownRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	must(t, "simulate", "--personas", "1", "--days", "1", "--step", "1h", "--method", "silent", "--out", dir)
	for _, args := range [][]string{{"replay", dir, "nobody"}, {"replay", "--verify", dir, "nobody"}} {
		code, _, errOut := call(t, args...)
		require.Equal(t, 1, code)
		require.Contains(t, errOut, `no run "nobody"`)
	}
	require.Contains(t, must(t, "runs", "show", dir), "MEAN SCORE", "the only run needs no name")
	require.Contains(t, must(t, "runs", "step", dir, "10"), "step 10")
	code, _, errOut := call(t, "compare", dir, dir, "--days", "1-3")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "has days 1 to 1")
}

func TestAnEmptyFileOfPairsIsNoTrainingData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	said := must(t, "simulate", "--personas", "1", "--days", "1", "--step", "1h", "--method", "silent", "--out", dir)
	require.NotContains(t, said, "preference pairs for TRL")
	require.Contains(t, said, "there are no preference pairs")
	code, _, errOut := call(t, "export", dir, "pairs", "--format", "parquet")
	require.Equal(t, 0, code)
	require.Contains(t, errOut, "The file is empty: there are no preference pairs")
	data, err := os.ReadFile(filepath.Join(dir, "pairs.parquet"))
	require.NoError(t, err)
	require.Equal(t, "PAR1", string(data[:4]), "a file with a schema")
}

// TestPairsWithoutAPromptAreLeftOut: constant and bandit have no policy, so that
// their pairs have no prompt. The file has only rows that can be trained on, and the
// program says what it left out.
func TestPairsWithoutAPromptAreLeftOut(t *testing.T) {
	args := []string{"simulate", "--personas", "1", "--days", "2", "--step", "15m", "--set", "simulation.constant_per_hour=4", "--out"}
	dir := filepath.Join(t.TempDir(), "a")
	said := must(t, append(args, dir, "--method", "ar,constant,bandit")...)
	left := regexp.MustCompile(`(\d+) preference pairs were left out \(bandit (\d+), constant (\d+)\): they have no prompt to train on`).FindStringSubmatch(said)
	require.NotNil(t, left, said)
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, number(left[1]), number(left[2])+number(left[3]))

	file, err := figures.Read(filepath.Join(dir, "metrics.json"))
	require.NoError(t, err)
	made := make(map[string]int)
	for _, r := range file.Runs {
		for _, d := range r.Days {
			made[r.Method] += d.Counts.Pairs
		}
	}
	require.Equal(t, map[string]int{"ar": made["ar"], "bandit": number(left[2]), "constant": number(left[3])}, made)
	rows := 0
	data, err := os.ReadFile(filepath.Join(dir, "pairs.jsonl"))
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		var row buffer.Row
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		require.NotEmpty(t, row.Prompt)
		require.Equal(t, runOf(t, dir, "ar"), row.RunID)
		rows++
	}
	require.Equal(t, made["ar"], rows)

	code, _, errOut := call(t, "export", dir, "pairs", "--format", "parquet", "--run", runOf(t, dir, "constant"))
	require.Equal(t, 0, code, errOut)
	require.Contains(t, errOut, "The file is empty: no preference pair has a prompt.")
	require.Contains(t, errOut, left[3]+" preference pairs were left out (constant "+left[3]+")")

	var result struct {
		Pairs output.Written `json:"pairs"`
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, append(args, filepath.Join(t.TempDir(), "b"), "--method", "constant", "--json")...)), &result))
	require.Equal(t, output.Written{WithoutPrompt: map[string]int64{"constant": int64(made["constant"])}}, result.Pairs)
	require.Contains(t, must(t, "resume", dir), left[0])
}

func TestWhatIsPrintedIsEscaped(t *testing.T) {
	code, _, errOut := call(t, "runs", "ls", "x\x1b[31m\u202ey")
	require.NotZero(t, code)
	require.NotContains(t, errOut, "\x1b")
	require.NotContains(t, errOut, "\u202e")
	require.Contains(t, errOut, `\u202e`)
	var shown any
	require.NoError(t, json.Unmarshal([]byte(must(t, "config", "show", "--json", "--set", "store.journal=a\u202e\U000e0041b")), &shown), "escaped JSON is JSON")
}

// TestAnExperimentCanBeLengthened: in parts it ends as one that was that long from
// the start.
func TestAnExperimentCanBeLengthened(t *testing.T) {
	long, grown := filepath.Join(t.TempDir(), "long"), filepath.Join(t.TempDir(), "grown")
	must(t, small(long, "--days", "4")...)
	must(t, small(grown)...)
	must(t, "resume", grown, "--days", "3")
	require.Contains(t, must(t, "resume", grown, "--days", "4"), "768 steps")
	require.Equal(t, hashes(t, long), hashes(t, grown))
	must(t, "replay", "--verify", grown)
	must(t, "resume", grown)
	code, _, errOut := call(t, "resume", grown, "--days", "2")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "simulation.days: found 2")
	file, err := figures.Read(filepath.Join(grown, "metrics.json"))
	require.NoError(t, err)
	require.Len(t, file.Runs[0].Days, 4)
}

// TestAnUnfinishedExperimentCanBeLengthened: the environment conducts its runs as
// soon as it starts, before they are extended.
func TestAnUnfinishedExperimentCanBeLengthened(t *testing.T) {
	cut, days, _ := interrupted(t, cli.Program{Version: "test"})
	longer := strconv.Itoa(days + 2)
	must(t, "resume", cut, "--days", longer)
	whole := filepath.Join(t.TempDir(), "whole")
	must(t, small(whole, "--days", longer)...)
	require.Equal(t, hashes(t, whole), hashes(t, cut))
	must(t, "replay", "--verify", cut)
}
