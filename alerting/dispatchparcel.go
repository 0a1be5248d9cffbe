package alerting

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// parcel is what is tried together: the deliveries of one message to one
// endpoint, at least one, the oldest event first.
type parcel []barograph.DueDelivery

// parcels splits what was claimed into messages.
func parcels(claimed []barograph.DueDelivery) []parcel {
	var out []parcel
	for _, due := range claimed {
		if n := len(out); n > 0 && out[n-1].holds(due.Delivery) {
			out[n-1] = append(out[n-1], due)
			continue
		}
		out = append(out, parcel{due})
	}
	for _, p := range out {
		slices.SortStableFunc(p, func(a, b barograph.DueDelivery) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	}
	return out
}

// holds reports whether the delivery goes out in the same message.
func (p parcel) holds(d barograph.Delivery) bool {
	first := p[0].Delivery
	return d.EndpointID == first.EndpointID && d.MessageID == first.MessageID && d.Group != ""
}

// notification returns what the deliveries tell: of each thing only the newest.
func notification(sent parcel) Notification {
	latest := map[string]int{}
	for i, due := range sent {
		latest[thing(due.Event)] = i
	}
	n := Notification{ID: sent[0].Delivery.MessageID, Group: strings.TrimPrefix(sent[0].Delivery.Group, barograph.ReminderGroup)}
	for i, due := range sent {
		if latest[thing(due.Event)] == i {
			n.Events = append(n.Events, told(due, n.ID))
		}
	}
	return n
}

// thing returns what the event tells the state of: its topic, or, of one
// without, the event itself.
func thing(e barograph.Event) string {
	if t := topic(e); t != "" {
		return t
	}
	return string(e.ID)
}

// told returns the event as it is sent. A reminder says that it is one, and has
// an ID of its own where receivers tell by it what they know already.
func told(due barograph.DueDelivery, message string) barograph.Event {
	e := due.Event
	if due.Delivery.Reminder == 0 {
		return e
	}
	e.Data.Reminder = due.Delivery.Reminder
	if !due.Endpoint.Groups() {
		e.ID = barograph.EventID(message)
	}
	return e
}

// keepsAlive reports whether the delivery is to keep an alert that an
// Alertmanager has already: that is no news, and without it the alert would count
// as resolved though it lasts.
func keepsAlive(due barograph.DueDelivery) bool {
	return due.Delivery.Reminder > 0 && due.Endpoint.Kind == barograph.EndpointAlertmanager
}

// setAside tells what of the parcel is to be sent now from what is too old, or
// held back since it was recorded, which it returns as it is from now on.
//
// The newest event of a thing decides for all of them, so that nothing is kept
// that a later one made untrue; and one that ends something is never held back
// here: it was looked at when it was recorded, by who knows what was told.
func (d *Dispatcher) setAside(p parcel, now time.Time) (sent parcel, aside []barograph.DeliveryResult) {
	holds := map[string]barograph.Hold{}
	for _, due := range p {
		hold := barograph.Hold("")
		if !due.Event.Type.Ends() && !keepsAlive(due) {
			hold = d.holds.of(due.Event, now)
		}
		holds[thing(due.Event)] = hold
	}
	for _, due := range p {
		r := barograph.DeliveryResult{Delivery: due.Delivery, Health: due.Endpoint.Health}
		hold := holds[thing(due.Event)]
		switch {
		case d.policy.stale(due.Delivery, now):
			r.Delivery, r.Attempt = d.policy.unsent(due.Delivery, now)
		case hold != "":
			r.Delivery.State, r.Delivery.HeldBy = barograph.DeliveryHeld, hold
		default:
			sent = append(sent, due)
			continue
		}
		aside = append(aside, r)
	}
	return sent, aside
}
