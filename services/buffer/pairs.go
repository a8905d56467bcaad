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

// placesPerStep is the number of places that a step has: 16 candidates make at most
// 120 pairs.
const placesPerStep = 256

// placeOf is where a pair of a run is stored: its step and its index within it in
// one number, in the order in which pairs are listed.
func placeOf(p *bufferv1.PreferencePair) int64 {
	return int64(p.GetStep())*placesPerStep + int64(p.GetIndex())
}

// pairs is the table of pairs. A pair is stored as its deterministic
// marshalling, whose bytes enter the digest of a draw.
type pairs struct {
	db         *store.DB
	insertMany *sql.Stmt // rowsPerInsert rows
	insertOne  *sql.Stmt
	readMany   *sql.Stmt // bodiesPerQuery places of a run
	readPlaces *sql.Stmt
	readPage   *sql.Stmt
}

func openPairs(ctx context.Context, dsn string, readOnly bool) (*pairs, error) {
	opts := []store.Option{store.Name("buffer")}
	if readOnly {
		opts = append(opts, store.ReadOnly())
	}
	db, err := store.Open(ctx, dsn, migrations, opts...)
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
		{&p.readMany, p.db.DB, `SELECT place, body FROM buffer_pairs WHERE run_id = $1 AND place IN (` + placeholders(2, bodiesPerQuery) + `)`},
		{&p.readPlaces, p.db.DB, `SELECT day, string_agg(CAST(place AS TEXT), ',') FROM buffer_pairs WHERE run_id = $1 AND day <= $2 GROUP BY day ORDER BY day`},
		{&p.readPage, p.db.DB, `SELECT place, body FROM buffer_pairs WHERE run_id = $1 AND place > $2 ORDER BY place LIMIT $3`},
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
	return `INSERT INTO buffer_pairs (run_id, place, day, body) VALUES ` + strings.Join(values, ", ") + ` ON CONFLICT (run_id, place) DO NOTHING`
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
		args = append(args, pair.GetRunId(), placeOf(pair), int64(pair.GetDay()), body)
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
	stmt, err := tx.PrepareContext(ctx, `SELECT body FROM buffer_pairs WHERE run_id = $1 AND place = $2`)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	for _, pair := range batch {
		var body []byte
		if err := stmt.QueryRowContext(ctx, pair.GetRunId(), placeOf(pair)).Scan(&body); err != nil {
			return err
		}
		var stored bufferv1.PreferencePair
		if err := proto.Unmarshal(body, &stored); err != nil || !proto.Equal(&stored, pair) {
			return fmt.Errorf("run %q has another pair at step %d: %w", pair.GetRunId(), pair.GetStep(), errs.ErrExists)
		}
	}
	return nil
}

// strata returns the places of the run's pairs of days up to throughDay, day by
// day, and how many they are. The places of a day are read as one text: a row for
// each would cost ten times as much.
func (p *pairs) strata(ctx context.Context, run string, throughDay int32) (strata []stratum, population int64, err error) {
	rows, err := p.readPlaces.QueryContext(ctx, run, int64(throughDay))
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
		if s.places, err = parsePlaces(list); err != nil {
			return nil, 0, fmt.Errorf("database %s: run %q: %w", p.db.Name, run, err)
		}
		strata, population = append(strata, s), population+int64(len(s.places))
	}
	return strata, population, p.db.Err(rows.Err())
}

// parsePlaces reads places separated by commas and sorts them.
func parsePlaces(list string) ([]int64, error) {
	places := make([]int64, 0, strings.Count(list, ",")+1)
	for text := range strings.SplitSeq(list, ",") {
		place, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errs.WithPublic(fmt.Errorf("place %q: %w", text, errs.ErrDataLoss), "the stored pairs are damaged")
		}
		places = append(places, place)
	}
	slices.Sort(places)
	return places, nil
}

// bodies returns the pairs at some places, in their order, as the bytes of whole
// pairs.
func (p *pairs) bodies(ctx context.Context, run string, places []int64) ([][]byte, error) {
	wanted := slices.Clone(places)
	for _, place := range places {
		wanted = append(wanted, firstOf(place))
	}
	slices.Sort(wanted)
	stored, err := p.stored(ctx, run, slices.Compact(wanted))
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(places))
	for i, place := range places {
		if out[i], err = p.join(run, place, stored[place], stored[firstOf(place)]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// join returns the bytes of a whole pair.
func (p *pairs) join(run string, place int64, body, first []byte) ([]byte, error) {
	if place == firstOf(place) {
		return body, nil
	}
	out, err := whole(body, first)
	if err != nil {
		return nil, errs.WithPublic(fmt.Errorf("database %s: run %q, step %d: %w", p.db.Name, run, place/placesPerStep, err), "the stored pairs are damaged")
	}
	return out, nil
}

// stored returns the stored bytes by place.
func (p *pairs) stored(ctx context.Context, run string, places []int64) (map[int64][]byte, error) {
	out := make(map[int64][]byte, len(places))
	for some := range slices.Chunk(places, bodiesPerQuery) {
		args := make([]any, 1, 1+bodiesPerQuery)
		args[0] = run
		for i := range bodiesPerQuery {
			args = append(args, some[min(i, len(some)-1)]) // repeats of the last place fill up the list
		}
		err := p.scan(ctx, p.readMany, args, func(place int64, body []byte) error {
			out[place] = body
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// each calls fn with the run's pairs after a step, in order of their step and of
// their index within it.
func (p *pairs) each(ctx context.Context, run string, afterStep int32, fn func(*bufferv1.PreferencePair) error) error {
	after := (int64(afterStep)+1)*placesPerStep - 1
	var first []byte // the stored first pair of the present step
	for {
		batch := make([]*bufferv1.PreferencePair, 0, page)
		err := p.scan(ctx, p.readPage, []any{run, after, int64(page)}, func(place int64, body []byte) error {
			if place == firstOf(place) {
				first = body
			}
			body, err := p.join(run, place, body, first)
			if err != nil {
				return err
			}
			pair, err := p.decode(run, place, body)
			batch, after = append(batch, pair), place
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

// scan reads rows of place and body. fn may keep body.
func (p *pairs) scan(ctx context.Context, stmt *sql.Stmt, args []any, fn func(place int64, body []byte) error) (err error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return p.db.Err(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var place int64
		var body []byte
		if err := rows.Scan(&place, &body); err != nil {
			return p.db.Err(err)
		}
		if err := fn(place, body); err != nil {
			return err
		}
	}
	return p.db.Err(rows.Err())
}

// count returns the number of the run's pairs and their greatest step, -1 when
// it has none.
func (p *pairs) count(ctx context.Context, run string) (count int64, last int32, err error) {
	row := p.db.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MAX(place), -1) FROM buffer_pairs WHERE run_id = $1`, run)
	var place int64
	if err := row.Scan(&count, &place); err != nil {
		return 0, 0, p.db.Err(err)
	}
	if place < 0 {
		return count, -1, nil
	}
	return count, int32(place / placesPerStep), nil
}

func (p *pairs) decode(run string, place int64, body []byte) (*bufferv1.PreferencePair, error) {
	pair := &bufferv1.PreferencePair{}
	if err := proto.Unmarshal(body, pair); err != nil || pair.GetRunId() != run || placeOf(pair) != place {
		return nil, errs.WithPublic(fmt.Errorf("database %s: the pair of run %q, step %d cannot be read: %w", p.db.Name, run, place/placesPerStep, errs.ErrDataLoss),
			"the pair of run %q, step %d cannot be read", run, place/placesPerStep)
	}
	return pair, nil
}
