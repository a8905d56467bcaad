// Package leaks checks in tests that no goroutine is left.
package leaks

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end: goleak gives them less than
// half a second, in which a busy machine may not run them at all.
const patience = time.Minute

// None fails the test when goroutines stay that options do not ignore.
func None(t testing.TB, options ...goleak.Option) {
	t.Helper()
	for began := time.Now(); ; {
		err := goleak.Find(options...)
		if err == nil {
			return
		}
		if time.Since(began) > patience {
			t.Error(err)
			return
		}
	}
}
