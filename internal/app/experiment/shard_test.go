package experiment_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/propersim/propersim/internal/app/experiment"
	"github.com/propersim/propersim/pkg/persona"
)

func TestShardsDivideThePeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		people := make([]persona.Numbered, rapid.IntRange(0, 40).Draw(t, "people"))
		for i := range people {
			people[i].Number = i + 1
		}
		count := rapid.IntRange(1, 50).Draw(t, "count")
		seen := make(map[int]int)
		for index := range count {
			shard, err := experiment.ParseShard(fmt.Sprintf("%d/%d", index, count))
			require.NoError(t, err)
			part := shard.Of(people)
			require.LessOrEqual(t, len(part), len(people)/count+1, "parts are equal but for one")
			for _, p := range part {
				seen[p.Number]++
			}
		}
		require.Len(t, seen, len(people))
		for number, times := range seen {
			require.Equal(t, 1, times, "person %d", number)
		}
	})
	for _, wrong := range []string{"1", "1/1", "-1/2", "a/2", "0/0", "0/", "/2", "2/2/2"} {
		_, err := experiment.ParseShard(wrong)
		require.ErrorContains(t, err, "INDEX/COUNT", wrong)
	}
}
