package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
)

const deliveriesPerPage = 50

// deliveryRow is one delivery in a list.
type deliveryRow struct {
	barograph.Delivery

	Event        eventRow // without a type if it is kept no more
	Subscription string   // its name; its ID if it is gone
	Endpoint     string   // its kind and address
	Outcome      badge
	Created      moment
	Tried        moment
	Last         *tryRow // nil: there was none
	Told         string  // what it waits for, or why it ended so
	TriesText    string  // 3 tries
	Path         string
	Reminds      string // "reminder 2"; "": it is the news itself
}

// onWall is the visitor as of the wall's clock, by which messages are sent; what
// is measured may have another one, as in the demo.
func (v visitor) onWall() visitor {
	v.Now = time.Now()
	return v
}

// deliveryRows reads a page of deliveries with what they are of, and the ID to go
// on after, "" on the last page.
func (s *Site) deliveryRows(ctx context.Context, who visitor, filter barograph.DeliveryFilter, after string) (rows []deliveryRow, next string, err error) {
	found, err := s.Deliveries.Deliveries(ctx, filter, barograph.Page{After: after, Limit: deliveriesPerPage + 1})
	if err != nil {
		return nil, "", err
	}
	found, left := firstOf(found, deliveriesPerPage)
	if left > 0 {
		next = string(found[len(found)-1].ID)
	}
	known := newNames(s)
	for _, d := range found {
		row, err := known.row(ctx, who, d)
		if err != nil {
			return nil, "", err
		}
		rows = append(rows, row)
	}
	return rows, next, nil
}

// names remembers what deliveries are of, since many of a page are of the same.
type names struct {
	site          *Site
	events        map[barograph.EventID]barograph.Event
	subscriptions map[barograph.SubscriptionID]barograph.Subscription
}

func newNames(s *Site) names {
	return names{s, map[barograph.EventID]barograph.Event{}, map[barograph.SubscriptionID]barograph.Subscription{}}
}

func (n names) row(ctx context.Context, who visitor, d barograph.Delivery) (deliveryRow, error) {
	event, err := remembered(ctx, n.events, d.EventID, n.site.Events.Event)
	if err != nil {
		return deliveryRow{}, err
	}
	sub, err := remembered(ctx, n.subscriptions, d.SubscriptionID, n.site.Subscriptions.Subscription)
	if err != nil {
		return deliveryRow{}, err
	}
	row := deliveryRow{
		Delivery: d, Event: who.eventRow(event), Subscription: sub.Name, Outcome: deliveryBadge(d.State), Created: who.At(d.CreatedAt),
		Told: deliveryWords(who, d), TriesText: triesWords(d), Path: "/subscriptions/" + string(d.SubscriptionID) + "/deliveries/" + string(d.ID),
		Endpoint: "an endpoint that is gone",
	}
	if row.Subscription == "" {
		row.Subscription = string(d.SubscriptionID)
	}
	shown := n.site.Manage.Subscriptions.Shown(ctx, sub)
	if i := slices.IndexFunc(shown.Endpoints, func(e barograph.Endpoint) bool { return e.ID == d.EndpointID }); i >= 0 {
		row.Endpoint = endpointName(shown.Endpoints[i])
	}
	if d.LastTry != nil {
		try := who.tryRow(d.Attempts, *d.LastTry)
		row.Last, row.Tried = &try, try.When
	}
	if d.Reminder > 0 {
		row.Reminds = "reminder " + strconv.Itoa(d.Reminder)
	}
	return row, nil
}

// remembered returns what the ID names, zero if that is gone, asking once only.
func remembered[ID ~string, T any](ctx context.Context, known map[ID]T, id ID, ask func(context.Context, ID) (T, error)) (T, error) {
	if thing, ok := known[id]; ok {
		return thing, nil
	}
	thing, err := ask(ctx, id)
	if barograph.KindOf(err) == barograph.KindNotFound {
		err = nil
	}
	known[id] = thing
	return thing, err
}

// deliveryBadge says where a delivery is.
func deliveryBadge(state barograph.DeliveryState) badge {
	switch state {
	case barograph.DeliveryPending:
		return badge{"pending", "info"}
	case barograph.DeliveryDelivered:
		return badge{"delivered", "good"}
	case barograph.DeliveryExhausted, barograph.DeliveryExpired:
		return badge{string(state), "bad"}
	case barograph.DeliveryHeld, barograph.DeliverySuperseded, barograph.DeliverySilenced:
	}
	return badge{string(state), "neutral"}
}

// deliveryStates are those that a list of deliveries can be narrowed to.
func deliveryStates() []option {
	all := []option{{"", "any"}}
	for _, state := range []barograph.DeliveryState{
		barograph.DeliveryPending, barograph.DeliveryHeld, barograph.DeliveryDelivered, barograph.DeliveryExhausted,
		barograph.DeliveryExpired, barograph.DeliverySuperseded, barograph.DeliverySilenced,
	} {
		all = append(all, option{string(state), string(state)})
	}
	return all
}

// deliveryWords says what a delivery waits for, or why it ended as it did; "" if
// its state says it all.
func deliveryWords(who visitor, d barograph.Delivery) string {
	switch d.State {
	case barograph.DeliveryPending:
		if d.NextTry.IsZero() {
			return ""
		}
		return "next try " + who.At(d.NextTry).Ago
	case barograph.DeliveryHeld:
		return "held back by " + heldBy(d.HeldBy)
	case barograph.DeliveryExhausted:
		return "given up"
	case barograph.DeliveryExpired:
		return "it got too old"
	case barograph.DeliverySuperseded:
		return "a later event made it pointless"
	case barograph.DeliverySilenced:
		if d.HeldBy == "" {
			return "nothing was left to tell"
		}
		return "held back by " + heldBy(d.HeldBy) + " until nothing was left to tell"
	case barograph.DeliveryDelivered:
	}
	return ""
}

// triesWords says how often it was tried.
func triesWords(d barograph.Delivery) string {
	if d.Attempts == 0 {
		return "no try yet"
	}
	return counted(d.Attempts, "try", "tries")
}

func heldBy(h barograph.Hold) string {
	if strings.HasPrefix(string(h), "hst_") {
		return "the silence of its host"
	}
	return "a silence"
}

// counted writes a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// deliveryData is what the page of one delivery shows.
type deliveryData struct {
	deliveryRow

	Next, Expires, Done moment
	Holder              aboutLink // what holds or held it back; zero: nothing
	Tries               []tryRow
}

// tryRow is one try of a delivery.
type tryRow struct {
	barograph.Attempt

	Number  int
	When    moment
	Outcome badge
	Took    string
}

// delivery shows one delivery with all its tries.
func (s *Site) delivery(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r).onWall()
	id := mux.Vars(r)
	d, err := s.Deliveries.Delivery(ctx, barograph.DeliveryID(id["delivery"]))
	if err != nil {
		return err
	}
	if string(d.SubscriptionID) != id["id"] {
		return barograph.Errorf(barograph.KindNotFound, "This subscription has no such delivery.")
	}
	row, err := newNames(s).row(ctx, who, d)
	if err != nil {
		return err
	}
	data := deliveryData{deliveryRow: row, Next: who.At(d.NextTry), Expires: who.At(d.ExpiresAt), Done: who.At(d.DoneAt), Holder: holderOf(d.HeldBy)}
	tries, err := s.Deliveries.DeliveryAttempts(ctx, d.ID)
	if err != nil {
		return err
	}
	for i, try := range tries {
		data.Tries = append(data.Tries, who.tryRow(i+1, try))
	}
	return s.show(w, r, http.StatusOK, page{Title: "Delivery to " + clip(60, row.Subscription).Begin, Section: "/subscriptions", Template: "delivery", Data: data})
}

// holderOf leads to what holds a delivery back.
func holderOf(h barograph.Hold) aboutLink {
	switch {
	case h == "":
		return aboutLink{}
	case strings.HasPrefix(string(h), "hst_"):
		return aboutLink{"Host", "its host, which is silent", "/hosts/" + string(h)}
	}
	return aboutLink{"Silence", "a silence", silencePath(barograph.SilenceID(h))}
}

func (v visitor) tryRow(number int, try barograph.Attempt) tryRow {
	return tryRow{try, number, v.At(try.At), tryBadge(try), latencyWords(try.Latency.Std())}
}

// tryBadge says what was answered.
func tryBadge(try barograph.Attempt) badge {
	text := "no answer"
	if try.StatusCode != 0 {
		text = strconv.Itoa(try.StatusCode)
		if name := http.StatusText(try.StatusCode); name != "" {
			text += " " + name
		}
	}
	switch {
	case try.Error != "":
		return badge{text, "bad"}
	case try.StatusCode == 0:
		text = "accepted"
	}
	return badge{text, "good"}
}

// latencyWords writes how long an answer took.
func latencyWords(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
