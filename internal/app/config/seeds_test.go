package config

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSeeds(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "1-5": "1-5", "5,1,3,2,4": "1-5", "1,2": "1,2", "7, 9-10,7": "7,9,10",
		"18446744073709551615": "18446744073709551615", "18446744073709551613-18446744073709551615": "18446744073709551613-18446744073709551615",
	} {
		got, err := parseSeeds(text)
		require.NoError(t, err, text)
		require.Equal(t, want, writeSeeds(got), text)
	}
	for _, wrong := range []string{"", "x", "-1", "1-", "5-1", "1-1001", "0-18446744073709551615", "1..5", "1.5", "18446744073709551616"} {
		_, err := parseSeeds(wrong)
		require.Error(t, err, wrong)
	}
}

func TestSeedsAreWrittenAsTheyAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 60), 1, 40, rapid.ID).Draw(t, "seeds")
		slices.Sort(list)
		got, err := parseSeeds(writeSeeds(list))
		require.NoError(t, err)
		require.Equal(t, list, got)
	})
}
