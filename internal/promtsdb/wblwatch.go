package promtsdb

import (
	"errors"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// wblWatch learns of late samples that the TSDB could not log. It acknowledges
// such a commit and only counts the failure, in a metric; so the watch is the
// registry that the TSDB is given, and keeps just that counter.
type wblWatch struct {
	counter atomic.Pointer[prometheus.Metric]
}

var _ prometheus.Registerer = (*wblWatch)(nil)

const wblFailures = `fqName: "prometheus_tsdb_out_of_order_wbl_writes_failed_total"`

// Register keeps the counter that the watch is for and forgets all else.
func (w *wblWatch) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		c.Describe(descs)
	}()
	found := false
	for d := range descs {
		found = found || strings.Contains(d.String(), wblFailures)
	}
	if found {
		metrics := make(chan prometheus.Metric, 1)
		c.Collect(metrics)
		counter := <-metrics
		w.counter.Store(&counter)
	}
	return nil
}

// MustRegister registers all.
func (w *wblWatch) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		_ = w.Register(c) // never fails
	}
}

// Unregister says that nothing was registered.
func (*wblWatch) Unregister(prometheus.Collector) bool { return false }

// failed returns how many writes to the log of late samples have failed.
func (w *wblWatch) failed() (float64, error) {
	counter := w.counter.Load()
	if counter == nil {
		return 0, errors.New("the TSDB does not count failed writes of late samples")
	}
	var m dto.Metric
	if err := (*counter).Write(&m); err != nil {
		return 0, err
	}
	return m.GetCounter().GetValue(), nil
}
