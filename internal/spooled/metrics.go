package spooled

import (
	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph/internal/spool"
)

// counters count what passes through the spool.
type counters struct {
	spooled, handedOn, refused *metrics.Counter
	poisoned                   *metrics.Counter
	full, broken               *metrics.Counter
}

func newCounters(set *metrics.Set, queue *spool.Queue) counters {
	if set == nil {
		set = metrics.NewSet()
	}
	set.NewGauge("barograph_spool_batches", func() float64 { return float64(queue.Stats().Records) })
	set.NewGauge("barograph_spool_bytes", func() float64 { return float64(queue.Stats().Bytes) })
	set.NewGauge("barograph_spool_damaged_batches", func() float64 { return float64(queue.Stats().Damaged) })
	return counters{
		spooled:  set.NewCounter("barograph_spool_samples_spooled_total"),
		handedOn: set.NewCounter("barograph_spool_samples_handed_on_total"),
		refused:  set.NewCounter("barograph_spool_samples_refused_total"),
		poisoned: set.NewCounter("barograph_spool_batches_given_up_total"),
		full:     set.NewCounter(`barograph_spool_writes_refused_total{reason="full"}`),
		broken:   set.NewCounter(`barograph_spool_writes_refused_total{reason="disk"}`),
	}
}
