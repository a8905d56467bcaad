// Package models has configurations to start from.
package models

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/config"
)

// TestEveryExampleIsAValidConfiguration.
func TestEveryExampleIsAValidConfiguration(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 7)
	for _, file := range files {
		loaded, err := config.Load(config.Sources{File: file})
		require.NoError(t, err, file)
		require.True(t, loaded.Backends.Modelled(), file)
	}
}
