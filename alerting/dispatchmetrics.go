package alerting

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// dispatcherMetrics are the dispatcher's figures: of all it does by kind of
// endpoint, and of each endpoint.
type dispatcherMetrics struct {
	set      *metrics.Set
	inFlight *atomic.Int64
	waiting  *atomic.Int64 // due, seen in the last round, and not begun
	each     *endpointMetrics
}

func newDispatcherMetrics(set *metrics.Set) dispatcherMetrics {
	m := dispatcherMetrics{
		set: set, inFlight: new(atomic.Int64), waiting: new(atomic.Int64),
		each: &endpointMetrics{set: set, known: map[barograph.EndpointID]*endpointFigures{}},
	}
	set.GetOrCreateGauge("barograph_deliveries_in_flight", func() float64 { return float64(m.inFlight.Load()) })
	set.GetOrCreateGauge("barograph_deliveries_waiting", func() float64 { return float64(m.waiting.Load()) })
	return m
}

func (m dispatcherMetrics) tried(ep barograph.Endpoint, v Verdict, took time.Duration) {
	m.set.GetOrCreateCounter(fmt.Sprintf(`barograph_delivery_attempts_total{kind=%q,outcome=%q}`, ep.Kind, v)).Inc()
	m.set.GetOrCreateSummary(fmt.Sprintf(`barograph_delivery_duration_seconds{kind=%q}`, ep.Kind)).Update(took.Seconds())
	m.each.tried(ep, v, took)
}

func (m dispatcherMetrics) ended(state barograph.DeliveryState) {
	m.set.GetOrCreateCounter(fmt.Sprintf(`barograph_deliveries_ended_total{state=%q}`, state)).Inc()
}

func (m dispatcherMetrics) waits(queues []barograph.EndpointQueue) { m.each.replace(queues) }

// mostEndpointMetrics is how many endpoints have figures of their own; what is
// sent to others is counted by kind only.
const mostEndpointMetrics = 1000

// endpointMetrics are the figures of endpoints that exist.
type endpointMetrics struct {
	set *metrics.Set

	mu    sync.Mutex
	known map[barograph.EndpointID]*endpointFigures
}

// endpointFigures are those of one endpoint. Its names are what is registered.
type endpointFigures struct {
	labels string
	names  []string
	queue  atomic.Pointer[barograph.EndpointQueue]
}

// replace takes over which endpoints exist and what waits for them. The figures
// of those that are gone go too.
func (m *endpointMetrics) replace(queues []barograph.EndpointQueue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	present := make(map[barograph.EndpointID]bool, len(queues))
	for _, q := range queues {
		present[q.EndpointID] = true
	}
	for id, f := range m.known {
		if !present[id] {
			for _, name := range f.names {
				m.set.UnregisterMetric(name)
			}
			delete(m.known, id)
		}
	}
	for _, q := range queues {
		if f := m.known[q.EndpointID]; f != nil {
			f.queue.Store(&q)
		} else if len(m.known) < mostEndpointMetrics {
			m.known[q.EndpointID] = m.add(q)
		}
	}
}

func (m *endpointMetrics) add(q barograph.EndpointQueue) *endpointFigures {
	f := &endpointFigures{labels: fmt.Sprintf(`endpoint=%q,kind=%q`, q.EndpointID, q.Kind)}
	f.queue.Store(&q)
	gauge := func(name, more string, value func(barograph.EndpointQueue) float64) {
		full := f.name(name, more)
		m.set.GetOrCreateGauge(full, func() float64 { return value(*f.queue.Load()) })
	}
	gauge("barograph_endpoint_queue_deliveries", `,state="pending"`, func(q barograph.EndpointQueue) float64 { return float64(q.Pending) })
	gauge("barograph_endpoint_queue_deliveries", `,state="held"`, func(q barograph.EndpointQueue) float64 { return float64(q.Held) })
	gauge("barograph_endpoint_queue_age_seconds", "", func(q barograph.EndpointQueue) float64 {
		if q.OldestDue.IsZero() {
			return 0
		}
		return max(0, time.Since(q.OldestDue).Seconds())
	})
	return f
}

// tried counts a try. An endpoint that was made a moment ago is counted from the
// next time on that queues are looked at.
func (m *endpointMetrics) tried(ep barograph.Endpoint, v Verdict, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.known[ep.ID]
	if f == nil {
		return
	}
	m.set.GetOrCreateCounter(f.name("barograph_endpoint_attempts_total", fmt.Sprintf(",outcome=%q", v))).Inc()
	m.set.GetOrCreateHistogram(f.name("barograph_endpoint_attempt_duration_seconds", "")).Update(took.Seconds())
}

// name returns the full name of a figure, and remembers it. The caller holds the lock.
func (f *endpointFigures) name(metric, more string) string {
	full := metric + "{" + f.labels + more + "}"
	if !slices.Contains(f.names, full) {
		f.names = append(f.names, full)
	}
	return full
}
