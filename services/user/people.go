package user

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/persona"
	"github.com/propersim/propersim/pkg/store"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

//go:embed migrations/*.sql
var migrations embed.FS

// people keeps personas: the built-in ones in memory, the added ones in a
// database. It checks nothing: that is done before.
type people struct {
	db      *store.DB
	builtin []known        // by number; immutable
	byID    map[string]int // position in builtin
}

// known is a stored persona with its source: the persona as it was sent, with its
// id, as deterministic protobuf. Equal sources mean the same persona.
type known struct {
	stored *userv1.StoredPersona
	given  []byte
}

func openPeople(ctx context.Context, dsn string, builtin []known) (*people, error) {
	p := &people{builtin: builtin, byID: map[string]int{}}
	for i, one := range builtin {
		p.byID[one.stored.GetPersona().GetId()] = i
	}
	var err error
	if p.db, err = store.Open(ctx, dsn, migrations, store.Name("user")); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *people) close() error { return p.db.Close() }

// canonical gives equal messages equal bytes.
var canonical = proto.MarshalOptions{Deterministic: true}

// find returns a persona by id or built-in number; ErrNotFound for an unknown
// one.
func (p *people) find(ctx context.Context, id string) (*userv1.StoredPersona, error) {
	if n, err := strconv.Atoi(id); err == nil && n >= 1 && n <= len(p.builtin) {
		return p.builtin[n-1].stored, nil
	}
	one, err := p.byIDOrNil(ctx, id)
	if err != nil {
		return nil, err
	}
	if one == nil {
		return nil, unknown(id)
	}
	return one.stored, nil
}

func unknown(id string) error { return fmt.Errorf("there is no persona %q: %w", id, errs.ErrNotFound) }

// byIDOrNil returns the persona of an id; nil where there is none. Text that can
// be no id never reaches the database.
func (p *people) byIDOrNil(ctx context.Context, id string) (*known, error) {
	if i, ok := p.byID[id]; ok {
		return &p.builtin[i], nil
	}
	if id != persona.Slug(id) {
		return nil, nil
	}
	return p.row(ctx, personaTable, id)
}

// answered returns what a request id was answered with; nil for a new one.
func (p *people) answered(ctx context.Context, requestID string) (*known, error) {
	if requestID == "" {
		return nil, nil
	}
	return p.row(ctx, requestTable, requestID)
}

// table is one of the two tables of personas by a key.
type table struct {
	name, key string
	taken     string // what to say of a key with another content
}

var (
	personaTable = table{"user_personas", "id", "the id %q belongs to another persona: %w"}
	requestTable = table{"user_requests", "request_id", "request_id %q was used for another persona: %w"}
)

// row reads one persona by its key; nil where there is none.
func (p *people) row(ctx context.Context, from table, key string) (*known, error) {
	var given, body []byte
	err := p.db.QueryRowContext(ctx, `SELECT given, body FROM `+from.name+` WHERE `+from.key+` = $1`, key).Scan(&given, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, p.db.Err(err)
	}
	stored, err := p.decode(key, body)
	if err != nil {
		return nil, err
	}
	return &known{stored: stored, given: given}, nil
}

func (p *people) decode(key string, body []byte) (*userv1.StoredPersona, error) {
	stored := &userv1.StoredPersona{}
	if err := proto.Unmarshal(body, stored); err != nil {
		return nil, errs.WithPublic(fmt.Errorf("persona %q in %s is damaged: %w", key, p.db.Name, errs.ErrDataLoss), "persona %q is damaged", key)
	}
	return stored, nil
}

// add stores a persona and, where there is a request id, its answer, in one
// transaction. A persona or an answer that another request has stored meanwhile
// is returned where it has the same content; ErrExists where it has another.
func (p *people) add(ctx context.Context, one *known, requestID string) (*userv1.StoredPersona, error) {
	id := one.stored.GetPersona().GetId()
	body, err := canonical.Marshal(one.stored)
	if err != nil {
		return nil, fmt.Errorf("persona %q: %w", id, err)
	}
	err = p.db.Update(ctx, func(tx *sql.Tx) error {
		if _, builtIn := p.byID[id]; !builtIn {
			if body, err = personaTable.insert(ctx, tx, id, one.given, body); err != nil {
				return err
			}
		}
		if requestID == "" {
			return nil
		}
		body, err = requestTable.insert(ctx, tx, requestID, one.given, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p.decode(id, body)
}

// insert adds a row unless its key is there; then it returns the body that is
// stored, or ErrExists where that was made of another content.
func (t table) insert(ctx context.Context, tx *sql.Tx, key string, given, body []byte) ([]byte, error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO `+t.name+` (`+t.key+`, given, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, key, given, body); err != nil {
		return nil, err
	}
	var first []byte
	if err := tx.QueryRowContext(ctx, `SELECT given, body FROM `+t.name+` WHERE `+t.key+` = $1`, key).Scan(&first, &body); err != nil {
		return nil, err
	}
	if string(first) != string(given) {
		return nil, t.exists(key)
	}
	return body, nil
}

func (t table) exists(key string) error { return fmt.Errorf(t.taken, key, errs.ErrExists) }

// added gives fn at most limit added personas with ids after the given one, by
// id, until it returns false.
func (p *people) added(ctx context.Context, after string, limit int, fn func(*userv1.StoredPersona) bool) error {
	rows, err := p.db.QueryContext(ctx, `SELECT id, body FROM user_personas WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return p.db.Err(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var body []byte
		if err := rows.Scan(&id, &body); err != nil {
			return p.db.Err(err)
		}
		stored, err := p.decode(id, body)
		if err != nil {
			return err
		}
		if !fn(stored) {
			return nil
		}
	}
	return p.db.Err(rows.Err())
}

// remove deletes an added persona. Requests that created it keep their answers.
func (p *people) remove(ctx context.Context, id string) error {
	if _, ok := p.byID[id]; ok {
		return fmt.Errorf("persona %q comes with the program and cannot be deleted: %w", id, errs.ErrPrecondition)
	}
	if id != persona.Slug(id) {
		return unknown(id)
	}
	result, err := p.db.ExecContext(ctx, `DELETE FROM user_personas WHERE id = $1`, id)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return p.db.Err(err)
	}
	if n == 0 {
		return unknown(id)
	}
	return nil
}
