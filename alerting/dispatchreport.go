package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
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
func (d *Dispatcher) report(ctx context.Context, t try, r barograph.DeliveryResult) {
	level, msg := slog.LevelDebug, "delivered"
	switch r.Delivery.State {
	case barograph.DeliveryPending:
		level, msg = slog.LevelInfo, "delivery failed, will be tried again"
	case barograph.DeliveryExhausted:
		level, msg = slog.LevelWarn, "delivery given up"
	case barograph.DeliveryExpired:
		level, msg = slog.LevelWarn, "delivery expired"
	case barograph.DeliveryDelivered:
		if r.Attempt.Error != "" {
			level, msg = slog.LevelWarn, "delivered, but not to all recipients"
		}
	case barograph.DeliverySuperseded:
	}
	if r.Delivery.State != barograph.DeliveryPending {
		d.metrics.ended(r.Delivery.State)
	}
	d.log.LogAttrs(ctx, level, msg, deliveryAttrs(t.due.Endpoint, r)...) //nolint:sloglint // the message is one of the constants above
	if kind := t.due.Endpoint.Kind; errors.Is(t.outcome.Err, errNotConfigured) && !d.missing[kind] {
		d.missing[kind] = true
		d.log.WarnContext(ctx, "deliveries wait for a channel that is not configured", "kind", kind, "err", t.outcome.Err)
	}
	for _, e := range r.Change.Events {
		d.log.WarnContext(ctx, "endpoint health changed", "type", e.Type, "endpoint", e.Subject, "reason", r.Health.DisabledReason)
	}
}

// deliveryAttrs tell which delivery it is, where to, and what came of it.
func deliveryAttrs(ep barograph.Endpoint, r barograph.DeliveryResult) []slog.Attr {
	attrs := []slog.Attr{
		slog.Any("event", r.Delivery.EventID), slog.Any("delivery", r.Delivery.ID), slog.Any("subscription", r.Delivery.SubscriptionID),
		slog.Any("endpoint", ep.ID), slog.Any("kind", ep.Kind), whereTo(ep), slog.Int("attempts", r.Delivery.Attempts),
	}
	if r.Attempt.StatusCode != 0 {
		attrs = append(attrs, slog.Int("status", r.Attempt.StatusCode))
	}
	attrs = append(attrs, slog.Duration("latency", r.Attempt.Latency.Std()))
	if r.Attempt.Error != "" {
		attrs = append(attrs, slog.String("err", r.Attempt.Error))
	}
	if !r.Delivery.NextTry.IsZero() {
		attrs = append(attrs, slog.Time("next_try", r.Delivery.NextTry))
	}
	return attrs
}

// whereTo tells of a webhook its host only: the rest of an address may be a secret.
func whereTo(ep barograph.Endpoint) slog.Attr {
	if ep.Kind != barograph.EndpointWebhook {
		return slog.Int("recipients", len(ep.To))
	}
	u, err := url.Parse(ep.URL)
	if err != nil {
		return slog.String("host", "")
	}
	return slog.String("host", u.Host)
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
