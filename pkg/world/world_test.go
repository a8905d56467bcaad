package world_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/propersim/propersim/pkg/activity"
	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/world"
)

const flat = `
name: Flat
rooms:
  - id: room
    name: room
    objects:
      - {id: bed, name: bed, affords: [sleep, wake_up, reading]}
  - id: hall
    name: hall
  - id: bath
    name: bath
    private: true
    objects:
      - {id: tub, name: tub, affords: [hygiene, reading]}
doors:
  - {a: room, b: hall, walk_seconds: 10}
  - {a: hall, b: bath, walk_seconds: 15}
  - {a: room, b: bath, walk_seconds: 40}
`

func TestPlan(t *testing.T) {
	w, err := world.Parse("flat", []byte(flat))
	require.NoError(t, err)
	plan, err := world.NewPlan(w)
	require.NoError(t, err)
	require.EqualValues(t, 25, plan.WalkSeconds(0, 2), "through the hall is shorter")
	require.EqualValues(t, 0, plan.WalkSeconds(1, 1))
	spot, ok := plan.ObjectFor(activity.Reading, 2)
	require.True(t, ok)
	require.Equal(t, world.Spot{Room: 2, RoomID: "bath", ObjectID: "tub", ObjectName: "tub", Private: true}, spot)
	_, ok = plan.ObjectFor(activity.Gardening, 0)
	require.False(t, ok)
}

func TestFaultsAreNamed(t *testing.T) {
	tests := map[string]struct{ yaml, field, message string }{
		"unknown key":      {"name: x\ncolour: red\n", "colour", "unknown key on line 2, want one of doors, name, rooms"},
		"unknown deep key": {"name: x\nrooms: [{id: a, name: a, objects: [{id: b, afords: [sleep]}]}]\n", "rooms[0].objects[0].afords", "want one of affords, id, name"},
		"no room":          {"name: x\n", "rooms", "found 0, want 1 to 200"},
		"no bed":           {"name: x\nrooms: [{id: a, name: a, objects: [{id: b, name: b, affords: [wake_up]}]}]\n", "rooms", `no object affords "sleep"`},
		"unknown kind":     {"name: x\nrooms: [{id: a, name: a, objects: [{id: b, name: b, affords: [sleep, wake_up, snooze]}]}]\n", "rooms[0].objects[0].affords[2]", `found "snooze", want one of [sleep`},
		"walking":          {"name: x\nrooms: [{id: a, name: a, objects: [{id: b, name: b, affords: [sleep, wake_up, walking]}]}]\n", "rooms[0].objects[0].affords[2]", `found "walking"`},
		"twice":            {flat + "  - {a: room, b: room, walk_seconds: 5}\n", "doors[3]", "with itself"},
		"door to nowhere":  {flat + "  - {a: room, b: attic, walk_seconds: 5}\n", "doors[3].b", `found "attic", want the id of a room`},
		"door too far":     {flat + "  - {a: room, b: hall, walk_seconds: 0}\n", "doors[3].walk_seconds", "found 0, want 1 to 86400"},
		"not a number":     {flat + "  - {a: room, b: hall, walk_seconds: far}\n", "x", "cannot unmarshal"},
		"cut off":          {"name: x\nrooms:\n  - {id: a, name: a, objects: [{id: b, name: b, affords: [sleep, wake_up]}]}\n  - {id: c, name: c}\n", "rooms[1]", `"c" cannot be reached from "a"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := world.Parse("x", []byte(test.yaml))
			require.ErrorIs(t, err, errs.ErrInvalid)
			var faults errs.Violations
			require.ErrorAs(t, err, &faults)
			for _, fault := range faults {
				if fault.Field == test.field {
					require.Contains(t, fault.Message, test.message)
					return
				}
			}
			t.Fatalf("no fault of %s in %v", test.field, faults)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(flat))
	f.Add([]byte("rooms: {a: b}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := world.Parse("x", data)
		if err != nil {
			require.ErrorIs(t, err, errs.ErrInvalid)
			return
		}
		_, err = world.NewPlan(w)
		require.NoError(t, err)
	})
}
