package alerting

import (
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
