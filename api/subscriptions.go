package api

import (
	"context"
	"net/url"
	"slices"

	"github.com/barograph/barograph"
)

// Subscriptions keeps the subscriptions with the secrets of their endpoints.
type Subscriptions interface {
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error)
	CreateSubscription(ctx context.Context, s barograph.Subscription) error
	// UpdateSubscription fails with KindConflict if the subscription was changed
	// since its UpdatedAt. Endpoints without a secret keep the one that they have
	// by then.
	UpdateSubscription(ctx context.Context, s barograph.Subscription) error
	// SetSubscriptionEnabled changes nothing else.
	SetSubscriptionEnabled(ctx context.Context, id barograph.SubscriptionID, enabled bool) error
	DeleteSubscription(ctx context.Context, id barograph.SubscriptionID) error
}

type subscriptionHandlers struct {
	subscriptions Subscriptions
	channels      Channels
	newSecret     func() barograph.Secret
	clock         barograph.Clock
}

func (a subscriptionHandlers) ListSubscriptions(ctx context.Context, r ListSubscriptionsRequestObject) (ListSubscriptionsResponseObject, error) {
	items, next, err := list(ctx, a.subscriptions.Subscriptions, r.Params.Limit, r.Params.After,
		func(s barograph.Subscription) string { return string(s.ID) })
	for i := range items {
		items[i] = shown(ctx, items[i])
	}
	return ListSubscriptions200JSONResponse{Items: items, Next: next}, err
}

func (a subscriptionHandlers) GetSubscription(ctx context.Context, r GetSubscriptionRequestObject) (GetSubscriptionResponseObject, error) {
	s, err := a.subscriptions.Subscription(ctx, r.ID)
	return GetSubscription200JSONResponse(shown(ctx, s)), err
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
	s, secrets, err := a.newSubscription(*r.Body, old.Endpoints, timestamp(a.clock))
	if err != nil {
		return nil, err
	}
	s.ID, s.UpdatedAt = old.ID, old.UpdatedAt
	leaveOutKept(s.Endpoints, r.Body.Endpoints, old.Endpoints)
	if err := a.subscriptions.UpdateSubscription(ctx, s); err != nil {
		return nil, err
	}
	s, err = a.subscriptions.Subscription(ctx, r.ID)
	return ReplaceSubscription200JSONResponse{Subscription: presentable(s), Secrets: secrets}, err
}

func (a subscriptionHandlers) DeleteSubscription(ctx context.Context, r DeleteSubscriptionRequestObject) (DeleteSubscriptionResponseObject, error) {
	if err := a.subscriptions.DeleteSubscription(ctx, r.ID); err != nil {
		return nil, err
	}
	return DeleteSubscription204Response{}, nil
}

// shown returns the subscription as whoever asks may see it: the path and the
// query of an address are often its password, and not for viewers.
func shown(ctx context.Context, s barograph.Subscription) barograph.Subscription {
	s = presentable(s)
	if who, _ := barograph.IdentityFrom(ctx); who.Role.Allows(barograph.RoleOperator) {
		return s
	}
	s.Endpoints = slices.Clone(s.Endpoints)
	for i, e := range s.Endpoints {
		if e.URL != "" && e.Kind != barograph.EndpointShoutrrr { // of which it is the scheme alone
			s.Endpoints[i].URL = hostOnly(e.URL)
		}
	}
	return s
}

func hostOnly(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "…"
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// presentable returns the subscription with empty lists in place of null.
func presentable(s barograph.Subscription) barograph.Subscription {
	for _, list := range []*[]string{&s.EventTypes, &s.GroupBy} {
		if *list == nil {
			*list = []string{}
		}
	}
	if s.Endpoints == nil {
		s.Endpoints = []barograph.Endpoint{}
	}
	return s
}
