package artifact_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/propersim/propersim/pkg/artifact"
	"github.com/propersim/propersim/pkg/artifact/artifacttest"
	"github.com/propersim/propersim/pkg/errs"
)

// TestOneReadingFindsDamageAndUnfitWeights has adapters that are damaged, unfit, or
// both: damage is found whatever else is wrong.
func TestOneReadingFindsDamageAndUnfitWeights(t *testing.T) {
	flip := func(at int) func([]byte) {
		return func(b []byte) { b[(at+len(b))%len(b)] ^= 1 }
	}
	for name, test := range map[string]struct {
		x      float32
		file   string
		damage func([]byte)
		want   error
	}{
		"sound":                      {0.5, "", nil, nil},
		"nothing learned":            {0, "", nil, errs.ErrInvalid},
		"not finite":                 {float32(math.NaN()), "", nil, errs.ErrInvalid},
		"the last bit":               {0.5, artifact.ModelFile, flip(-1), errs.ErrDataLoss},
		"the header":                 {0.5, artifact.ModelFile, flip(20), errs.ErrDataLoss},
		"the length of the header":   {0.5, artifact.ModelFile, flip(7), errs.ErrDataLoss},
		"not finite and the header":  {float32(math.NaN()), artifact.ModelFile, flip(20), errs.ErrDataLoss},
		"not finite and the last":    {float32(math.NaN()), artifact.ModelFile, flip(-1), errs.ErrDataLoss},
		"the configuration":          {0.5, artifact.ConfigFile, flip(-2), errs.ErrDataLoss},
		"the configuration's braces": {0.5, artifact.ConfigFile, flip(0), errs.ErrDataLoss},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m, files := artifacttest.Lora(t, "tiny", 1, 2, test.x)
			for name, content := range files {
				if name == test.file {
					content = bytes.Clone(content)
					test.damage(content)
				}
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o644))
			}
			require.ErrorIs(t, artifact.CheckLora(m, func(name string) (*os.File, error) { return os.Open(filepath.Join(dir, name)) }), test.want)
		})
	}
}

// TestCallsThatFetchTheSameAdapterAllGetIt lets several calls fetch one adapter into
// one store.
func TestCallsThatFetchTheSameAdapterAllGetIt(t *testing.T) {
	source, err := artifact.Open(t.TempDir())
	require.NoError(t, err)
	m, files := artifacttest.Lora(t, "tiny", 1, 2, 0.5)
	artifacttest.Publish(t, source, m, files)
	for range 20 {
		dir := t.TempDir()
		to, err := artifact.Open(dir)
		require.NoError(t, err)
		group := errgroup.Group{}
		for range 8 {
			group.Go(func() error {
				_, err := to.Fetch(t.Context(), &server{store: source}, m.GetId())
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.NoError(t, to.Check(m))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "nothing is left over")
	}
}
