package alerting

import (
	"context"
	"net/netip"
	"time"
)

// NewWebhookWithin returns a webhook notifier that reaches loopback and has
// only the given fraction of the usual time.
func NewWebhookWithin(fraction time.Duration) Notifier {
	l := defaultLimits()
	l = limits{l.dial / fraction, l.tls / fraction, l.header / fraction, l.total / fraction}
	client := newGuardedClient([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Reach{}, l)
	return newWebhook(WebhookConfig{AllowHTTP: true}, client)
}

// Step is what Run does at each tick of the clock.
func Step(ctx context.Context, e *Engine) { e.step(ctx) }

// Tick lets the engine judge time once.
func Tick(e *Engine, now time.Time) { e.tick(now) }
