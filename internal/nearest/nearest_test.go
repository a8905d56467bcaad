package nearest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/nearest"
)

func TestOf(t *testing.T) {
	choices := []string{"home", "office", "adaeze-okonkwo", "trần-minh-anh"}
	for word, want := range map[string]string{
		"hom": "home", "Office": "office", "ofice": "office", "adaeze": "adaeze-okonkwo", "adaese-okonko": "adaeze-okonkwo",
		"tran-minh-anh": "trần-minh-anh", "garden": "", "": "", "of": "",
	} {
		require.Equal(t, want, nearest.Of(word, choices), word)
	}
}
