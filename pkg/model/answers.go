package model

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// keepSteps is for how many steps behind the newest one a run's answers are
// kept. The journal has those of committed steps; more than a day covers what
// is asked for beforehand.
const keepSteps = 1000

// answerStore keeps every answer on disk before anybody sees it, so that a step
// that is tried again after a crash pays for nothing twice.
type answerStore struct {
	db     *store.DB
	writes chan *write
	done   chan struct{}

	mu   sync.Mutex
	runs map[string]*runAnswers // guarded by mu
}

// runAnswers are the keys of a run's answers, so that a miss costs no query.
type runAnswers struct {
	keys   map[answerKey]bool
	pruned int32 // answers before this step are deleted
}

type answerKey struct {
	step int32
	key  string
}

// write is an answer on its way to the disk.
type write struct {
	run, role string
	key       answerKey
	reply     []byte
	used      Totals
	prompt    *keptPrompt
	done      chan error
}

// keptPrompt is the text of a prompt.
type keptPrompt struct {
	digest   string
	messages []byte
}

// openAnswers opens the store. With paid, an answer also survives a power cut;
// without, where none costs anything, a crash of the process alone: a flush to
// the disk takes many times as long as a model that answers at once.
func openAnswers(ctx context.Context, dsn string, paid bool) (*answerStore, error) {
	opts := []store.Option{store.Name("answers")}
	if !paid {
		opts = append(opts, store.CrashSafe())
	}
	db, err := store.Open(ctx, dsn, migrations, opts...)
	if err != nil {
		return nil, fmt.Errorf("answer store: %w", err)
	}
	s := &answerStore{db: db, writes: make(chan *write, 256), done: make(chan struct{}), runs: make(map[string]*runAnswers)}
	go s.run()
	return s, nil
}

// close writes what waits and closes the database. No put may follow.
func (s *answerStore) close() error {
	close(s.writes)
	<-s.done
	return s.db.Close()
}

// get returns a recorded reply, or nil.
func (s *answerStore) get(ctx context.Context, run string, key answerKey) (*reply, error) {
	known, err := s.of(ctx, run)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	there := known.keys[key]
	s.mu.Unlock()
	if !there {
		return nil, nil
	}
	var raw []byte
	err = s.db.QueryRowContext(ctx, "SELECT reply FROM answers WHERE run = $1 AND step = $2 AND key = $3", run, key.step, key.key).Scan(&raw)
	if err != nil {
		return nil, fmt.Errorf("answer store: %w", s.db.Err(err))
	}
	var out reply
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("answer store: run %s, step %d: %v: %w", run, key.step, err, errs.ErrDataLoss)
	}
	out.recorded = true
	return &out, nil
}

// of returns what is known of a run, read from the database the first time.
func (s *answerStore) of(ctx context.Context, run string) (*runAnswers, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.runs[run]; known != nil {
		return known, nil
	}
	known := &runAnswers{keys: make(map[answerKey]bool)}
	rows, err := s.db.QueryContext(ctx, "SELECT step, key FROM answers WHERE run = $1", run)
	if err != nil {
		return nil, fmt.Errorf("answer store: %w", s.db.Err(err))
	}
	defer rows.Close()
	for rows.Next() {
		var key answerKey
		if err := rows.Scan(&key.step, &key.key); err != nil {
			return nil, fmt.Errorf("answer store: %w", s.db.Err(err))
		}
		known.keys[key] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("answer store: %w", s.db.Err(err))
	}
	s.runs[run] = known
	return known, nil
}

// put returns once the reply is on disk.
func (s *answerStore) put(w *write) error {
	w.done = make(chan error, 1)
	s.writes <- w
	return <-w.done
}

// run writes what waits in one transaction after the other: many answers share
// one flush to the disk.
func (s *answerStore) run() {
	defer close(s.done)
	for first := range s.writes {
		batch := []*write{first}
	collect:
		for len(batch) < cap(s.writes) {
			select {
			case w, open := <-s.writes:
				if !open {
					break collect
				}
				batch = append(batch, w)
			default:
				break collect
			}
		}
		err := s.commit(batch)
		for _, w := range batch {
			w.done <- err
		}
	}
}

func (s *answerStore) commit(batch []*write) error {
	ctx := context.Background() // a paid answer is written whoever has left
	spent := make(map[string]Totals)
	err := s.db.Update(ctx, func(tx *sql.Tx) error {
		for _, w := range batch {
			if err := insert(ctx, tx, w); err != nil {
				return err
			}
			t := spent[w.role]
			t.add(w.used)
			spent[w.role] = t
		}
		for role, t := range spent {
			if err := spend(ctx, tx, role, t); err != nil {
				return err
			}
		}
		return s.prune(ctx, tx, batch)
	})
	if err != nil {
		return fmt.Errorf("answer store: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range batch {
		if known := s.runs[w.run]; known != nil && w.reply != nil {
			known.keys[w.key] = true
		}
	}
	return nil
}

func insert(ctx context.Context, tx *sql.Tx, w *write) error {
	if w.reply != nil {
		_, err := tx.ExecContext(ctx, "INSERT INTO answers (run, step, key, reply) VALUES ($1, $2, $3, $4) ON CONFLICT (run, step, key) DO NOTHING",
			w.run, w.key.step, w.key.key, w.reply)
		if err != nil {
			return err
		}
	}
	if w.prompt != nil {
		_, err := tx.ExecContext(ctx, "INSERT INTO prompts (digest, messages) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING", w.prompt.digest, w.prompt.messages)
		return err
	}
	return nil
}

func spend(ctx context.Context, tx *sql.Tx, role string, t Totals) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO spending (role, requests, prompt, cached, completion, picos) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (role) DO UPDATE SET requests = spending.requests + excluded.requests, prompt = spending.prompt + excluded.prompt,
		cached = spending.cached + excluded.cached, completion = spending.completion + excluded.completion, picos = spending.picos + excluded.picos`,
		role, t.Requests, t.Prompt, t.Cached, t.Completion, t.Picos)
	return err
}

// prune deletes answers of steps that are long committed, every keepSteps/2 or
// so steps of a run.
func (s *answerStore) prune(ctx context.Context, tx *sql.Tx, batch []*write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range batch {
		known, before := s.runs[w.run], w.key.step-keepSteps
		if known == nil || before < known.pruned+keepSteps/2 {
			continue
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM answers WHERE run = $1 AND step < $2", w.run, before); err != nil {
			return err
		}
		known.pruned = before
		for key := range known.keys {
			if key.step < before {
				delete(known.keys, key)
			}
		}
	}
	return nil
}

// spent returns what was spent so far, by role.
func (s *answerStore) spent(ctx context.Context) (map[string]Totals, error) {
	out := make(map[string]Totals)
	rows, err := s.db.QueryContext(ctx, "SELECT role, requests, prompt, cached, completion, picos FROM spending")
	if err != nil {
		return nil, fmt.Errorf("answer store: %w", s.db.Err(err))
	}
	defer rows.Close()
	for rows.Next() {
		var role string
		var t Totals
		if err := rows.Scan(&role, &t.Requests, &t.Prompt, &t.Cached, &t.Completion, &t.Picos); err != nil {
			return nil, fmt.Errorf("answer store: %w", s.db.Err(err))
		}
		out[role] = t
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("answer store: %w", s.db.Err(err))
	}
	return out, nil
}
