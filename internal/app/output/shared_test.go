package output_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/internal/app/output"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
)

func TestForksShareStepsWithTheirWholeFamily(t *testing.T) {
	run := func(id, from string, at int32) *environmentv1.Run {
		return &environmentv1.Run{Id: id, ForkedFrom: from, ForkedAtStep: at}
	}
	root, other := run("root", "", 0), run("other", "", 0)
	late, early := run("late", "root", 200), run("early", "root", 50)
	child := run("child", "late", 300)  // 201-300 of late, 0-200 of root
	before := run("before", "late", 10) // 0-10 of root
	all := []*environmentv1.Run{root, other, late, early, child, before}
	for name, c := range map[string]struct {
		runs []*environmentv1.Run
		want map[string]int32
	}{
		"nobody":                          {nil, map[string]int32{}},
		"strangers":                       {[]*environmentv1.Run{root, other}, map[string]int32{}},
		"a fork":                          {[]*environmentv1.Run{root, late}, map[string]int32{"late": 200}},
		"the fork first":                  {[]*environmentv1.Run{late, root}, map[string]int32{"root": 200}},
		"two forks without their parent":  {[]*environmentv1.Run{late, early}, map[string]int32{"early": 50}},
		"a fork of a fork":                {[]*environmentv1.Run{root, late, child}, map[string]int32{"late": 200, "child": 300}},
		"... without the one between":     {[]*environmentv1.Run{root, child}, map[string]int32{"child": 200}},
		"... before the one between":      {[]*environmentv1.Run{root, before}, map[string]int32{"before": 10}},
		"the youngest and its aunt alone": {[]*environmentv1.Run{early, child}, map[string]int32{"child": 50}},
		"all":                             {all, map[string]int32{"late": 200, "early": 50, "child": 300, "before": 10}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, output.Shared(c.runs, all)) })
	}
}
