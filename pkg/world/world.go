// Package world reads world files and answers where things can be done and how
// long it takes to walk there.
package world

import (
	"errors"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/legible"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// file mirrors a world file.
type file struct {
	Name  string     `yaml:"name"`
	Rooms []roomFile `yaml:"rooms"`
	Doors []doorFile `yaml:"doors"`
}

type roomFile struct {
	ID      string       `yaml:"id"`
	Name    string       `yaml:"name"`
	Private bool         `yaml:"private"`
	Objects []objectFile `yaml:"objects"`
}

type objectFile struct {
	ID      string   `yaml:"id"`
	Name    string   `yaml:"name"`
	Affords []string `yaml:"affords"`
}

type doorFile struct {
	A           string `yaml:"a"`
	B           string `yaml:"b"`
	WalkSeconds int32  `yaml:"walk_seconds"`
}

// keys is the shape of a world file: the keys that each mapping may have.
var keys = shape{
	"name": nil,
	"rooms": shape{"id": nil, "name": nil, "private": nil, "objects": shape{
		"id": nil, "name": nil, "affords": nil,
	}},
	"doors": shape{"a": nil, "b": nil, "walk_seconds": nil},
}

// Parse reads a world file; id is its name without the ending. An unknown key
// is refused with the keys that are allowed. It returns errs.Violations for
// every fault of the file.
func Parse(id string, data []byte) (*simv1.World, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, errs.Invalid(id, "%v", err)
	}
	var faults errs.Violations
	keys.check(&document, "", &faults)
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	var in file
	if err := document.Decode(&in); err != nil {
		var wrong *yaml.TypeError
		if !errors.As(err, &wrong) {
			return nil, errs.Invalid(id, "%v", err)
		}
		for _, message := range wrong.Errors {
			faults.Add(id, "%s", message)
		}
		return nil, faults
	}
	world := in.message(id)
	return world, Validate(world)
}

func (in *file) message(id string) *simv1.World {
	out := &simv1.World{Id: id, Name: in.Name}
	for _, r := range in.Rooms {
		room := &simv1.Room{Id: r.ID, Name: r.Name, Private: r.Private}
		for _, o := range r.Objects {
			room.Objects = append(room.Objects, &simv1.Object{Id: o.ID, Name: o.Name, Affords: o.Affords})
		}
		out.Rooms = append(out.Rooms, room)
	}
	for _, d := range in.Doors {
		out.Doors = append(out.Doors, &simv1.Door{A: d.A, B: d.B, WalkSeconds: d.WalkSeconds})
	}
	return out
}

var identifier = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Validate checks a world: identifiers are well-formed and unique, doors refer
// to rooms, every room can be reached from the first, every object affords
// known kinds, and somewhere one can sleep and get up. It returns
// errs.Violations naming each fault.
func Validate(w *simv1.World) error {
	var faults errs.Violations
	if !identifier.MatchString(w.GetId()) || len(w.GetId()) > 64 {
		faults.Add("id", "found %q, want lower-case letters, digits and hyphens, at most 64", w.GetId())
	}
	checkName(&faults, "name", w.GetName())
	rooms := checkRooms(&faults, w)
	for i, d := range w.GetDoors() {
		path := index("doors", i)
		for _, end := range [2][2]string{{".a", d.GetA()}, {".b", d.GetB()}} {
			if _, ok := rooms[end[1]]; !ok {
				faults.Add(path+end[0], "found %q, want the id of a room", end[1])
			}
		}
		if d.GetA() == d.GetB() {
			faults.Add(path, "connects %q with itself", d.GetA())
		}
		if d.GetWalkSeconds() < 1 || d.GetWalkSeconds() > 86400 {
			faults.Add(path+".walk_seconds", "found %d, want 1 to 86400", d.GetWalkSeconds())
		}
	}
	if len(faults) > 0 {
		return faults
	}
	distances := walk(w, rooms)
	for i, room := range w.GetRooms() {
		if distances[0][i] == unreachable {
			faults.Add(index("rooms", i), "%q cannot be reached from %q: a door is missing", room.GetId(), w.GetRooms()[0].GetId())
		}
	}
	return faults.OrNil()
}

func checkName(faults *errs.Violations, field, name string) {
	if name == "" || len([]rune(name)) > 120 {
		faults.Add(field, "found %d characters, want 1 to 120", len([]rune(name)))
	}
	legible.Line(faults, field, name)
}

func checkRooms(faults *errs.Violations, w *simv1.World) map[string]int {
	rooms := make(map[string]int, len(w.GetRooms()))
	if n := len(w.GetRooms()); n == 0 || n > 200 {
		faults.Add("rooms", "found %d, want 1 to 200", n)
	}
	afforded := map[activity.Kind]bool{}
	for i, room := range w.GetRooms() {
		path := index("rooms", i)
		if !identifier.MatchString(room.GetId()) || len(room.GetId()) > 64 {
			faults.Add(path+".id", "found %q, want lower-case letters, digits and hyphens", room.GetId())
		}
		if _, twice := rooms[room.GetId()]; twice {
			faults.Add(path+".id", "%q is the id of another room too", room.GetId())
		}
		rooms[room.GetId()] = i
		checkName(faults, path+".name", room.GetName())
		checkObjects(faults, path, room, afforded)
	}
	for _, kind := range []activity.Kind{activity.Sleep, activity.WakeUp} {
		if !afforded[kind] {
			faults.Add("rooms", "no object affords %q, which every day needs", kind)
		}
	}
	return rooms
}

func checkObjects(faults *errs.Violations, path string, room *simv1.Room, afforded map[activity.Kind]bool) {
	objects := map[string]bool{}
	for k, object := range room.GetObjects() {
		path := index(path+".objects", k)
		if !identifier.MatchString(object.GetId()) || len(object.GetId()) > 64 {
			faults.Add(path+".id", "found %q, want lower-case letters, digits and hyphens", object.GetId())
		}
		if objects[object.GetId()] {
			faults.Add(path+".id", "%q is the id of another object of the room too", object.GetId())
		}
		objects[object.GetId()] = true
		checkName(faults, path+".name", object.GetName())
		if len(object.GetAffords()) == 0 {
			faults.Add(path+".affords", "is empty, want at least one activity kind")
		}
		for n, name := range object.GetAffords() {
			kind := activity.Kind(name)
			if !activity.Valid(kind) || kind == activity.Walking || kind == activity.Private {
				faults.Add(index(path+".affords", n), "found %q, want one of %v", name, affordable())
			}
			afforded[kind] = true
		}
	}
}

// affordable returns the kinds that an object may afford: all but walking,
// which has no object, and private, which is only a way of seeing.
func affordable() []activity.Kind {
	var out []activity.Kind
	for _, k := range activity.Kinds() {
		if k != activity.Walking && k != activity.Private {
			out = append(out, k)
		}
	}
	return out
}
