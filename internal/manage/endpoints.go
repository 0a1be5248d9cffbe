package manage

import (
	"context"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Endpoints tries endpoints, and takes them in and out of service.
type Endpoints interface {
	// Test sends a test event now. Its error is nil whether or not it arrived.
	Test(ctx context.Context, s barograph.Subscription, id barograph.EndpointID) (barograph.Attempt, error)
	Enable(ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID) (barograph.Endpoint, error)
	Disable(ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID) (barograph.Endpoint, error)
}

// Secrets keeps the secrets that sign webhooks.
type Secrets interface {
	// RotateSecret makes secret the one that signs, and lets the one before sign
	// too until then.
	RotateSecret(ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID, secret barograph.Secret, previousUntil time.Time) error
}

const (
	keepSecret     = barograph.Day // how long an old secret signs too, unless told otherwise
	mostKeepSecret = barograph.Week
)

// RotateInput says how a secret is rotated.
type RotateInput struct {
	Keep   *barograph.Duration `json:"keep,omitempty"`   // how long the old one signs too; 1d
	Secret barograph.Secret    `json:"secret,omitempty"` // the new one; "": it is made
}

// RotatedSecret is the new secret of a webhook.
type RotatedSecret struct {
	EndpointID    barograph.EndpointID
	Secret        barograph.Secret
	PreviousUntil time.Time // until when the old one signs too
}

// TestEndpoint sends a test event now. Its error is nil whether or not it arrived.
func (m Subscriptions) TestEndpoint(ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID) (barograph.Attempt, error) {
	whole, err := m.store.Subscription(ctx, s)
	if err != nil {
		return barograph.Attempt{}, err
	}
	return m.endpoints.Test(ctx, whole, id)
}

// EnableEndpoint takes an endpoint into service again.
func (m Subscriptions) EnableEndpoint(ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID) (barograph.Endpoint, error) {
	return m.endpoints.Enable(ctx, s, id)
}

// DisableEndpoint takes an endpoint out of service.
func (m Subscriptions) DisableEndpoint(ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID) (barograph.Endpoint, error) {
	return m.endpoints.Disable(ctx, s, id)
}

// RotateSecret gives a webhook a new secret; the one before signs too for a while.
func (m Subscriptions) RotateSecret(
	ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID, in RotateInput,
) (RotatedSecret, error) {
	whole, err := m.store.Subscription(ctx, s)
	if err != nil {
		return RotatedSecret{}, err
	}
	i := slices.IndexFunc(whole.Endpoints, func(e barograph.Endpoint) bool { return e.ID == id })
	if i < 0 {
		return RotatedSecret{}, barograph.Errorf(barograph.KindNotFound,
			"subscription %q has no endpoint %q", whole.Name, barograph.Clip(string(id)))
	}
	e := whole.Endpoints[i]
	if e.Kind != barograph.EndpointWebhook {
		return RotatedSecret{}, barograph.Errorf(barograph.KindConflict,
			"endpoint %s is of kind %s: only the secrets of webhooks can be rotated", e.ID, e.Kind)
	}
	keep, err := m.rotated(&e, in)
	if err != nil {
		return RotatedSecret{}, err
	}
	// Messages are signed by the wall clock, whatever time the events tell.
	until := stored(time.Now().Add(keep))
	if err := m.secrets.RotateSecret(ctx, whole.ID, e.ID, e.Secret, until); err != nil {
		return RotatedSecret{}, err
	}
	return RotatedSecret{e.ID, e.Secret, until}, nil
}

// rotated gives the endpoint its new secret, and returns how long the one before
// is to be kept.
func (m Subscriptions) rotated(e *barograph.Endpoint, in RotateInput) (time.Duration, error) {
	var p barograph.Problems
	keep := or(in.Keep, barograph.Duration(keepSecret)).Std()
	if keep < 0 || keep > mostKeepSecret {
		p.Addf("keep", "%s is not between 0s and %s", barograph.Duration(keep), barograph.Duration(mostKeepSecret))
	}
	before := e.Secret
	e.Secret = in.Secret
	if e.Secret == "" {
		e.Secret = m.newSecret()
	}
	if e.Secret == before {
		p.Addf("secret", "is the one that signs already")
	}
	if _, err := e.SigningKey(); err != nil {
		p.Merge("secret", err)
	}
	return keep, p.Err("rotation")
}
