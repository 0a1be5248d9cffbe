package alerting

import (
	"context"
	"errors"
	"log/slog"
	"net/url"

	"github.com/barograph/barograph"
)

// report logs what came of a parcel: failures that a person should see, the rest
// for debugging.
func (d *Dispatcher) report(ctx context.Context, t try, results []barograph.DeliveryResult) {
	for _, r := range results {
		if r.Delivery.State != barograph.DeliveryPending && r.Delivery.State != barograph.DeliveryHeld {
			d.metrics.ended(r.Delivery.State)
		}
	}
	for i, r := range results {
		if i == 0 || i == len(t.aside) { // what was set aside, and what was sent
			level, msg := verdict(r)
			attrs := append(deliveryAttrs(t.endpoint(), r), slog.Int("events", len(results)))
			d.log.LogAttrs(ctx, level, msg, attrs...) //nolint:sloglint // the message is one of a few constants
		}
		for _, e := range r.Change.Events {
			d.log.WarnContext(ctx, "endpoint health changed", "type", e.Type, "endpoint", e.Subject, "reason", r.Health.DisabledReason)
		}
	}
	if kind := t.endpoint().Kind; errors.Is(t.outcome.Err, errNotConfigured) && !d.missing[kind] {
		d.missing[kind] = true
		d.log.WarnContext(ctx, "deliveries wait for a channel that is not configured", "kind", kind, "err", t.outcome.Err)
	}
}

// verdict says what came of a delivery, and how loudly that is to be told.
func verdict(r barograph.DeliveryResult) (slog.Level, string) {
	switch r.Delivery.State {
	case barograph.DeliveryPending:
		return slog.LevelInfo, "delivery failed, will be tried again"
	case barograph.DeliveryHeld:
		return slog.LevelInfo, "delivery held back"
	case barograph.DeliveryExhausted:
		return slog.LevelWarn, "delivery given up"
	case barograph.DeliveryExpired:
		return slog.LevelWarn, "delivery expired"
	case barograph.DeliveryDelivered:
		if r.Attempt.Error != "" {
			return slog.LevelWarn, "delivered, but not to all recipients"
		}
	case barograph.DeliverySuperseded, barograph.DeliverySilenced:
	}
	return slog.LevelDebug, "delivered"
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
	if r.Delivery.HeldBy != "" {
		attrs = append(attrs, slog.Any("held_by", r.Delivery.HeldBy))
	}
	if !r.Delivery.NextTry.IsZero() {
		attrs = append(attrs, slog.Time("next_try", r.Delivery.NextTry))
	}
	return attrs
}

// whereTo tells of an address its host only: the rest may be a secret.
func whereTo(ep barograph.Endpoint) slog.Attr {
	if ep.URL == "" {
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
