package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// testEndpoint sends a test event, and leads to what came of it.
func (s *Site) testEndpoint(w http.ResponseWriter, r *http.Request) error {
	ctx, sub, id := r.Context(), idOf[barograph.SubscriptionID](r), endpointID(r)
	try, err := s.Manage.Subscriptions.TestEndpoint(ctx, sub, id)
	if told, ok := errors.AsType[*barograph.Error](err); ok && told.Kind != barograph.KindNotFound && told.Kind != barograph.KindInternal {
		return s.showSubscription(w, r, statusOf(told.Kind), refusal{id, told.Message})
	}
	if err != nil {
		return err
	}
	made, err := s.testOf(ctx, sub, id, try)
	if err != nil {
		return err
	}
	return redirect(w, r, pathOf(sub)+"?tested="+string(made)+"#"+string(id), "")
}

// testOf finds the delivery that a test was recorded as, which is among the
// newest of the endpoint.
func (s *Site) testOf(ctx context.Context, sub barograph.SubscriptionID, id barograph.EndpointID, try barograph.Attempt) (barograph.DeliveryID, error) {
	const newest = 20
	found, err := s.Deliveries.Deliveries(ctx, barograph.DeliveryFilter{SubscriptionID: sub, EndpointID: id}, barograph.Page{Limit: newest})
	for _, d := range found {
		if d.LastTry != nil && d.LastTry.At.Sub(try.At).Abs() < 2*time.Millisecond { // databases keep milliseconds
			return d.ID, nil
		}
	}
	return "", err
}

// addTest adds what came of the test that the delivery was.
func (s *Site) addTest(ctx context.Context, who visitor, d *subscriptionData, id barograph.DeliveryID) error {
	if id == "" {
		return nil
	}
	tested, err := s.Deliveries.Delivery(ctx, id)
	if barograph.KindOf(err) == barograph.KindNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for i, card := range d.Endpoints {
		if tested.SubscriptionID == d.ID && tested.EndpointID == card.ID && tested.LastTry != nil {
			try := who.tryRow(tested.Attempts, *tested.LastTry)
			d.Endpoints[i].Test = &try
		}
	}
	return nil
}

func (s *Site) enableEndpoint(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Manage.Subscriptions.EnableEndpoint(r.Context(), idOf[barograph.SubscriptionID](r), endpointID(r)); err != nil {
		return err
	}
	return redirect(w, r, pathOf(idOf[barograph.SubscriptionID](r)), "endpoint-enabled")
}

func (s *Site) disableEndpoint(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Manage.Subscriptions.DisableEndpoint(r.Context(), idOf[barograph.SubscriptionID](r), endpointID(r)); err != nil {
		return err
	}
	return redirect(w, r, pathOf(idOf[barograph.SubscriptionID](r)), "endpoint-disabled")
}

// rotateData is what the form for a new secret shows.
type rotateData struct {
	Subscription barograph.Subscription
	Endpoint     endpointRow
	Form         form // keep, secret
}

// rotatePage asks how long the old secret is to be good for.
func (s *Site) rotatePage(w http.ResponseWriter, r *http.Request) error {
	f := newForm(nil)
	f.set("keep", "1d")
	return s.askRotation(w, r, http.StatusOK, f)
}

func (s *Site) askRotation(w http.ResponseWriter, r *http.Request, status int, f form) error {
	sub, row, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	if row.Kind != barograph.EndpointWebhook {
		return barograph.Errorf(barograph.KindConflict, "Only the secrets of webhooks can be rotated; this endpoint is of kind %s.", row.Kind)
	}
	return s.show(w, r, status, page{
		Title: "A new secret", Section: "/subscriptions", Template: "rotate", Data: rotateData{sub, row, f},
	})
}

// endpointOf returns the endpoint that an address names, as the visitor may see it.
func (s *Site) endpointOf(r *http.Request) (barograph.Subscription, endpointRow, error) {
	sub, err := s.Subscriptions.Subscription(r.Context(), idOf[barograph.SubscriptionID](r))
	if err != nil {
		return sub, endpointRow{}, err
	}
	sub = s.Manage.Subscriptions.Shown(r.Context(), sub)
	for _, row := range visitorOf(r).onWall().endpointRows(sub.Endpoints) {
		if row.ID == endpointID(r) {
			return sub, row, nil
		}
	}
	return sub, endpointRow{}, barograph.Errorf(barograph.KindNotFound, "This subscription has no such endpoint.")
}

// rotateSecret gives a webhook a new secret, which its answer shows once.
func (s *Site) rotateSecret(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	in := manage.RotateInput{Keep: readTime(&f, "keep"), Secret: barograph.Secret(f.Value("secret"))}
	var rotated manage.RotatedSecret
	if !f.Wrong() {
		rotated, err = s.Manage.Subscriptions.RotateSecret(r.Context(), idOf[barograph.SubscriptionID](r), endpointID(r), in)
		if err := f.take(err, fields("keep", "secret")); err != nil {
			return err
		}
	}
	f.forget("secret")
	if f.Wrong() {
		return s.askRotation(w, r, http.StatusUnprocessableEntity, f)
	}
	sub, row, err := s.endpointOf(r)
	if err != nil {
		return err
	}
	who := visitorOf(r).onWall()
	shown := shownSecret{Endpoint: row, Secret: rotated.Secret.Reveal(), OldUntil: who.At(rotated.PreviousUntil)}
	if !who.Now.Before(rotated.PreviousUntil) {
		shown.OldUntil = moment{}
	}
	if in.Secret != "" { // whoever gave it has it
		shown.Secret = ""
	}
	return s.show(w, r, http.StatusOK, page{
		Title: "The new secret", Section: "/subscriptions", Template: "secrets",
		Data: secretsData{Subscription: sub, Title: "The secret was changed", Rotated: true, Secrets: []shownSecret{shown}},
	})
}

// secretsData is what is shown once after secrets were made.
type secretsData struct {
	Subscription barograph.Subscription
	Title        string
	Rotated      bool
	Secrets      []shownSecret
}

// shownSecret is the new secret of one webhook.
type shownSecret struct {
	Endpoint endpointRow
	Secret   string // "": it was given, not made
	OldUntil moment // until when the one before signs too
}
