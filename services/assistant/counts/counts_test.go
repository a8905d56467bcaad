package counts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/assistant/counts"
	"github.com/propersim/propersim/services/assistant/driver"
	"github.com/propersim/propersim/services/assistant/summarizertest"
)

func TestItConforms(t *testing.T) {
	summarizertest.Run(t, func(*testing.T) driver.Summarizer { return counts.Summarizer{} })
}

func TestASummaryCounts(t *testing.T) {
	for level, want := range map[simv1.MemoryLevel]string{
		simv1.MemoryLevel_MEMORY_LEVEL_A:   "work 160m, reading 80m",
		simv1.MemoryLevel_MEMORY_LEVEL_AR:  "work 160m, reading 80m; spoke 8x",
		simv1.MemoryLevel_MEMORY_LEVEL_ARS: "work 160m, reading 80m; spoke 8x, mean score 2.0",
	} {
		got, _, err := counts.Summarizer{}.Summarize(t.Context(), summarizertest.Block(level, 9, 13))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
