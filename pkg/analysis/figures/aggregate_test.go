package figures_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/analysis/figures"
)

func three(t *testing.T) []figures.Run {
	day := func(scores ...int) (out []moment) {
		for _, s := range scores {
			out = append(out, moment{passed: s, given: s > 2, due: s > 3})
		}
		return out
	}
	return []figures.Run{
		fold(t, run("ada", "proper"), day(1, 2, 3), day(4, 4, 4)),
		fold(t, run("bea", "proper"), day(0, 0, 3), day(3, 3, 3)),
		fold(t, run("cyd", "proper"), day(2, 2, 2), day(4, 2, 3)),
		fold(t, run("ada", "silent"), day(1, 1, 1), day(1, 1, 1)),
	}
}

func TestAggregate(t *testing.T) {
	got := figures.AggregateRuns(three(t))
	require.Len(t, got.Days, 4, "two days of two methods")
	last := got.Days[1]
	require.Equal(t, "proper", last.Method)
	require.Equal(t, 2, last.Day)
	require.Equal(t, 3, last.Personas)
	require.InDelta(t, (4.0+3+3)/3, *last.MeanScore, 1e-12)
	ci := last.Intervals["mean_score"].NewPeople
	require.Less(t, ci.Low, *last.MeanScore)
	require.Greater(t, ci.High, *last.MeanScore)
	require.Nil(t, last.Intervals["mean_score"].ThesePeople, "one seed")
	require.InDelta(t, 4.0/8, *last.Precision, 1e-12, "a ratio of sums")
	require.InDelta(t, (2.0+2+4.0/3)/3, *last.PerWakingHour, 1e-12, "a mean of personas")
	alone := got.Days[3]
	require.Equal(t, 1, alone.Personas)
	require.Nil(t, alone.Intervals["mean_score"].NewPeople, "one persona has no interval")
	require.Nil(t, alone.Precision, "nothing was recommended")
	require.Equal(t, got, figures.AggregateRuns(three(t)), "equal data, equal intervals")
}

func TestPairedDifference(t *testing.T) {
	runs := three(t)
	score := figures.Named("mean_score")
	first, last := figures.Units(runs, "proper", 1, 1), figures.Units(runs, "proper", 2, 2)
	diff, ci := score.Difference(last, first)
	require.InDelta(t, 10.0/3-5.0/3, *diff, 1e-12)
	require.True(t, ci.NewPeople.Low < *diff && *diff < ci.NewPeople.High)
	same, zero := score.Difference(last, last)
	require.Zero(t, *same)
	require.Equal(t, &figures.Interval{}, zero.NewPeople)
	require.False(t, zero.NewPeople.Clear())
}

func TestFileFollowsItsSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.json")
	file := figures.NewFile("dev", map[string]any{"simulation": map[string]any{"days": 2}},
		&figures.Timing{WallSeconds: 2, Steps: 10, StepsPerSecond: 5, PeakRSSBytes: 1 << 20, Sittings: 1}, three(t))
	var data bytes.Buffer
	require.NoError(t, file.Write(&data))
	require.NoError(t, os.WriteFile(path, data.Bytes(), 0o644))
	back, err := figures.Read(path)
	require.NoError(t, err)
	require.Equal(t, file.Runs, back.Runs)
	require.Equal(t, file.Aggregate, back.Aggregate)

	require.NoError(t, validate(t, data.Bytes()))
	require.Error(t, validate(t, bytes.Replace(data.Bytes(), []byte(`"recall"`), []byte(`"recal"`), 1)), "a missing key is seen")
}

func validate(t *testing.T, data []byte) error {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../../docs/metrics.schema.json")
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return schema.Validate(value)
}

func TestReadRefusesAnotherSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.json")
	data, err := json.Marshal(map[string]any{"schema_version": 99})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o644))
	_, err = figures.Read(path)
	require.ErrorContains(t, err, "99")
}

// TestWhatWasSaidComesBeforeTheMeanScore holds the order of every table of statistics.
func TestWhatWasSaidComesBeforeTheMeanScore(t *testing.T) {
	var names []string
	for _, s := range figures.Statistics() {
		names = append(names, s.Name)
		require.Equal(t, s.Label, figures.Named(s.Name).Label)
	}
	require.Equal(t, []string{"recall", "precision", "success_rate", "per_waking_hour", "mean_score"}, names[:5])
	require.Panics(t, func() { figures.Named("nothing") })
}
