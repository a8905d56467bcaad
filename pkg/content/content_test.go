package content

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTopicsAreDistinctAndNamed(t *testing.T) {
	require.GreaterOrEqual(t, len(Topics()), 60)
	seen, words := map[string]bool{}, map[string]string{}
	for i, topic := range Topics() {
		require.False(t, seen[topic.ID], topic.ID)
		seen[topic.ID] = true
		require.Equal(t, i, TopicIndex(topic.ID))
		require.NotEmpty(t, topic.Words, topic.ID)
		for _, w := range topic.Words {
			require.Empty(t, words[w], "%q means both %s and %s", w, words[w], topic.ID)
			words[w] = topic.ID
		}
	}
	require.Equal(t, -1, TopicIndex("none such"))
	require.Equal(t, -1, ToneIndex("sarcastic"))
}
