package trainer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/policy"
)

func FuzzSafetensorsForm(f *testing.F) {
	f.Add(policy.Base().Weights())
	f.Add([]byte("\x37\x00\x00\x00\x00\x00\x00\x00" + `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} ` + "abcd"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		err := checkSafetensors(file)
		if err == nil {
			require.Error(t, checkSafetensors(append(append([]byte(nil), file...), 0)), "a byte to spare")
			require.Error(t, checkSafetensors(file[:len(file)/2]), "cut short")
			return
		}
		require.ErrorIs(t, err, errs.ErrInvalid)
	})
}

func TestTheFormOfRealWeightsIsSound(t *testing.T) {
	require.NoError(t, checkSafetensors(policy.Base().Weights()))
}
