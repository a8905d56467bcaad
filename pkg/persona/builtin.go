package persona

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/personas"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Own is how many personas come with the program as its own set; the hard set has
// the numbers behind them.
const Own = 32

// Numbered is a persona with its number: 1-32 for those that come with the
// program, 33-64 for the hard set, 0 for added ones.
type Numbered struct {
	Number  int
	Persona *simv1.Persona
}

// Hard reports whether the persona is one of the hard set.
func (n Numbered) Hard() bool { return n.Number > Own }

// Builtin returns the personas that come with the program by ascending number,
// without the hard set; the caller owns the messages. An error means that the
// program was built with a faulty file, and names it.
func Builtin() ([]Numbered, error) { return copied(builtin) }

// Hard returns the hard set by ascending number, like Builtin.
func Hard() ([]Numbered, error) { return copied(hard) }

// Included returns both sets by ascending number, like Builtin.
func Included() ([]Numbered, error) {
	own, err := Builtin()
	if err != nil {
		return nil, err
	}
	more, err := Hard()
	return append(own, more...), err
}

func copied(load func() ([]Numbered, error)) ([]Numbered, error) {
	all, err := load()
	if err != nil {
		return nil, err
	}
	out := make([]Numbered, len(all))
	for i, n := range all {
		out[i] = Numbered{Number: n.Number, Persona: proto.CloneOf(n.Persona)}
	}
	return out, nil
}

var (
	builtin = sync.OnceValues(func() ([]Numbered, error) { return readAll(personas.FS, "*.yaml", 1) })
	hard    = sync.OnceValues(func() ([]Numbered, error) { return readAll(personas.Hard, "hard/*.yaml", Own+1) })
)

// readAll reads every NN-slug.yaml that matches a pattern in the order of its
// name; the first has the number first.
func readAll(folder fs.FS, pattern string, first int) ([]Numbered, error) {
	files, err := fs.Glob(folder, pattern)
	if err != nil {
		return nil, fmt.Errorf("list personas: %w", err)
	}
	var all []Numbered
	for _, file := range files {
		data, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, fmt.Errorf("read persona: %w", err)
		}
		p, err := Parse(data, "personas/"+file)
		if err != nil {
			return nil, err
		}
		prefix, slug, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".yaml"), "-")
		number, err := strconv.Atoi(prefix)
		if err != nil || number != len(all)+first || slug != p.GetId() {
			return nil, fmt.Errorf("personas/%s: want the name %02d-%s.yaml", file, len(all)+first, p.GetId())
		}
		all = append(all, Numbered{Number: number, Persona: p})
	}
	return all, nil
}
