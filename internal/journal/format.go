package journal

import (
	"context"
	"fmt"

	"github.com/propersim/propersim/pkg/errs"
	"github.com/propersim/propersim/pkg/store"
)

// format is the format of the journals that this program reads and writes. It
// changes with the tables and with the meaning of what they hold.
const format = 3

// checkFormat refuses a journal of another format with ErrPrecondition. A
// database without a journal passes.
func checkFormat(ctx context.Context, db *store.DB) error {
	found := int64(1) // before formats had numbers
	marked, err := hasTable(ctx, db, "journal_format")
	if err != nil {
		return err
	}
	if marked {
		if err := db.QueryRowContext(ctx, "SELECT format FROM journal_format").Scan(&found); err != nil {
			return db.Err(err)
		}
	} else if old, err := hasTable(ctx, db, "runs"); err != nil || !old {
		return err
	}
	if found != format {
		return fmt.Errorf("database %s has a journal of format %d, and this program reads format %d: open it with the version of propersim that wrote it, or start a new experiment: %w",
			db.Name, found, format, errs.ErrPrecondition)
	}
	return nil
}

func hasTable(ctx context.Context, db *store.DB, name string) (bool, error) {
	query := "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1"
	if db.Dialect == store.Postgres {
		query = "SELECT CASE WHEN to_regclass($1) IS NULL THEN 0 ELSE 1 END"
	}
	var n int
	err := db.QueryRowContext(ctx, query, name).Scan(&n)
	return n > 0, db.Err(err)
}
