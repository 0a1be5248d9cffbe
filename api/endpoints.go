package api

import (
	"context"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Endpoints tries endpoints, and takes them in and out of service by hand.
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

type endpointHandlers struct {
	endpoints     Endpoints
	secrets       Secrets
	subscriptions Subscriptions
	newSecret     func() barograph.Secret
}

func (a endpointHandlers) TestEndpoint(ctx context.Context, r TestEndpointRequestObject) (TestEndpointResponseObject, error) {
	s, err := a.subscriptions.Subscription(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	try, err := a.endpoints.Test(ctx, s, r.EndpointID)
	return TestEndpoint200JSONResponse(try), err
}

func (a endpointHandlers) EnableEndpoint(ctx context.Context, r EnableEndpointRequestObject) (EnableEndpointResponseObject, error) {
	e, err := a.endpoints.Enable(ctx, r.ID, r.EndpointID)
	return EnableEndpoint200JSONResponse(e), err
}

func (a endpointHandlers) DisableEndpoint(ctx context.Context, r DisableEndpointRequestObject) (DisableEndpointResponseObject, error) {
	e, err := a.endpoints.Disable(ctx, r.ID, r.EndpointID)
	return DisableEndpoint200JSONResponse(e), err
}

func (a endpointHandlers) RotateSecret(ctx context.Context, r RotateSecretRequestObject) (RotateSecretResponseObject, error) {
	s, err := a.subscriptions.Subscription(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.Endpoints, func(e barograph.Endpoint) bool { return e.ID == r.EndpointID })
	if i < 0 {
		return nil, barograph.Errorf(barograph.KindNotFound, "subscription %q has no endpoint %q", s.Name, clip(string(r.EndpointID)))
	}
	e := s.Endpoints[i]
	if e.Kind != barograph.EndpointWebhook {
		return nil, barograph.Errorf(barograph.KindConflict, "endpoint %s is of kind %s: only the secrets of webhooks can be rotated", e.ID, e.Kind)
	}
	keep, err := a.rotated(&e, r.Body)
	if err != nil {
		return nil, err
	}
	// Messages are signed by the wall clock, whatever time the events tell.
	until := time.Now().UTC().Add(keep).Truncate(time.Millisecond)
	if err := a.secrets.RotateSecret(ctx, s.ID, e.ID, e.Secret, until); err != nil {
		return nil, err
	}
	return RotateSecret200JSONResponse{EndpointID: e.ID, Secret: e.Secret.Reveal(), PreviousSecretUntil: until}, nil
}

// rotated gives the endpoint its new secret, and returns how long the one before
// is to be kept.
func (a endpointHandlers) rotated(e *barograph.Endpoint, in *RotateInput) (time.Duration, error) {
	if in == nil {
		in = &RotateInput{}
	}
	var p barograph.Problems
	keep := or(in.Keep, barograph.Duration(keepSecret)).Std()
	if keep < 0 || keep > mostKeepSecret {
		p.Addf("keep", "%s is not between 0s and %s", barograph.Duration(keep), barograph.Duration(mostKeepSecret))
	}
	before := e.Secret
	e.Secret = in.Secret
	if e.Secret == "" {
		e.Secret = a.newSecret()
	}
	if e.Secret == before {
		p.Addf("secret", "is the one that signs already")
	}
	if _, err := e.SigningKey(); err != nil {
		p.Merge("secret", err)
	}
	return keep, p.Err("rotation")
}
