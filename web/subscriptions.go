package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
)

const subscriptionsPerPage = 50

// subscriptionsData is what the list of subscriptions shows.
type subscriptionsData struct {
	Subscriptions []subscriptionRow
	First         bool   // this is the first page
	More          string // URL
}

// subscriptionRow is one subscription in the list.
type subscriptionRow struct {
	barograph.Subscription

	State     badge
	Wants     string
	Endpoints []endpointRow
}

// endpointRow is one endpoint, as the visitor may see it.
type endpointRow struct {
	barograph.Endpoint

	Place  string
	Health healthWords
}

func (v visitor) endpointRows(endpoints []barograph.Endpoint) []endpointRow {
	rows := make([]endpointRow, 0, len(endpoints))
	for _, e := range endpoints {
		rows = append(rows, endpointRow{e, endpointPlace(e), v.health(e.Health)})
	}
	return rows
}

// subscriptions shows who is told of what.
func (s *Site) subscriptions(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r).onWall()
	after := r.URL.Query().Get("after")
	found, err := s.Subscriptions.Subscriptions(ctx, barograph.Page{After: after, Limit: subscriptionsPerPage + 1})
	if err != nil {
		return err
	}
	d := subscriptionsData{First: after == ""}
	found, left := firstOf(found, subscriptionsPerPage)
	for _, sub := range found {
		sub = s.Manage.Subscriptions.Shown(ctx, sub)
		d.Subscriptions = append(d.Subscriptions, subscriptionRow{sub, subscriptionBadge(sub), wantsSentence(sub), who.endpointRows(sub.Endpoints)})
	}
	if left > 0 {
		d.More = "/subscriptions?after=" + string(found[len(found)-1].ID)
	}
	return s.show(w, r, http.StatusOK, page{Title: "Subscriptions", Section: "/subscriptions", Template: "subscriptions", Data: d})
}

// subscriptionData is what the page of one subscription shows.
type subscriptionData struct {
	barograph.Subscription

	State      badge
	Facts      []fact
	Endpoints  []endpointCard
	Replayed   string // what came of a replay; "": there was none just now
	Filter     form   // state, endpoint_id
	States     []option
	Choices    []option // of endpoints
	Filtered   bool
	Following  bool // this is the newest page of deliveries
	Deliveries []deliveryRow
	More       string // URL
}

// endpointCard is one endpoint with what can be done, and what came of it.
type endpointCard struct {
	endpointRow

	Path     string // below which things are done with it
	OldUntil moment // until when the secret before signs too
	Test     *tryRow
	Trouble  string // why it could not be tested
}

// refusal is why a test of an endpoint was refused.
type refusal struct {
	endpoint barograph.EndpointID
	message  string
}

// subscription shows one subscription with its endpoints and deliveries.
func (s *Site) subscription(w http.ResponseWriter, r *http.Request) error {
	return s.showSubscription(w, r, http.StatusOK, refusal{})
}

func (s *Site) showSubscription(w http.ResponseWriter, r *http.Request, status int, why refusal) error {
	ctx, who := r.Context(), visitorOf(r).onWall()
	sub, err := s.Subscriptions.Subscription(ctx, idOf[barograph.SubscriptionID](r))
	if err != nil {
		return err
	}
	sub = s.Manage.Subscriptions.Shown(ctx, sub)
	query := r.URL.Query()
	d := subscriptionData{
		Subscription: sub, State: subscriptionBadge(sub), Facts: wantsFacts(sub), Filter: newForm(query), States: deliveryStates(),
		Choices: endpointChoices(sub, "all"), Replayed: replayedWords(query.Get("replayed")),
	}
	for _, row := range who.endpointRows(sub.Endpoints) {
		card := endpointCard{endpointRow: row, Path: pathOf(sub.ID) + "/endpoints/" + string(row.ID)}
		if who.Now.Before(row.PreviousSecretUntil) {
			card.OldUntil = who.At(row.PreviousSecretUntil)
		}
		if row.ID == why.endpoint {
			card.Trouble = why.message
		}
		d.Endpoints = append(d.Endpoints, card)
	}
	if err := s.addTest(ctx, who, &d, barograph.DeliveryID(query.Get("tested"))); err != nil {
		return err
	}
	if err := s.addDeliveries(ctx, who, &d); err != nil {
		return err
	}
	return s.show(w, r, status, page{Title: clip(80, sub.Name).Begin, Section: "/subscriptions", Template: "subscription", Data: d})
}

// addDeliveries adds the deliveries that the filter chooses.
func (s *Site) addDeliveries(ctx context.Context, who visitor, d *subscriptionData) error {
	query := filterOf(d.Filter, "state", "endpoint_id")
	d.Filtered, d.Following = len(query) > 0, d.Filter.Value("after") == ""
	filter := barograph.DeliveryFilter{
		SubscriptionID: d.ID, EndpointID: barograph.EndpointID(query.Get("endpoint_id")), State: barograph.DeliveryState(query.Get("state")),
	}
	rows, next, err := s.deliveryRows(ctx, who, filter, d.Filter.Value("after"))
	if next != "" {
		query.Set("after", next)
		d.More = withQuery(pathOf(d.ID), query) + "#deliveries"
	}
	d.Deliveries = rows
	return err
}

func endpointID(r *http.Request) barograph.EndpointID {
	return barograph.EndpointID(mux.Vars(r)["endpoint"])
}

func pathOf(id barograph.SubscriptionID) string { return "/subscriptions/" + string(id) }

// endpointChoices offers the endpoints of a subscription, or all of them.
func endpointChoices(sub barograph.Subscription, all string) []option {
	choices := []option{{"", all}}
	for _, e := range sub.Endpoints {
		choices = append(choices, option{string(e.ID), clip(80, endpointName(e)).Begin})
	}
	return choices
}

// setSubscription pauses or resumes.
func (s *Site) setSubscription(enabled bool, done string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		sub, err := s.Manage.Subscriptions.SetEnabled(r.Context(), idOf[barograph.SubscriptionID](r), enabled)
		if err != nil {
			return err
		}
		return redirect(w, r, pathOf(sub.ID), done)
	}
}

func (s *Site) deleteSubscription(w http.ResponseWriter, r *http.Request) error {
	if err := s.Manage.Subscriptions.Delete(r.Context(), idOf[barograph.SubscriptionID](r)); err != nil {
		return err
	}
	return redirect(w, r, "/subscriptions", "subscription-deleted")
}

// replayedWords says what a replay came to, which its address tells.
func replayedWords(count string) string {
	n, err := strconv.Atoi(count)
	switch {
	case err != nil || n < 0:
		return ""
	case n == 0:
		return "Nothing is sent again: it wants none of the events of that time."
	}
	return counted(n, "delivery is", "deliveries are") + " on the way again."
}
