package store

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/propersim/propersim/internal/prom"
)

// Measure exports the statistics of the connection pools to a registry: name for
// the readers, and "<name>_writer" for a writer with a pool of its own. A nil
// registry changes nothing.
func (db *DB) Measure(registry prometheus.Registerer, name string) error {
	if registry == nil {
		return nil
	}
	prefixed := prometheus.WrapRegistererWithPrefix(prom.Prefix, registry)
	_, err := prom.Register(prefixed, collectors.NewDBStatsCollector(db.DB, name))
	if db.writer == db.DB {
		return err
	}
	_, writer := prom.Register(prefixed, collectors.NewDBStatsCollector(db.writer, name+"_writer"))
	return errors.Join(err, writer)
}
