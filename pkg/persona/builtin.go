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

// Numbered is a persona with its number: 1-32 for those that come with the
// program, 0 for added ones.
type Numbered struct {
	Number  int
	Persona *simv1.Persona
}

// Builtin returns the personas that come with the program by ascending number;
// the caller owns the messages. An error means that the program was built with
// a faulty file, and names it.
func Builtin() ([]Numbered, error) {
	all, err := builtin()
	if err != nil {
		return nil, err
	}
	out := make([]Numbered, len(all))
	for i, n := range all {
		out[i] = Numbered{Number: n.Number, Persona: proto.CloneOf(n.Persona)}
	}
	return out, nil
}

var builtin = sync.OnceValues(func() ([]Numbered, error) { return readAll(personas.FS) })

// readAll reads every NN-slug.yaml of a folder in the order of its name.
func readAll(folder fs.FS) ([]Numbered, error) {
	files, err := fs.Glob(folder, "*.yaml")
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
		if err != nil || number != len(all)+1 || slug != p.GetId() {
			return nil, fmt.Errorf("personas/%s: want the name %02d-%s.yaml", file, len(all)+1, p.GetId())
		}
		all = append(all, Numbered{Number: number, Persona: p})
	}
	return all, nil
}
