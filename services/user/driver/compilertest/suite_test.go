package compilertest_test

import (
	"testing"

	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/driver/compilertest"
)

func TestTheEmbeddedCompilerConforms(t *testing.T) {
	compilertest.Run(t, func(*testing.T) driver.Compilers { return driver.EmbeddedCompiler() })
}
