package planner

import (
	"embed"
	"fmt"
	"strings"

	"github.com/propersim/propersim/pkg/activity"
)

// The vocabulary lies in text files: one phrase a line, "#" begins a comment, and
// a heading in brackets is the activity of the phrases below it.
//
//go:embed vocabulary/*.txt
var vocabularyFiles embed.FS

// meaning is a phrase with the activity that it means.
type meaning struct {
	kind   activity.Kind
	phrase string
}

// vocabulary reads a file in its order. The files are part of the program, so a
// missing one or an unknown activity is a fault of the program and panics.
func vocabulary(name string) []meaning {
	data, err := vocabularyFiles.ReadFile("vocabulary/" + name + ".txt")
	if err != nil {
		panic(fmt.Sprintf("planner: %v", err))
	}
	var out []meaning
	var kind activity.Kind
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			if kind = activity.Kind(line[1 : len(line)-1]); !activity.Valid(kind) {
				panic(fmt.Sprintf("planner: vocabulary/%s.txt: %s is no activity", name, line))
			}
		default:
			out = append(out, meaning{kind, line})
		}
	}
	return out
}
