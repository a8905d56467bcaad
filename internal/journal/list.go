package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// record is a run as it is stored.
type record struct {
	number  int64
	genesis genesis
	run     *environmentv1.Run
}

// runQuery selects runs with what they are, their state and their lease. A run
// that was running or waiting when its conductor ended is queued.
func (r *Reader) runQuery(where string) string {
	now := r.nowMillis()
	return `SELECT runs.number, runs.id, runs.handle, runs.config, runs.persona, runs.world, runs.version, runs.created_unix_ns, runs.forked_from, runs.forked_at_step, standings.days,
		` + stateNow(now) + `, standings.reason, standings.progress, standings.holder, standings.until_unix_ms, CASE WHEN standings.until_unix_ms > ` + now + ` THEN 1 ELSE 0 END
		FROM runs JOIN standings ON standings.run = runs.number ` + where
}

// stateNow is the state of a run as an expression.
func stateNow(now string) string {
	return "CASE WHEN standings.state IN (2, 3) AND standings.until_unix_ms <= " + now + " THEN 1 ELSE standings.state END"
}

// conducted reports whether somebody may conduct a run of a state.
func conducted(state environmentv1.RunState) bool {
	switch state {
	case environmentv1.RunState_RUN_STATE_QUEUED, environmentv1.RunState_RUN_STATE_RUNNING, environmentv1.RunState_RUN_STATE_WAITING:
		return true
	}
	return false
}

func scanRun(scan func(...any) error) (*record, error) {
	rec := &record{run: &environmentv1.Run{Config: &environmentv1.RunConfig{}, Persona: &simv1.Persona{}, Progress: &environmentv1.Progress{}}}
	run, g := rec.run, &rec.genesis
	var progress []byte
	var holder string
	var created, until, leased, days int64
	err := scan(&rec.number, &run.Id, &run.Handle, &g.config, &g.persona, &g.world, &run.Version, &created, &run.ForkedFrom, &run.ForkedAtStep, &days,
		(*int32)(&run.State), &run.Reason, &progress, &holder, &until, &leased)
	if err != nil {
		return nil, err
	}
	run.CreateTime = timestamppb.New(time.Unix(0, created))
	free := leased == 0
	if !free {
		free, run.State = lapsed(holder, run.GetState())
	}
	if !free && conducted(run.GetState()) { // the lease of a run that has ended is about to be released
		run.Conductor = &environmentv1.Conductor{Name: holder, LeaseUntil: timestamppb.New(time.UnixMilli(until))}
	}
	for _, part := range []struct {
		name    string
		data    []byte
		message proto.Message
	}{{"config", g.config, run.Config}, {"persona", g.persona, run.Persona}, {"progress", progress, run.Progress}} {
		if err := proto.Unmarshal(part.data, part.message); err != nil {
			return nil, fmt.Errorf("run %s: its %s cannot be read: %v: %w", run.Id, part.name, err, errs.ErrDataLoss)
		}
	}
	run.Config.Days = int32(days)
	return rec, nil
}

// number returns the number of a run. ErrNotFound for an unknown id.
func (r *Reader) number(ctx context.Context, id string) (int64, error) {
	var number int64
	err := r.db.QueryRowContext(ctx, "SELECT number FROM runs WHERE id = $1", id).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("run %q: %w", id, errs.ErrNotFound)
	}
	return number, r.db.Err(err)
}

// record returns a run by id without bringing its progress up to date.
func (r *Reader) record(ctx context.Context, id string) (*record, error) {
	records, err := r.records(ctx, r.runQuery("WHERE runs.id = $1"), id)
	if err == nil && len(records) == 0 {
		err = fmt.Errorf("run %q: %w", id, errs.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return records[0], nil
}

// records returns the runs of a query, with their labels.
func (r *Reader) records(ctx context.Context, query string, args ...any) ([]*record, error) {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, r.db.Err(err)
	}
	defer rows.Close()
	var out []*record
	for rows.Next() {
		rec, err := scanRun(rows.Scan)
		if err != nil {
			return nil, r.db.Err(err)
		}
		out = append(out, rec)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, r.db.Err(err)
	}
	return out, r.label(ctx, out)
}

// label fills in the labels of runs that are in ascending order.
func (r *Reader) label(ctx context.Context, records []*record) error {
	if len(records) == 0 {
		return nil
	}
	rows, err := r.db.QueryContext(ctx, "SELECT run, name, value FROM labels WHERE run >= $1 AND run <= $2", records[0].number, records[len(records)-1].number)
	if err != nil {
		return r.db.Err(err)
	}
	defer rows.Close()
	byNumber := make(map[int64]*environmentv1.Run, len(records))
	for _, rec := range records {
		byNumber[rec.number] = rec.run
	}
	for rows.Next() {
		var number int64
		var name, value string
		if err := rows.Scan(&number, &name, &value); err != nil {
			return r.db.Err(err)
		}
		run := byNumber[number]
		if run == nil {
			continue
		}
		if run.Labels == nil {
			run.Labels = map[string]string{}
		}
		run.Labels[name] = value
	}
	return r.db.Err(errors.Join(rows.Err(), rows.Close()))
}

// Run returns a run with its progress. ErrNotFound for an unknown id.
func (r *Reader) Run(ctx context.Context, id string) (*environmentv1.Run, error) {
	rec, err := r.record(ctx, id)
	if err != nil {
		return nil, err
	}
	return rec.run, r.catchUp(ctx, rec)
}

// Runs returns all runs in the order of their creation, each with its progress.
func (r *Reader) Runs(ctx context.Context) ([]*environmentv1.Run, error) {
	listed, err := r.List(ctx, Filter{}, 0, 0)
	if err != nil {
		return nil, err
	}
	runs := make([]*environmentv1.Run, len(listed))
	for i, one := range listed {
		runs[i] = one.Run
	}
	return runs, nil
}

// Filter selects runs.
type Filter struct {
	// Labels that a run must have, all of them.
	Labels map[string]string
	// States of which a run must be in one; empty means any.
	States []environmentv1.RunState
}

// Listed is a run and its position in the list of all runs.
type Listed struct {
	// Position is above 0 and ascends in the order of creation; it never changes.
	Position int64
	// Run is the run with its progress.
	Run *environmentv1.Run
}

// List returns the runs that a filter selects behind a position (0 for the
// first page), at most limit of them (0 for all), in the order of their creation.
func (r *Reader) List(ctx context.Context, f Filter, after int64, limit int) ([]Listed, error) {
	args := []any{after}
	bind := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	var where strings.Builder
	where.WriteString("WHERE runs.number > $1")
	for _, name := range slices.Sorted(maps.Keys(f.Labels)) {
		where.WriteString(" AND EXISTS (SELECT 1 FROM labels WHERE labels.run = runs.number AND labels.name = " + bind(name) + " AND labels.value = " + bind(f.Labels[name]) + ")")
	}
	if len(f.States) > 0 {
		states := make([]string, len(f.States))
		for i, state := range f.States {
			states[i] = strconv.Itoa(int(state))
		}
		where.WriteString(" AND (" + stateNow(r.nowMillis()) + ") IN (" + strings.Join(states, ", ") + ")")
	}
	where.WriteString(" ORDER BY runs.number")
	if limit > 0 {
		where.WriteString(" LIMIT " + strconv.Itoa(limit))
	}
	records, err := r.records(ctx, r.runQuery(where.String()), args...)
	if err != nil {
		return nil, err
	}
	out := make([]Listed, len(records))
	for i, rec := range records {
		if err := r.catchUp(ctx, rec); err != nil {
			return nil, err
		}
		out[i] = Listed{Position: rec.number, Run: rec.run}
	}
	return out, nil
}

// Standing is the state of a run as all processes see it.
type Standing struct {
	// Position and ID of the run.
	Position int64
	ID       string
	// State and its reason. A run that was running or waiting when its conductor
	// ended is queued.
	State  environmentv1.RunState
	Reason string
	// Wish is the state that somebody asks of the conductor; unspecified for none.
	Wish environmentv1.RunState
	// Sequence is that of the last committed entry; 0 where there is none.
	Sequence int64
	// Holder has a valid lease until Until; empty where nobody conducts the run.
	Holder string
	Until  time.Time
}

// Standings returns the state of all runs in the order of their creation. It
// reads no configuration and no entry, and is meant for polling.
func (r *Reader) Standings(ctx context.Context) ([]Standing, error) {
	now := r.nowMillis()
	rows, err := r.db.QueryContext(ctx, "SELECT runs.number, runs.id, "+stateNow(now)+`, standings.reason, standings.wish,
		COALESCE((SELECT MAX(sequence) FROM entries WHERE entries.run = runs.number), 0),
		standings.holder, standings.until_unix_ms, CASE WHEN standings.until_unix_ms > `+now+` THEN 1 ELSE 0 END
		FROM runs JOIN standings ON standings.run = runs.number ORDER BY runs.number`)
	if err != nil {
		return nil, r.db.Err(err)
	}
	defer rows.Close()
	var out []Standing
	for rows.Next() {
		var s Standing
		var until, leased int64
		if err := rows.Scan(&s.Position, &s.ID, (*int32)(&s.State), &s.Reason, (*int32)(&s.Wish), &s.Sequence, &s.Holder, &until, &leased); err != nil {
			return nil, r.db.Err(err)
		}
		free := leased == 0
		if !free {
			free, s.State = lapsed(s.Holder, s.State)
		}
		if free {
			s.Holder = ""
		} else {
			s.Until = time.UnixMilli(until)
		}
		out = append(out, s)
	}
	return out, r.db.Err(errors.Join(rows.Err(), rows.Close()))
}

// Progress returns the progress of a run. since is an earlier progress of it:
// only what was committed later is read; nil reads from the checkpoint on.
// ErrNotFound for an unknown id.
func (r *Reader) Progress(ctx context.Context, id string, since *environmentv1.Progress) (*environmentv1.Progress, error) {
	rec, err := r.record(ctx, id)
	if err != nil {
		return nil, err
	}
	if since.GetSequence() > rec.run.GetProgress().GetSequence() {
		rec.run.Progress = proto.CloneOf(since)
	}
	if err := r.catchUp(ctx, rec); err != nil {
		return nil, err
	}
	return rec.run.GetProgress(), nil
}

// World returns the world a run was made with. ErrNotFound for an unknown id.
func (r *Reader) World(ctx context.Context, id string) (*simv1.World, error) {
	var data []byte
	err := r.db.QueryRowContext(ctx, "SELECT world FROM runs WHERE id = $1", id).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("run %q: %w", id, errs.ErrNotFound)
	}
	if err != nil {
		return nil, r.db.Err(err)
	}
	world := &simv1.World{}
	if err := proto.Unmarshal(data, world); err != nil {
		return nil, fmt.Errorf("run %s: its world cannot be read: %v: %w", id, err, errs.ErrDataLoss)
	}
	return world, nil
}
