package alerting

import (
	"context"
	"net/http"
	"net/netip"
	"time"
)

// NewWebhookWithin returns a webhook notifier that reaches loopback and has
// only the given fraction of the usual time.
func NewWebhookWithin(fraction time.Duration) Notifier {
	return newWebhook(DeliveryConfig{AllowHTTP: true}, clientWithin(fraction))
}

// NewShoutrrrWithin is the same for chat services.
func NewShoutrrrWithin(fraction time.Duration) (Notifier, error) {
	messages, err := NewMessages(MessageOptions{})
	s := newShoutrrr(DeliveryConfig{AllowHTTP: true}, messages, clientWithin(fraction))
	s.limit /= fraction
	return s, err
}

func clientWithin(fraction time.Duration) *http.Client {
	l := defaultLimits()
	l = limits{l.dial / fraction, l.tls / fraction, l.header / fraction, l.total / fraction}
	return newGuardedClient([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Reach{}, l)
}

// NewShoutrrrVia returns a notifier for chat services whose requests go by the
// transport, whatever their address.
func NewShoutrrrVia(transport http.RoundTripper) (Notifier, error) {
	messages, err := NewMessages(MessageOptions{})
	return newShoutrrr(DeliveryConfig{AllowHTTP: true}, messages, &http.Client{Transport: transport}), err
}

// Step is what Run does at each tick of the clock.
func Step(ctx context.Context, e *Engine) { e.step(ctx) }

// FollowOnce judges once what other servers stored lately.
func FollowOnce(ctx context.Context, e *Engine) error { return e.followOnce(ctx) }

// AgeLate has rules that wait to catch up wait for so much longer already.
func AgeLate(e *Engine, by time.Duration) {
	for i := range e.late {
		e.late[i].since = e.late[i].since.Add(-by)
	}
}

// MaxHeld is how many samples wait for what other servers stored.
const MaxHeld = maxHeld

// Tick lets the engine judge time once.
func Tick(e *Engine, now time.Time) { e.tick(now) }
