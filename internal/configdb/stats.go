package configdb

import (
	"database/sql"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// stats counts what the database does.
type stats struct {
	writes *metrics.Histogram
	errors *metrics.Counter
}

func newStats(set *metrics.Set, reader *sql.DB) stats {
	set.GetOrCreateGauge("barograph_configdb_readers_in_use", func() float64 {
		return float64(reader.Stats().InUse)
	})
	return stats{
		writes: set.GetOrCreateHistogram("barograph_configdb_write_duration_seconds"),
		errors: set.GetOrCreateCounter("barograph_configdb_write_errors_total"),
	}
}

// wrote takes note of a transaction that began at start, its wait included.
func (s stats) wrote(start time.Time, err error) {
	if err != nil {
		s.errors.Inc()
		return
	}
	s.writes.UpdateDuration(start)
}
