package buffer

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// rowsPerInsert is how many pairs one statement stores; about an hour's.
	rowsPerInsert = 16
	// bodiesPerQuery is how many drawn pairs one query reads.
	bodiesPerQuery = 50
	// page is how many pairs one query reads when all of a run's are wanted, so
	// that a slow reader does not keep a connection busy.
	page = 256
)

// pairs is the table of pairs. A pair is stored as its deterministic
// marshalling, whose bytes enter the digest of a draw.
type pairs struct {
	db         *store.DB
	insertMany *sql.Stmt // rowsPerInsert rows
	insertOne  *sql.Stmt
	readMany   *sql.Stmt // bodiesPerQuery steps of a run
	readSteps  *sql.Stmt
	readPage   *sql.Stmt
}

func openPairs(ctx context.Context, dsn string) (*pairs, error) {
	db, err := store.Open(ctx, dsn, migrations, store.Name("buffer"))
	if err != nil {
		return nil, fmt.Errorf("preference buffer: %w", err)
	}
	p := &pairs{db: db}
	if err := p.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("preference buffer: %w", db.Err(err))
	}
	return p, nil
}

func (p *pairs) prepare(ctx context.Context) error {
	for _, s := range []struct {
		stmt  **sql.Stmt
		pool  *sql.DB
		query string
	}{
		{&p.insertMany, p.db.Writer(), insertQuery(rowsPerInsert)},
		{&p.insertOne, p.db.Writer(), insertQuery(1)},
		{&p.readMany, p.db.DB, `SELECT step, body FROM buffer_pairs WHERE run_id = $1 AND step IN (` + placeholders(2, bodiesPerQuery) + `)`},
		{&p.readSteps, p.db.DB, `SELECT day, string_agg(CAST(step AS TEXT), ',') FROM buffer_pairs WHERE run_id = $1 AND day <= $2 GROUP BY day ORDER BY day`},
		{&p.readPage, p.db.DB, `SELECT step, body FROM buffer_pairs WHERE run_id = $1 AND step > $2 ORDER BY step LIMIT $3`},
	} {
		var err error
		if *s.stmt, err = s.pool.PrepareContext(ctx, s.query); err != nil {
			return err
		}
	}
	return nil
}

func insertQuery(rows int) string {
	values := make([]string, rows)
	for i := range values {
		values[i] = "(" + placeholders(1+4*i, 4) + ")"
	}
	return `INSERT INTO buffer_pairs (run_id, step, day, body) VALUES ` + strings.Join(values, ", ") + ` ON CONFLICT (run_id, step) DO NOTHING`
}

// placeholders returns "$first, ..." for n values.
func placeholders(first, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(out, ", ")
}

// Close closes the database.
func (p *pairs) Close() error { return p.db.Close() }

// append stores pairs in one transaction and returns how many were new. A pair
// already stored with other content is an ErrExists, and nothing is stored.
func (p *pairs) append(ctx context.Context, batch []*bufferv1.PreferencePair) (int, error) {
	args := make([]any, 0, 4*len(batch))
	for _, pair := range batch {
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(pair)
		if err != nil {
			return 0, fmt.Errorf("pair of run %q, step %d: %v: %w", pair.GetRunId(), pair.GetStep(), err, errs.ErrInvalid)
		}
		args = append(args, pair.GetRunId(), int64(pair.GetStep()), int64(pair.GetDay()), body)
	}
	appended := 0
	err := p.db.Update(ctx, func(tx *sql.Tx) error {
		var err error
		if appended, err = p.insert(ctx, tx, args); err != nil {
			return err
		}
		if appended == len(batch) {
			return nil
		}
		return compareStored(ctx, tx, batch)
	})
	if err != nil {
		return 0, err
	}
	return appended, nil
}

func (p *pairs) insert(ctx context.Context, tx *sql.Tx, args []any) (appended int, err error) {
	many, one := tx.StmtContext(ctx, p.insertMany), tx.StmtContext(ctx, p.insertOne)
	for len(args) > 0 {
		stmt, n := one, 4
		if len(args) >= 4*rowsPerInsert {
			stmt, n = many, 4*rowsPerInsert
		}
		res, err := stmt.ExecContext(ctx, args[:n]...)
		if err != nil {
			return 0, err
		}
		rows, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		appended, args = appended+int(rows), args[n:]
	}
	return appended, nil
}

// compareStored returns an ErrExists for the first pair that differs from what
// is stored. It compares messages, not bytes, so that bytes of another version
// of the marshaller are no conflict.
func compareStored(ctx context.Context, tx *sql.Tx, batch []*bufferv1.PreferencePair) error {
	stmt, err := tx.PrepareContext(ctx, `SELECT body FROM buffer_pairs WHERE run_id = $1 AND step = $2`)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	for _, pair := range batch {
		var body []byte
		if err := stmt.QueryRowContext(ctx, pair.GetRunId(), int64(pair.GetStep())).Scan(&body); err != nil {
			return err
		}
		var stored bufferv1.PreferencePair
		if err := proto.Unmarshal(body, &stored); err != nil || !proto.Equal(&stored, pair) {
			return fmt.Errorf("run %q has another pair at step %d: %w", pair.GetRunId(), pair.GetStep(), errs.ErrExists)
		}
	}
	return nil
}

// strata returns the run's steps with a pair, of days up to throughDay, day by
// day, and how many they are. The steps of a day are read as one text: a row for
// each would cost ten times as much.
func (p *pairs) strata(ctx context.Context, run string, throughDay int32) (strata []stratum, population int64, err error) {
	rows, err := p.readSteps.QueryContext(ctx, run, int64(throughDay))
	if err != nil {
		return nil, 0, p.db.Err(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s stratum
		var list string
		if err := rows.Scan(&s.day, &list); err != nil {
			return nil, 0, p.db.Err(err)
		}
		if s.steps, err = parseSteps(list); err != nil {
			return nil, 0, fmt.Errorf("database %s: run %q: %w", p.db.Name, run, err)
		}
		strata, population = append(strata, s), population+int64(len(s.steps))
	}
	return strata, population, p.db.Err(rows.Err())
}

// parseSteps reads steps separated by commas and sorts them.
func parseSteps(list string) ([]int32, error) {
	steps := make([]int32, 0, strings.Count(list, ",")+1)
	for text := range strings.SplitSeq(list, ",") {
		step, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, errs.WithPublic(fmt.Errorf("step %q: %w", text, errs.ErrDataLoss), "the stored pairs are damaged")
		}
		steps = append(steps, int32(step))
	}
	slices.Sort(steps)
	return steps, nil
}

// bodies returns the stored bytes of the steps, in their order.
func (p *pairs) bodies(ctx context.Context, run string, steps []int32) ([][]byte, error) {
	place := make(map[int32]int, len(steps))
	for i, step := range steps {
		place[step] = i
	}
	out := make([][]byte, len(steps))
	for some := range slices.Chunk(steps, bodiesPerQuery) {
		args := make([]any, 1, 1+bodiesPerQuery)
		args[0] = run
		for i := range bodiesPerQuery {
			args = append(args, int64(some[min(i, len(some)-1)])) // repeats of the last step fill up the list
		}
		err := p.scan(ctx, p.readMany, args, func(step int32, body []byte) error {
			out[place[step]] = body
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// each calls fn with the run's pairs after a step, in order of their step.
func (p *pairs) each(ctx context.Context, run string, after int32, fn func(*bufferv1.PreferencePair) error) error {
	for {
		batch := make([]*bufferv1.PreferencePair, 0, page)
		err := p.scan(ctx, p.readPage, []any{run, int64(after), int64(page)}, func(step int32, body []byte) error {
			pair, err := p.decode(run, step, body)
			batch, after = append(batch, pair), step
			return err
		})
		if err != nil {
			return err
		}
		for _, pair := range batch {
			if err := fn(pair); err != nil {
				return err
			}
		}
		if len(batch) < page {
			return nil
		}
	}
}

// scan reads rows of step and body. fn may keep body.
func (p *pairs) scan(ctx context.Context, stmt *sql.Stmt, args []any, fn func(step int32, body []byte) error) (err error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return p.db.Err(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var step int32
		var body []byte
		if err := rows.Scan(&step, &body); err != nil {
			return p.db.Err(err)
		}
		if err := fn(step, body); err != nil {
			return err
		}
	}
	return p.db.Err(rows.Err())
}

// count returns the number of the run's pairs and their greatest step, -1 when
// it has none.
func (p *pairs) count(ctx context.Context, run string) (count int64, last int32, err error) {
	row := p.db.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MAX(step), -1) FROM buffer_pairs WHERE run_id = $1`, run)
	if err := row.Scan(&count, &last); err != nil {
		return 0, 0, p.db.Err(err)
	}
	return count, last, nil
}

func (p *pairs) decode(run string, step int32, body []byte) (*bufferv1.PreferencePair, error) {
	pair := &bufferv1.PreferencePair{}
	if err := proto.Unmarshal(body, pair); err != nil || pair.GetRunId() != run || pair.GetStep() != step {
		return nil, errs.WithPublic(fmt.Errorf("database %s: the pair of run %q, step %d cannot be read: %w", p.db.Name, run, step, errs.ErrDataLoss),
			"the pair of run %q, step %d cannot be read", run, step)
	}
	return pair, nil
}
