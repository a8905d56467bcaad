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

// people implements PersonaService: the built-in personas in memory, the added
// ones in the store.
type people struct {
	userv1.UnimplementedPersonaServiceServer
	db      *store.DB
	builtin []*userv1.StoredPersona // by number; immutable
	given   [][]byte                // builtin as written, without a compiled spec
	byID    map[string]int          // position in builtin
}

func openPeople(ctx context.Context, dsn string) (*people, error) {
	p := &people{byID: map[string]int{}}
	all, err := persona.Builtin()
	if err != nil {
		return nil, err
	}
	for i, one := range all {
		given, err := canonical.Marshal(one.Persona)
		if err != nil {
			return nil, fmt.Errorf("persona %s: %w", one.Persona.GetId(), err)
		}
		stored, err := prepare(one.Persona)
		if err != nil {
			return nil, fmt.Errorf("built-in persona %s: %w", one.Persona.GetId(), err)
		}
		stored.Number, stored.BuiltIn = int32(one.Number), true
		p.builtin = append(p.builtin, stored)
		p.given = append(p.given, given)
		p.byID[one.Persona.GetId()] = i
	}
	if p.db, err = store.Open(ctx, dsn, migrations, store.Name("user")); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *people) close() error { return p.db.Close() }

// canonical gives equal personas equal bytes.
var canonical = proto.MarshalOptions{Deterministic: true}

// find returns a persona by id or built-in number; ErrNotFound for an unknown
// one.
func (p *people) find(ctx context.Context, id string) (*userv1.StoredPersona, error) {
	if i, ok := p.byID[id]; ok {
		return p.builtin[i], nil
	}
	if n, err := strconv.Atoi(id); err == nil && n >= 1 && n <= len(p.builtin) {
		return p.builtin[n-1], nil
	}
	var body []byte
	err := p.db.QueryRowContext(ctx, `SELECT body FROM user_personas WHERE id = $1`, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("persona %q: %w", id, errs.ErrNotFound)
	}
	if err != nil {
		return nil, p.db.Err(err)
	}
	return p.decode(id, body)
}

func (p *people) decode(id string, body []byte) (*userv1.StoredPersona, error) {
	stored := &userv1.StoredPersona{}
	if err := proto.Unmarshal(body, stored); err != nil {
		return nil, errs.WithPublic(fmt.Errorf("persona %q in %s is damaged: %w", id, p.db.Name, errs.ErrDataLoss), "persona %q is damaged", id)
	}
	return stored, nil
}

// create stores a prepared persona, once per request id and once per persona.
// given is the persona as it came, which tells a repeat from another persona of
// the same id.
func (p *people) create(ctx context.Context, stored *userv1.StoredPersona, given []byte, requestID string) (*userv1.StoredPersona, error) {
	id := stored.GetPersona().GetId()
	if i, ok := p.byID[id]; ok {
		if string(p.given[i]) == string(given) {
			return p.builtin[i], nil
		}
		return nil, taken(id)
	}
	body, err := canonical.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("persona %q: %w", id, err)
	}
	var answer []byte
	err = p.db.Update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO user_personas (id, given, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`, id, given, body); err != nil {
			return err
		}
		var first []byte
		if err := tx.QueryRowContext(ctx, `SELECT given, body FROM user_personas WHERE id = $1`, id).Scan(&first, &answer); err != nil {
			return err
		}
		if string(first) != string(given) {
			return taken(id)
		}
		if requestID == "" {
			return nil
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO user_requests (request_id, body) VALUES ($1, $2) ON CONFLICT (request_id) DO NOTHING`, requestID, answer)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p.decode(id, answer)
}

func taken(id string) error {
	return fmt.Errorf("the id %q belongs to another persona: %w", id, errs.ErrExists)
}

// answered returns the first answer to a request id, nil where there is none.
func (p *people) answered(ctx context.Context, requestID string) (*userv1.StoredPersona, error) {
	if requestID == "" {
		return nil, nil
	}
	var body []byte
	err := p.db.QueryRowContext(ctx, `SELECT body FROM user_requests WHERE request_id = $1`, requestID).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, p.db.Err(err)
	}
	return p.decode("of request "+requestID, body)
}

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

// remove deletes an added persona. Its request ids keep their first answers.
func (p *people) remove(ctx context.Context, id string) error {
	if _, ok := p.byID[id]; ok {
		return fmt.Errorf("persona %q comes with the program and stays: %w", id, errs.ErrPrecondition)
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
		return fmt.Errorf("persona %q: %w", id, errs.ErrNotFound)
	}
	return nil
}
