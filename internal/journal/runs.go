package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// NewRun is what a run is made of.
type NewRun struct {
	// Run brings config, persona, state, reason, version, create_time, labels,
	// and for a fork forked_from and forked_at_step. The journal gives it id and
	// handle.
	Run *environmentv1.Run
	// World is where it takes place.
	World *simv1.World
	// RequestID makes a repeat harmless; empty for none.
	RequestID string
	// Request is the whole request, such as a CreateRunRequest: another kind of
	// request, or one with another content, is refused under the same id.
	Request proto.Message
}

// Create records a run under an id derived from what it is and a random handle,
// and returns it; a fork gets the entries that it shares, with their timings.
// created is false where the request id has made the run before. ErrExists for a
// request id that stands for another request, ErrNotFound for a fork of a step
// that is not committed.
func (j *Journal) Create(ctx context.Context, n NewRun) (run *environmentv1.Run, created bool, err error) {
	g, err := newGenesis(n.Run.GetConfig(), n.Run.GetPersona(), n.World)
	if err != nil {
		return nil, false, err
	}
	digest, err := requestDigest(n.Request)
	if err != nil {
		return nil, false, err
	}
	var id string
	err = j.db.Update(ctx, func(tx *sql.Tx) error {
		id, created = "", false
		if err := j.alone(ctx, tx); err != nil {
			return err
		}
		if n.RequestID != "" {
			id, err = earlier(ctx, tx, n.RequestID, digest)
			if err != nil || id != "" {
				return err
			}
		}
		created = true
		id, err = j.insertRun(ctx, tx, n, g, digest)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	run, err = j.Run(ctx, id)
	return run, created, err
}

// alone lets no other process create a run until the end of the transaction.
func (j *Journal) alone(ctx context.Context, tx *sql.Tx) error {
	if j.db.Dialect != store.Postgres {
		return nil // a writing transaction of SQLite is alone anyway
	}
	_, err := tx.ExecContext(ctx, "LOCK TABLE requests IN EXCLUSIVE MODE")
	return err
}

// requestDigest covers the kind of a request and its content.
func requestDigest(request proto.Message) ([]byte, error) {
	if request == nil {
		return []byte{}, nil
	}
	data, err := deterministic.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("marshal the request: %w", err)
	}
	h := sha256.New()
	h.Write([]byte(request.ProtoReflect().Descriptor().FullName()))
	h.Write([]byte{0})
	h.Write(data)
	return h.Sum(nil), nil
}

// Requested returns the id of the run that a request has made under a request id,
// or "" for none. ErrExists for a request id that stands for another request.
func (j *Journal) Requested(ctx context.Context, requestID string, request proto.Message) (string, error) {
	if requestID == "" {
		return "", nil
	}
	digest, err := requestDigest(request)
	if err != nil {
		return "", err
	}
	id, err := earlier(ctx, j.db, requestID, digest)
	return id, j.db.Err(err)
}

// rowQueryer is the database or a transaction.
type rowQueryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// earlier returns the id of the run that a request has made, or "".
func earlier(ctx context.Context, q rowQueryer, requestID string, digest []byte) (string, error) {
	var id string
	var before []byte
	err := q.QueryRowContext(ctx, "SELECT runs.id, requests.digest FROM requests JOIN runs ON runs.number = requests.run WHERE requests.id = $1", requestID).Scan(&id, &before)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !bytes.Equal(before, digest) {
		return "", fmt.Errorf("request_id %q was used by another request, which made run %s: use another request_id: %w", requestID, id, errs.ErrExists)
	}
	return id, nil
}

func (j *Journal) insertRun(ctx context.Context, tx *sql.Tx, n NewRun, g genesis, digest []byte) (string, error) {
	var number int64
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(number), 0) + 1 FROM runs").Scan(&number); err != nil {
		return "", err
	}
	run := n.Run
	id, err := freeID(ctx, tx, run, g)
	if err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO runs (number, id, handle, config, persona, world, version, created_unix_ns, forked_from, forked_at_step)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		number, id, uuid.NewString(), g.config, g.persona, g.world, run.GetVersion(), run.GetCreateTime().AsTime().UnixNano(), run.GetForkedFrom(), run.GetForkedAtStep())
	if err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO standings (run, days, state, reason, progress, holder, token, ttl_ms, until_unix_ms, wish) VALUES ($1, $2, $3, $4, $5, '', 0, 0, 0, 0)",
		number, run.GetConfig().GetDays(), int32(run.GetState()), run.GetReason(), []byte{})
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(run.GetLabels())) {
		if _, err := tx.ExecContext(ctx, "INSERT INTO labels (run, name, value) VALUES ($1, $2, $3)", number, name, run.GetLabels()[name]); err != nil {
			return "", err
		}
	}
	if n.RequestID != "" {
		if _, err := tx.ExecContext(ctx, "INSERT INTO requests (id, digest, run) VALUES ($1, $2, $3)", n.RequestID, digest, number); err != nil {
			return "", err
		}
	}
	return id, share(ctx, tx, run, number, g)
}

// freeID derives "<persona>-<method>-s<seed>-<8 hex digits>" from what the run
// is, with a count behind it from the second such run on.
func freeID(ctx context.Context, tx *sql.Tx, run *environmentv1.Run, g genesis) (string, error) {
	h := g.hash()
	if run.GetForkedFrom() != "" {
		h = next(h, []byte(run.GetForkedFrom()+"@"+strconv.Itoa(int(run.GetForkedAtStep()))))
	}
	config := run.GetConfig()
	base := config.GetPersonaId() + "-" + plain(config.GetMethod().GetName()) + "-s" + strconv.FormatUint(config.GetSeed(), 10) + "-" + hex.EncodeToString(h[:4])
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

// plain keeps the letters, digits, dots, hyphens and underscores of a third
// party's method, so that an id is safe in a path and in a shell.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, name)
}

// share copies the entries that a fork has in common with the run that it was
// forked from, chained to its own beginning, a chunk at a time.
func share(ctx context.Context, tx *sql.Tx, run *environmentv1.Run, to int64, g genesis) error {
	from, last := run.GetForkedFrom(), int64(run.GetForkedAtStep())
	if from == "" {
		return nil
	}
	var number, end int64
	err := tx.QueryRowContext(ctx, `SELECT entries.run, entries.sequence FROM entries JOIN runs ON runs.number = entries.run
		WHERE runs.id = $1 AND entries.sequence > $2 AND entries.step = $2 AND entries.night = 0 ORDER BY entries.sequence LIMIT 1`, from, last).Scan(&number, &end)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("step %d of run %s is not committed: %w", last, from, errs.ErrNotFound)
	}
	if err != nil {
		return err
	}
	hash := g.hash()
	scan := newScan(tx)
	for after := int64(0); after < end; {
		batch, _, err := scan.read(ctx, number, after, end)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return fmt.Errorf("run %s: entries %d to %d are missing: %w", from, after+1, end, errs.ErrDataLoss)
		}
		for _, w := range batch {
			hash = next(hash, w.body)
			night := 0
			if w.night {
				night = 1
			}
			if _, err := tx.ExecContext(ctx, insertQuery(1), to, w.sequence, night, w.step, w.day, w.body, hash[:]); err != nil {
				return err
			}
			after = w.sequence
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO calls (run, sequence, position, call_id, endpoint, waited_ns, latency_ns)
		SELECT CAST($1 AS BIGINT), sequence, position, call_id, endpoint, waited_ns, latency_ns FROM calls WHERE run = $2 AND sequence <= $3`, to, number, end)
	return err
}

// endWish keeps a wish that the conductor may not have seen yet.
const endWish = "wish = CASE WHEN CAST($1 AS BIGINT) IN (2, 3) THEN wish ELSE 0 END"

// SetState records the state of a run, its reason, and a checkpoint of its
// progress (nil keeps the one before). It ends a wish, unless the run continues
// in the new state (running or waiting). ErrLeaseLost where the lease is no longer
// valid.
func (j *Journal) SetState(ctx context.Context, lease *Lease, state environmentv1.RunState, reason string, progress *environmentv1.Progress) error {
	if progress == nil {
		return j.update(ctx, lease, "state = $1, reason = $2, "+endWish+" WHERE run = $3 AND token = $4", int32(state), reason, lease.number, lease.token)
	}
	data, err := deterministic.Marshal(progress)
	if err != nil {
		return fmt.Errorf("run %s: progress: %w", lease.run, err)
	}
	return j.update(ctx, lease, "state = $1, reason = $2, progress = $3, "+endWish+" WHERE run = $4 AND token = $5", int32(state), reason, data, lease.number, lease.token)
}

// Extend gives a run more days and queues it. progress is what it has done so far.
// ErrLeaseLost where the lease is no longer valid.
func (j *Journal) Extend(ctx context.Context, lease *Lease, days int32, progress *environmentv1.Progress) error {
	data, err := deterministic.Marshal(progress)
	if err != nil {
		return fmt.Errorf("run %s: progress: %w", lease.run, err)
	}
	return j.update(ctx, lease, "days = $1, state = $2, reason = '', progress = $3, "+endWish+" WHERE run = $4 AND token = $5",
		days, int32(environmentv1.RunState_RUN_STATE_QUEUED), data, lease.number, lease.token)
}

// Checkpoint records the progress of a run that is conducted, so that the next
// start need not read all of it. ErrLeaseLost where the lease is no longer valid.
func (j *Journal) Checkpoint(ctx context.Context, lease *Lease, progress *environmentv1.Progress) error {
	data, err := deterministic.Marshal(progress)
	if err != nil {
		return fmt.Errorf("run %s: progress: %w", lease.run, err)
	}
	return j.update(ctx, lease, "progress = $1 WHERE run = $2 AND token = $3", data, lease.number, lease.token)
}

// update changes the one row of standings that a lease fences.
func (j *Journal) update(ctx context.Context, lease *Lease, set string, args ...any) error {
	res, err := j.db.ExecContext(ctx, "UPDATE standings SET "+set, args...)
	if err != nil {
		return fmt.Errorf("run %s: %w", lease.run, err)
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = lease.lost()
	}
	return err
}
