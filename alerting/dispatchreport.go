package alerting

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// dispatcherMetrics are the dispatcher's figures.
type dispatcherMetrics struct {
	set      *metrics.Set
	inFlight *atomic.Int64
	waiting  *atomic.Int64 // due, seen in the last round, and not begun
}

func newDispatcherMetrics(set *metrics.Set) dispatcherMetrics {
	m := dispatcherMetrics{set: set, inFlight: new(atomic.Int64), waiting: new(atomic.Int64)}
	set.GetOrCreateGauge("barograph_deliveries_in_flight", func() float64 { return float64(m.inFlight.Load()) })
	set.GetOrCreateGauge("barograph_deliveries_waiting", func() float64 { return float64(m.waiting.Load()) })
	return m
}

func (m dispatcherMetrics) tried(kind barograph.EndpointKind, v Verdict, took time.Duration) {
	m.set.GetOrCreateCounter(fmt.Sprintf(`barograph_delivery_attempts_total{kind=%q,outcome=%q}`, kind, v)).Inc()
	m.set.GetOrCreateSummary(fmt.Sprintf(`barograph_delivery_duration_seconds{kind=%q}`, kind)).Update(took.Seconds())
}

func (m dispatcherMetrics) ended(kind barograph.DeliveryState) {
	m.set.GetOrCreateCounter(fmt.Sprintf(`barograph_deliveries_ended_total{state=%q}`, kind)).Inc()
}

// report logs a result: failures that a person should see, the rest for debugging.
func (d *Dispatcher) report(ctx context.Context, r barograph.DeliveryResult) {
	level, msg := slog.LevelDebug, "delivered"
	switch r.Delivery.State {
	case barograph.DeliveryPending:
		level, msg = slog.LevelInfo, "delivery failed, will be tried again"
	case barograph.DeliveryExhausted:
		level, msg = slog.LevelWarn, "delivery given up"
	case barograph.DeliveryExpired:
		level, msg = slog.LevelWarn, "delivery expired"
	case barograph.DeliveryDelivered, barograph.DeliverySuperseded:
	}
	if r.Delivery.State != barograph.DeliveryPending {
		d.metrics.ended(r.Delivery.State)
	}
	d.log.Log(ctx, level, msg, "event", r.Delivery.EventID, "endpoint", r.Delivery.EndpointID, "delivery", r.Delivery.ID, //nolint:sloglint // the message is one of the constants above
		"attempts", r.Delivery.Attempts, "status", r.Attempt.StatusCode, "latency", r.Attempt.Latency.Std(),
		"err", r.Attempt.Error, "next_try", r.Delivery.NextTry)
	for _, e := range r.Change.Events {
		d.log.WarnContext(ctx, "endpoint health changed", "type", e.Type, "endpoint", e.Subject, "reason", r.Health.DisabledReason)
	}
}

// reportStore logs when the database goes away and when it is back.
func (d *Dispatcher) reportStore(ctx context.Context, err error) {
	switch {
	case err != nil && ctx.Err() == nil && !d.storeDown:
		d.log.ErrorContext(ctx, "database unavailable, deliveries wait", "err", err)
	case err == nil && d.storeDown:
		d.log.InfoContext(ctx, "database available again, deliveries go on")
	}
	d.storeDown = err != nil
}
