package dbtest

import (
	"testing"

	"github.com/barograph/barograph"
)

func (x suite) testSubscriptionEndpoints(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	other := subscription(t, 2)
	noError(t, db.CreateSubscription(ctx, other))
	s := subscription(t, 1)
	noError(t, db.CreateSubscription(ctx, s))

	// The last comes first, the mail goes, one is new; secrets and health are not sent along.
	hookEP, mail, sms := s.Endpoints[0], s.Endpoints[1], s.Endpoints[2]
	mail.To, mail.Health = []string{"b@example.com"}, barograph.EndpointHealth{}
	hookEP.Secret, hookEP.Health.Disabled = "", true
	added := barograph.Endpoint{
		ID: endpointID(1, 3), Kind: barograph.EndpointWebhook, URL: "http://x", Secret: "whsec_new",
	}
	s.Endpoints, s.UpdatedAt = []barograph.Endpoint{sms, mail, hookEP, added}, day(1)
	noError(t, db.UpdateSubscription(ctx, s))
	before := subscription(t, 1).Endpoints
	mail.Health, hookEP = before[1].Health, before[0]
	s.Endpoints = []barograph.Endpoint{sms, mail, hookEP, added}
	equal(t, "health and secret are kept", must(db.Subscription(ctx, s.ID))(t), s)

	hookEP.Secret = "whsec_rotated"
	s.Endpoints, s.UpdatedAt = []barograph.Endpoint{hookEP}, day(2)
	noError(t, db.UpdateSubscription(ctx, s))
	equal(t, "secret is replaced, endpoints are removed", must(db.Subscription(ctx, s.ID))(t), s)

	stolen := s
	stolen.Name, stolen.Endpoints = "stolen", []barograph.Endpoint{other.Endpoints[0]}
	isKind(t, "endpoint of another subscription", db.UpdateSubscription(ctx, stolen), barograph.KindConflict,
		"endpoint", string(other.Endpoints[0].ID))
	equal(t, "a failed update leaves nothing", must(db.Subscriptions(ctx, barograph.Page{}))(t), []barograph.Subscription{s, other})
}

func (x suite) testRemovedEndpoint(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := hook(t, 1, 2)
	noError(t, db.CreateSubscription(ctx, s))
	e := event(1, barograph.EventBreachStarted)
	noError(t, db.Record(ctx, barograph.Change{
		Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{delivery(1, e, s, 0), delivery(2, e, s, 1)},
	}))
	s.Endpoints = s.Endpoints[1:]
	noError(t, db.UpdateSubscription(ctx, s))
	var states []barograph.DeliveryState
	for _, d := range must(db.Deliveries(ctx, of(s), barograph.Page{}))(t) {
		states = append(states, d.State)
	}
	equal(t, "deliveries, newest first: that to the removed endpoint ended", states,
		[]barograph.DeliveryState{barograph.DeliveryPending, barograph.DeliveryExhausted})

	noError(t, db.DeleteSubscription(ctx, s.ID))
	_, err := db.Deliveries(ctx, of(s), barograph.Page{})
	isKind(t, "deliveries of a deleted subscription", err, barograph.KindNotFound, string(s.ID))
	_, err = db.DeliveryAttempts(ctx, delivery(1, e, hook(t, 1, 1), 0).ID)
	isKind(t, "attempts of its deliveries", err, barograph.KindNotFound)
	equal(t, "the event stays", must(db.Event(ctx, e.ID))(t), e)
}
