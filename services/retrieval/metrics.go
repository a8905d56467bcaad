package retrieval

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/propersim/propersim/internal/prom"
)

// operation has the metrics of one operation of the index.
type operation struct {
	seconds         prometheus.Observer
	errors, retries prometheus.Counter
}

// operations has the metrics of each method of index.Index.
type operations struct{ upsert, search, delete, count operation }

func newOperations(m *prom.Maker, driver string) operations {
	seconds := m.Histogram("retrieval_seconds", "Wall time of an operation of the vector index, retries included.",
		[]float64{.00001, .00003, .0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10, 30}, "index", "operation")
	failed := m.Counter("retrieval_errors_total", "Operations of the vector index that failed after all retries.", "index", "operation")
	retried := m.Counter("retrieval_retries_total", "Retries of operations of the vector index after a transient error.", "index", "operation")
	of := func(name string) operation {
		return operation{
			seconds: seconds.WithLabelValues(driver, name),
			errors:  failed.WithLabelValues(driver, name), retries: retried.WithLabelValues(driver, name),
		}
	}
	return operations{upsert: of("upsert"), search: of("search"), delete: of("delete"), count: of("count")}
}

func newEmbedSeconds(m *prom.Maker) prometheus.Observer {
	return m.Histogram("embed_seconds", "Wall time of embedding the texts of one request.",
		[]float64{.00001, .00003, .0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3}).WithLabelValues()
}
