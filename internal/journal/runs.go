package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// NewRun is what a run is made of.
type NewRun struct {
	// Run brings config, persona, state, version, created_unix_ms, and for a
	// fork forked_from and forked_at_step.
	Run *environmentv1.Run
	// World is where it takes place.
	World *simv1.World
	// RequestID makes a repeat harmless; empty for none.
	RequestID string
	// Request is what the request id stands for: another request under the same
	// id is refused.
	Request proto.Message
}

// Create records a run under an id derived from what it is, and returns it; a
// fork gets the entries it shares. created is false where the request id has
// made the run before. ErrExists for a request id that stands for another
// request.
func (j *Journal) Create(ctx context.Context, n NewRun) (run *environmentv1.Run, created bool, err error) {
	g, err := newGenesis(n.Run.GetConfig(), n.Run.GetPersona(), n.World)
	if err != nil {
		return nil, false, err
	}
	request, err := deterministic.Marshal(n.Request)
	if err != nil {
		return nil, false, fmt.Errorf("marshal the request: %w", err)
	}
	digest := sha256.Sum256(request)
	shared, err := j.shared(ctx, n.Run, g)
	if err != nil {
		return nil, false, err
	}
	var id string
	err = j.db.Update(ctx, func(tx *sql.Tx) error {
		if n.RequestID != "" {
			id, err = earlier(ctx, tx, n.RequestID, digest[:])
			if err != nil || id != "" {
				return err
			}
		}
		created = true
		id, err = insertRun(ctx, tx, n, g, digest[:], shared)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	run, err = j.Run(ctx, id)
	return run, created, err
}

// earlier returns the id of the run that a request has made, or "".
func earlier(ctx context.Context, tx *sql.Tx, requestID string, digest []byte) (string, error) {
	var id string
	var before []byte
	err := tx.QueryRowContext(ctx, "SELECT runs.id, requests.digest FROM requests JOIN runs ON runs.number = requests.run WHERE requests.id = $1", requestID).Scan(&id, &before)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !bytes.Equal(before, digest) {
		return "", fmt.Errorf("request id %q has made run %s of another request: %w", requestID, id, errs.ErrExists)
	}
	return id, nil
}

func insertRun(ctx context.Context, tx *sql.Tx, n NewRun, g genesis, digest []byte, shared []row) (string, error) {
	var number int64
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(number), 0) + 1 FROM runs").Scan(&number); err != nil {
		return "", err
	}
	run := n.Run
	id, err := freeID(ctx, tx, run, g)
	if err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO runs ("+runColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		number, id, g.config, g.persona, g.world, run.GetVersion(), run.GetCreatedUnixMs(), run.GetForkedFrom(), run.GetForkedAtStep(),
		int32(run.GetState()), run.GetReason(), []byte{})
	if err != nil {
		return "", err
	}
	for _, w := range shared {
		night := 0
		if w.night {
			night = 1
		}
		_, err := tx.ExecContext(ctx, insertQuery(1), number, w.sequence, night, w.step, w.day, w.body, w.hash)
		if err != nil {
			return "", err
		}
	}
	if n.RequestID != "" {
		if _, err := tx.ExecContext(ctx, "INSERT INTO requests (id, digest, run) VALUES ($1, $2, $3)", n.RequestID, digest, number); err != nil {
			return "", err
		}
	}
	return id, nil
}

// freeID derives "<persona>-<method>-s<seed>-<8 hex digits>" from what the run
// is, with a count behind it from the second such run on.
func freeID(ctx context.Context, tx *sql.Tx, run *environmentv1.Run, g genesis) (string, error) {
	h := g.hash()
	if run.GetForkedFrom() != "" {
		h = next(h, []byte(run.GetForkedFrom()+"@"+strconv.Itoa(int(run.GetForkedAtStep()))))
	}
	config := run.GetConfig()
	base := config.GetPersonaId() + "-" + config.GetMethod() + "-s" + strconv.FormatUint(config.GetSeed(), 10) + "-" + hex.EncodeToString(h[:4])
	for n := 1; ; n++ {
		id := base
		if n > 1 {
			id += "-" + strconv.Itoa(n)
		}
		var taken int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM runs WHERE id = $1", id).Scan(&taken); err != nil {
			return "", err
		}
		if taken == 0 {
			return id, nil
		}
	}
}

// shared returns the entries a fork shares, chained to its own beginning; none
// for a run that is no fork.
func (j *Journal) shared(ctx context.Context, run *environmentv1.Run, g genesis) ([]row, error) {
	from, last := run.GetForkedFrom(), int64(run.GetForkedAtStep())
	if from == "" {
		return nil, nil
	}
	if _, err := j.Step(ctx, from, run.GetForkedAtStep()); err != nil {
		return nil, err
	}
	rec, err := j.record(ctx, from)
	if err != nil {
		return nil, err
	}
	hash := g.hash()
	var out []row
	for w, err := range j.rows(ctx, rec.number, 0) {
		if err != nil {
			return nil, err
		}
		if w.step > last || (w.night && w.step == last) {
			break
		}
		hash = next(hash, w.body)
		out = append(out, row{sequence: w.sequence, step: w.step, day: w.day, night: w.night, body: w.body, hash: bytes.Clone(hash[:])})
	}
	return out, nil
}

// SetState records where a run stands, why, and a checkpoint of its progress
// (nil keeps the one before).
func (j *Journal) SetState(ctx context.Context, id string, state environmentv1.RunState, reason string, progress *environmentv1.Progress) error {
	var err error
	if progress == nil {
		_, err = j.db.ExecContext(ctx, "UPDATE runs SET state = $1, reason = $2 WHERE id = $3", int32(state), reason, id)
	} else {
		var data []byte
		if data, err = deterministic.Marshal(progress); err != nil {
			return fmt.Errorf("run %s: progress: %w", id, err)
		}
		_, err = j.db.ExecContext(ctx, "UPDATE runs SET state = $1, reason = $2, progress = $3 WHERE id = $4", int32(state), reason, data, id)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	return nil
}

// Checkpoint records the progress of a run that goes on, so that the next start
// need not read all of it.
func (j *Journal) Checkpoint(ctx context.Context, id string, progress *environmentv1.Progress) error {
	data, err := deterministic.Marshal(progress)
	if err != nil {
		return fmt.Errorf("run %s: progress: %w", id, err)
	}
	if _, err := j.db.ExecContext(ctx, "UPDATE runs SET progress = $1 WHERE id = $2", data, id); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	return nil
}
