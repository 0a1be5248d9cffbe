package promtsdb

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// reason says why a sample was refused.
type reason string

const (
	reasonInvalid  reason = "invalid"
	reasonTooOld   reason = "too_old"
	reasonFuture   reason = "future"
	reasonConflict reason = "conflict"
	reasonLimit    reason = "series_limit"
)

// meters count what the store does.
type meters struct {
	set      *metrics.Set
	appended *metrics.Counter
	known    *metrics.Counter
	late     *metrics.Counter
	noSpace  *metrics.Counter
	failed   *metrics.Counter
	sync     *metrics.Histogram
	queries  *metrics.Histogram
}

func newMeters(set *metrics.Set) *meters {
	return &meters{
		set:      set,
		appended: set.GetOrCreateCounter("barograph_store_samples_appended_total"),
		known:    set.GetOrCreateCounter("barograph_store_samples_repeated_total"),
		late:     set.GetOrCreateCounter("barograph_store_samples_late_total"),
		noSpace:  set.GetOrCreateCounter(`barograph_store_writes_refused_total{reason="disk_space"}`),
		failed:   set.GetOrCreateCounter(`barograph_store_writes_refused_total{reason="failure"}`),
		sync:     set.GetOrCreateHistogram("barograph_store_sync_duration_seconds"),
		queries:  set.GetOrCreateHistogram("barograph_store_query_duration_seconds"),
	}
}

func (m *meters) refused(r reason) {
	m.set.GetOrCreateCounter(fmt.Sprintf("barograph_store_samples_refused_total{reason=%q}", r)).Inc()
}

// observeSync runs a sync and records how long it took.
func (m *meters) observeSync(sync func() error) error {
	began := time.Now()
	defer m.sync.UpdateDuration(began)
	return sync()
}
