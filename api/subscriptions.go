package api

import (
	"context"

	"github.com/barograph/barograph"
)

// Subscriptions keeps the subscriptions with the secrets of their endpoints.
type Subscriptions interface {
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error)
	CreateSubscription(ctx context.Context, s barograph.Subscription) error
	UpdateSubscription(ctx context.Context, s barograph.Subscription) error
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
