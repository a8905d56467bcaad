package planner_test

import (
	"testing"

	"github.com/propersim/propersim/services/user/driver/plannertest"
	"github.com/propersim/propersim/services/user/planner"
)

func TestConformance(t *testing.T) { plannertest.Run(t, planner.Drivers()) }
