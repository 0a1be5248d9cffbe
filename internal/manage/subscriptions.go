package manage

import (
	"context"
	"net/url"
	"slices"

	"github.com/barograph/barograph"
)

// SubscriptionStore keeps the subscriptions with the secrets of their endpoints.
type SubscriptionStore interface {
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

// Subscriptions makes and changes subscriptions, and sees to their endpoints.
type Subscriptions struct {
	store     SubscriptionStore
	channels  Channels
	secrets   Secrets
	endpoints Endpoints
	events    Events
	replayer  Replayer
	newSecret func() barograph.Secret
	clock     barograph.Clock
}

// Check returns what is wrong with the input, in place of the subscription with
// the ID, or for a new one if that is "".
func (m Subscriptions) Check(ctx context.Context, id barograph.SubscriptionID, in SubscriptionInput) error {
	var old barograph.Subscription
	if id != "" {
		var err error
		if old, err = m.store.Subscription(ctx, id); err != nil {
			return err
		}
	}
	_, _, err := m.newSubscription(in, old.Endpoints, timestamp(m.clock))
	return err
}

// Create makes a subscription, and returns it with the secrets of its webhooks.
func (m Subscriptions) Create(ctx context.Context, in SubscriptionInput) (barograph.Subscription, []EndpointSecret, error) {
	now := timestamp(m.clock)
	s, secrets, err := m.newSubscription(in, nil, now)
	if err != nil {
		return barograph.Subscription{}, nil, err
	}
	s.ID, s.CreatedAt, s.UpdatedAt = barograph.SubscriptionID(barograph.NewID("sub", now)), now, now
	if err := m.store.CreateSubscription(ctx, s); err != nil {
		return barograph.Subscription{}, nil, err
	}
	return s, secrets, nil
}

// Replace changes all that is said of a subscription, and returns it with the
// secrets of the webhooks that got a new one.
func (m Subscriptions) Replace(
	ctx context.Context, id barograph.SubscriptionID, in SubscriptionInput,
) (barograph.Subscription, []EndpointSecret, error) {
	old, err := m.store.Subscription(ctx, id)
	if err != nil {
		return barograph.Subscription{}, nil, err
	}
	s, secrets, err := m.newSubscription(in, old.Endpoints, timestamp(m.clock))
	if err != nil {
		return barograph.Subscription{}, nil, err
	}
	// Who changes it between this look and the store's is told by the store.
	if err := in.Basis.holds("subscription", old.Name, InputOfSubscription(old)); err != nil {
		return barograph.Subscription{}, nil, err
	}
	s.ID, s.UpdatedAt = old.ID, old.UpdatedAt
	leaveOutKept(s.Endpoints, in.Endpoints, old.Endpoints)
	if err := m.store.UpdateSubscription(ctx, s); err != nil {
		return barograph.Subscription{}, nil, err
	}
	s, err = m.store.Subscription(ctx, id)
	return presentable(s), secrets, err
}

// SetEnabled pauses or resumes a subscription, and changes nothing else of it.
func (m Subscriptions) SetEnabled(ctx context.Context, id barograph.SubscriptionID, enabled bool) (barograph.Subscription, error) {
	if err := m.store.SetSubscriptionEnabled(ctx, id, enabled); err != nil {
		return barograph.Subscription{}, err
	}
	s, err := m.store.Subscription(ctx, id)
	return presentable(s), err
}

// Delete removes a subscription.
func (m Subscriptions) Delete(ctx context.Context, id barograph.SubscriptionID) error {
	return m.store.DeleteSubscription(ctx, id)
}

// Shown returns the subscription as whoever acts may see it: the path and the
// query of an address are often its password, and not for viewers.
func (Subscriptions) Shown(ctx context.Context, s barograph.Subscription) barograph.Subscription {
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
