package plannertest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/role"
	"github.com/propersim/propersim/pkg/simtime"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
	"github.com/propersim/propersim/services/user/driver"
	"github.com/propersim/propersim/services/user/planner"
)

// Unseeded returns planners that cannot derive their decisions again, as if a
// model made them: each day is the embedded planner's, by a random number that
// only the day's note keeps. Tests prove with them that notes are enough.
func Unseeded() driver.Planners {
	return driver.Planners{
		Backend: &simv1.Backend{Driver: "unseeded"},
		New: func(life driver.Life) (driver.Planner, error) {
			u := &unseeded{life: life, scale: simtime.Scale(life.Settings.GetStepSeconds()), days: map[int32]*planner.Planner{}, seeds: map[int32]uint64{}}
			_, err := u.planner(1)
			return u, err
		},
	}
}

type unseeded struct {
	life  driver.Life
	scale simtime.Scale
	days  map[int32]*planner.Planner
	seeds map[int32]uint64
}

func (u *unseeded) planner(seed uint64) (*planner.Planner, error) {
	settings := proto.CloneOf(u.life.Settings)
	settings.Seed = seed
	return planner.New(u.life.Persona, u.life.World, settings)
}

// decide returns the planner of a day, and a note where it was decided now.
func (u *unseeded) decide(number int32) (*planner.Planner, []*simv1.Note, error) {
	if p := u.days[number]; p != nil {
		return p, nil, nil
	}
	seed := rand.Uint64()
	p, err := u.planner(seed)
	if err != nil {
		return nil, nil, err
	}
	u.days[number], u.seeds[number] = p, seed
	note := &simv1.Note{Role: simv1.Role_ROLE_PLANNER, Key: fmt.Sprintf("day/%d", number), Content: binary.BigEndian.AppendUint64(nil, seed)}
	return p, []*simv1.Note{note}, nil
}

// Act implements driver.Planner.
func (u *unseeded) Act(ctx context.Context, step int32) (driver.Plan, role.Effects, error) {
	if err := errs.FromContext(ctx); err != nil {
		return driver.Plan{}, role.Effects{}, err
	}
	number, second := u.scale.Day(step), int(u.scale.SecondOfDay(step))
	today, notes, err := u.decide(number)
	if err != nil {
		return driver.Plan{}, role.Effects{}, err
	}
	effects := role.Effects{Notes: notes}
	if number == 1 || second >= today.Day(number).Wake {
		action, seen := today.At(step)
		return driver.Plan{Action: action, Observation: seen}, effects, nil
	}
	before, notes, err := u.decide(number - 1)
	if err != nil {
		return driver.Plan{}, role.Effects{}, err
	}
	effects.Notes = append(effects.Notes, notes...)
	if yesterday := before.Day(number - 1); second+simtime.SecondsPerDay >= yesterday.Bed {
		return driver.Plan{Action: yesterday.Night}, effects, nil
	}
	action, seen := before.At(step)
	return driver.Plan{Action: action, Observation: seen}, effects, nil
}

// Restore implements driver.Planner.
func (u *unseeded) Restore(note *simv1.Note) error {
	var number int32
	if _, err := fmt.Sscanf(note.GetKey(), "day/%d", &number); err != nil || len(note.GetContent()) != 8 {
		return errs.Invalid("key", "found %q with %d bytes, want day/N with 8", note.GetKey(), len(note.GetContent()))
	}
	seed := binary.BigEndian.Uint64(note.GetContent())
	if known, ok := u.seeds[number]; ok && known == seed {
		return nil
	}
	p, err := u.planner(seed)
	if err != nil {
		return err
	}
	u.days[number], u.seeds[number] = p, seed
	return nil
}
