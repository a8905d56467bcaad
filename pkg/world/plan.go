package world

import (
	"github.com/propersim/propersim/pkg/activity"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Plan is a floor plan: a valid world with the shortest walks between all rooms
// and the places of each activity. It is immutable and safe for concurrent use.
type Plan struct {
	world   *simv1.World
	seconds [][]int32
	spots   map[activity.Kind][]Spot
}

// Spot is a place where something can be done.
type Spot struct {
	// Room is the position in World.rooms.
	Room int
	// RoomID and ObjectID are the identifiers in the world file.
	RoomID, ObjectID string
	// ObjectName is the object's name for people.
	ObjectName string
	// Private: the assistant sees nothing there.
	Private bool
}

// NewPlan validates a world (errs.Violations) and measures it.
func NewPlan(w *simv1.World) (*Plan, error) {
	if err := Validate(w); err != nil {
		return nil, err
	}
	rooms := make(map[string]int, len(w.GetRooms()))
	spots := map[activity.Kind][]Spot{}
	for i, room := range w.GetRooms() {
		rooms[room.GetId()] = i
		for _, object := range room.GetObjects() {
			spot := Spot{Room: i, RoomID: room.GetId(), ObjectID: object.GetId(), ObjectName: object.GetName(), Private: room.GetPrivate()}
			for _, kind := range object.GetAffords() {
				spots[activity.Kind(kind)] = append(spots[activity.Kind(kind)], spot)
			}
		}
	}
	return &Plan{world: w, seconds: walk(w, rooms), spots: spots}, nil
}

// World returns the world that was measured.
func (p *Plan) World() *simv1.World { return p.world }

// Room returns the room at a position.
func (p *Plan) Room(i int) *simv1.Room { return p.world.GetRooms()[i] }

// WalkSeconds returns the shortest walk between two rooms by position, in
// seconds; 0 within a room.
func (p *Plan) WalkSeconds(from, to int) int32 { return p.seconds[from][to] }

// Spots returns where a kind can be done, in the order of the world file; none
// for a kind that the world does not afford. The caller must not change it.
func (p *Plan) Spots(kind activity.Kind) []Spot { return p.spots[kind] }

// ObjectFor returns the spot for a kind that is nearest to a room, the first in
// the world file among equals; false where the world affords none.
func (p *Plan) ObjectFor(kind activity.Kind, from int) (Spot, bool) {
	spots := p.spots[kind]
	if len(spots) == 0 {
		return Spot{}, false
	}
	best := 0
	for i := range spots {
		if p.seconds[from][spots[i].Room] < p.seconds[from][spots[best].Room] {
			best = i
		}
	}
	return spots[best], true
}

// unreachable is more than any walk (200 rooms of 86,400 s), and twice as much
// still fits.
const unreachable = int32(1 << 29)

// walk returns the shortest walks between all pairs of rooms in seconds
// (Floyd-Warshall; at most 200 rooms).
func walk(w *simv1.World, rooms map[string]int) [][]int32 {
	n := len(w.GetRooms())
	d := make([][]int32, n)
	for i := range d {
		d[i] = make([]int32, n)
		for k := range d[i] {
			if i != k {
				d[i][k] = unreachable
			}
		}
	}
	for _, door := range w.GetDoors() {
		a, b := rooms[door.GetA()], rooms[door.GetB()]
		d[a][b] = min(d[a][b], door.GetWalkSeconds())
		d[b][a] = d[a][b]
	}
	for via := range d {
		for a := range d {
			for b := range d {
				if long := d[a][via] + d[via][b]; long < d[a][b] {
					d[a][b] = long
				}
			}
		}
	}
	return d
}
