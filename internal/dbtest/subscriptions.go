package dbtest

import (
	"context"
	"slices"
	"testing"
	"time"

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
	s.Endpoints = []barograph.Endpoint{sms, mail, hookEP, added}
	noError(t, db.UpdateSubscription(ctx, s))
	before := subscription(t, 1).Endpoints
	mail.Health, hookEP = before[1].Health, before[0]
	s.Endpoints = []barograph.Endpoint{sms, mail, hookEP, added}
	is := func(what string) {
		t.Helper()
		got := must(db.Subscription(ctx, s.ID))(t)
		s.UpdatedAt = got.UpdatedAt
		equal(t, what, got, s)
	}
	is("health and secret are kept")

	hookEP.Secret = "whsec_rotated"
	s.Endpoints = []barograph.Endpoint{hookEP}
	noError(t, db.UpdateSubscription(ctx, s))
	is("secret is replaced, endpoints are removed")

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

// replace updates a subscription whatever it is by now.
func replace(db Database) func(context.Context, barograph.Subscription, ...func(barograph.Subscription) error) error {
	return func(ctx context.Context, s barograph.Subscription, _ ...func(barograph.Subscription) error) error {
		s.UpdatedAt = time.Time{}
		return db.UpdateSubscription(ctx, s)
	}
}

// testSubscriptionChangedMeanwhile: whoever read a subscription before somebody
// else changed it overwrites nothing.
func (x suite) testSubscriptionChangedMeanwhile(t *testing.T) {
	for _, change := range []struct {
		what string
		do   func(context.Context, Database, barograph.Subscription) error
	}{
		{"edited", func(ctx context.Context, db Database, s barograph.Subscription) error {
			s.Name = "edited"
			return db.UpdateSubscription(ctx, s)
		}},
		{"paused", func(ctx context.Context, db Database, s barograph.Subscription) error {
			return db.SetSubscriptionEnabled(ctx, s.ID, false)
		}},
		{"rotated", func(ctx context.Context, db Database, s barograph.Subscription) error {
			return db.RotateSecret(ctx, s.ID, s.Endpoints[0].ID, "whsec_rotated", day(3))
		}},
	} {
		t.Run(change.what, func(t *testing.T) {
			db := x.open(t)
			ctx := t.Context()
			read := subscription(t, 1)
			read.UpdatedAt = day(10000) // ahead of any clock
			noError(t, db.CreateSubscription(ctx, read))
			noError(t, change.do(ctx, db, read))
			want := must(db.Subscription(ctx, read.ID))(t)
			stale := read
			stale.MinProbability, stale.Endpoints = 0.1, read.Endpoints[:1]
			isKind(t, "an older state", db.UpdateSubscription(ctx, stale), barograph.KindConflict, "changed meanwhile", "read it again", want.Name)
			equal(t, "nothing is overwritten", must(db.Subscription(ctx, read.ID))(t), want)
			stale.UpdatedAt = want.UpdatedAt
			noError(t, db.UpdateSubscription(ctx, stale))
		})
	}
}

// testSecretsStay: what is said of a subscription without its secrets leaves them
// as they are by then, and takes them nowhere else.
func (x suite) testSecretsStay(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := listeners(1, barograph.EndpointWebhook, barograph.EndpointAlertmanager, barograph.EndpointShoutrrr)
	for k, url := range []string{"https://example.com/a", "https://example.com/am?tenant=1", "slack://"} {
		s.Endpoints[k].URL, s.Endpoints[k].Secret = url, barograph.Secret(url+"secret")
	}
	noError(t, db.CreateSubscription(ctx, s))
	noError(t, db.RotateSecret(ctx, s.ID, s.Endpoints[0].ID, "whsec_second", day(1)))
	noError(t, db.SetSubscriptionEnabled(ctx, s.ID, false))
	noError(t, db.SetSubscriptionEnabled(ctx, s.ID, true))
	isKind(t, "pause nothing", db.SetSubscriptionEnabled(ctx, "sub_missing", false), barograph.KindNotFound, "subscription", "sub_missing")
	want := must(db.Subscription(ctx, s.ID))(t)
	equal(t, "the second one", want.Endpoints[0].Secret, "whsec_second")
	put := func(k int, url string, secret barograph.Secret) error {
		said := want
		said.Endpoints = slices.Clone(want.Endpoints)
		for i := range said.Endpoints {
			said.Endpoints[i].Secret, said.Endpoints[i].PreviousSecret = "", ""
		}
		said.Endpoints[k].URL, said.Endpoints[k].Secret = url, secret
		return replace(db)(ctx, said)
	}
	noError(t, put(0, "https://example.com/b", ""))
	noError(t, put(1, "https://example.com/am/?tenant=1", "")) // which is the same
	got := must(db.Subscription(ctx, s.ID))(t)
	for k, e := range got.Endpoints {
		before := want.Endpoints[k]
		equal(t, "secrets of "+string(e.Kind), []barograph.Secret{e.Secret, e.PreviousSecret}, []barograph.Secret{before.Secret, before.PreviousSecret})
	}
	for _, elsewhere := range []string{
		"http://example.com/am?tenant=1", "https://example.com:444/am?tenant=1", "https://example.net/am?tenant=1",
		"https://example.com/mine?tenant=1", "https://example.com/am%2Fmine?tenant=1", "https://example.com/am?tenant=2", "https://example.com/am/..?tenant=1",
	} {
		isKind(t, "to "+elsewhere, put(1, elsewhere, ""), barograph.KindConflict, string(s.Endpoints[1].ID), "secret")
	}
	isKind(t, "of another service", put(2, "discord://", ""), barograph.KindConflict, string(s.Endpoints[2].ID), "secret")
	equal(t, "a refused update leaves nothing", must(db.Subscription(ctx, s.ID))(t), got)
	for _, url := range []string{"https://example.net/", "https://example.org/"} { // another one, and the same again
		noError(t, put(1, url, "token"))
		equal(t, "one that is given", must(db.Subscription(ctx, s.ID))(t).Endpoints[1].Secret, "token")
	}
}
