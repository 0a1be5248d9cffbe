package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Subscriptions keeps the subscriptions with the secrets of their webhooks.
type Subscriptions interface {
	SubscriptionReader
	CreateSubscription(ctx context.Context, s barograph.Subscription) error
	UpdateSubscription(ctx context.Context, s barograph.Subscription) error
	DeleteSubscription(ctx context.Context, id barograph.SubscriptionID) error
}

// SubscriptionReader gives subscriptions and what was sent for them.
type SubscriptionReader interface {
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error)
	Deliveries(ctx context.Context, id barograph.SubscriptionID, page barograph.Page) ([]barograph.Delivery, error)
}

type subscriptionHandlers struct {
	subscriptions Subscriptions
	newSecret     func() barograph.Secret
	clock         barograph.Clock
}

func (a subscriptionHandlers) ListSubscriptions(ctx context.Context, r ListSubscriptionsRequestObject) (ListSubscriptionsResponseObject, error) {
	items, next, err := list(ctx, a.subscriptions.Subscriptions, r.Params.Limit, r.Params.After,
		func(s barograph.Subscription) string { return string(s.ID) })
	for i := range items {
		items[i] = presentable(items[i])
	}
	return ListSubscriptions200JSONResponse{Items: items, Next: next}, err
}

func (a subscriptionHandlers) GetSubscription(ctx context.Context, r GetSubscriptionRequestObject) (GetSubscriptionResponseObject, error) {
	s, err := a.subscriptions.Subscription(ctx, r.ID)
	return GetSubscription200JSONResponse(presentable(s)), err
}

func (a subscriptionHandlers) CreateSubscription(ctx context.Context, r CreateSubscriptionRequestObject) (CreateSubscriptionResponseObject, error) {
	now := timestamp(a.clock)
	s, secrets, err := a.newSubscription(*r.Body, nil, now)
	if err != nil {
		return nil, err
	}
	s.ID, s.CreatedAt, s.UpdatedAt = barograph.SubscriptionID(barograph.NewID("sub", now)), now, now
	if err := a.subscriptions.CreateSubscription(ctx, s); err != nil {
		return nil, err
	}
	return CreateSubscription201JSONResponse{
		Body:    SubscriptionWithSecrets{Subscription: s, Secrets: secrets},
		Headers: CreateSubscription201ResponseHeaders{Location: "/api/v1/subscriptions/" + string(s.ID)},
	}, nil
}

func (a subscriptionHandlers) ReplaceSubscription(ctx context.Context, r ReplaceSubscriptionRequestObject) (ReplaceSubscriptionResponseObject, error) {
	old, err := a.subscriptions.Subscription(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	now := timestamp(a.clock)
	s, secrets, err := a.newSubscription(*r.Body, old.Endpoints, now)
	if err != nil {
		return nil, err
	}
	s.ID, s.CreatedAt, s.UpdatedAt = old.ID, old.CreatedAt, now
	if err := a.subscriptions.UpdateSubscription(ctx, s); err != nil {
		return nil, err
	}
	return ReplaceSubscription200JSONResponse{Subscription: s, Secrets: secrets}, nil
}

func (a subscriptionHandlers) DeleteSubscription(ctx context.Context, r DeleteSubscriptionRequestObject) (DeleteSubscriptionResponseObject, error) {
	if err := a.subscriptions.DeleteSubscription(ctx, r.ID); err != nil {
		return nil, err
	}
	return DeleteSubscription204Response{}, nil
}

func (a subscriptionHandlers) ListDeliveries(ctx context.Context, r ListDeliveriesRequestObject) (ListDeliveriesResponseObject, error) {
	if _, err := a.subscriptions.Subscription(ctx, r.ID); err != nil {
		return nil, err
	}
	fetch := func(ctx context.Context, page barograph.Page) ([]barograph.Delivery, error) {
		return a.subscriptions.Deliveries(ctx, r.ID, page)
	}
	items, next, err := list(ctx, fetch, r.Params.Limit, r.Params.After,
		func(d barograph.Delivery) string { return string(d.ID) })
	return ListDeliveries200JSONResponse{Items: items, Next: next}, err
}

// newSubscription fills in what was left out. Its endpoints take over from the
// old ones that they name; the secrets are those of webhooks that got a new one.
func (a subscriptionHandlers) newSubscription(
	in SubscriptionInput, old []barograph.Endpoint, now time.Time,
) (s barograph.Subscription, secrets []EndpointSecret, err error) {
	s = presentable(barograph.Subscription{
		Name: in.Name, EventTypes: in.EventTypes, Matchers: in.Matchers, MinSeverity: in.MinSeverity,
		MinProbability: in.MinProbability, Enabled: or(in.Enabled, true),
	})
	var p barograph.Problems
	secrets = []EndpointSecret{}
	for i, given := range in.Endpoints {
		e, known := endpointFrom(given, s.Endpoints, old)
		if !known {
			p.Addf(fmt.Sprintf("endpoints[%d].id", i), "%q is not an endpoint of this subscription, or is given twice; leave it out for a new one", given.ID)
		}
		if e.ID == "" {
			e.ID = barograph.EndpointID(barograph.NewID("ept", now))
		}
		if e.Kind == barograph.EndpointWebhook && e.Secret == "" {
			e.Secret = a.newSecret()
			given.Secret = e.Secret
		}
		if given.Secret != "" {
			secrets = append(secrets, EndpointSecret{EndpointID: e.ID, Secret: given.Secret.Reveal()})
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	p.Merge("", s.Validate())
	return s, secrets, p.Err("subscription")
}

// endpointFrom returns the endpoint that was given. One that names an old
// endpoint keeps its health, and its secret if none is given.
func endpointFrom(given EndpointInput, taken, old []barograph.Endpoint) (e barograph.Endpoint, known bool) {
	e = barograph.Endpoint{ID: given.ID, Kind: given.Kind, URL: given.URL, To: given.To, Secret: given.Secret}
	if given.ID == "" {
		return e, true
	}
	named := func(e barograph.Endpoint) bool { return e.ID == given.ID }
	i := slices.IndexFunc(old, named)
	if i < 0 || slices.ContainsFunc(taken, named) {
		return e, false
	}
	e.Health = old[i].Health
	if e.Kind == barograph.EndpointWebhook && e.Secret == "" {
		e.Secret = old[i].Secret
	}
	return e, true
}

// presentable returns the subscription with empty lists in place of null.
func presentable(s barograph.Subscription) barograph.Subscription {
	if s.EventTypes == nil {
		s.EventTypes = []string{}
	}
	if s.Endpoints == nil {
		s.Endpoints = []barograph.Endpoint{}
	}
	return s
}
