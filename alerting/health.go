package alerting

import (
	"fmt"
	"net/url"
	"time"

	"github.com/barograph/barograph"
)

// health returns how an endpoint fares after a try with the outcome o. gaveUp
// says that nothing of what was tried will be tried again; test, that it was
// somebody's test, whose success enables a disabled endpoint.
//
// It counts messages: one that carries many events counts as one try, and when
// it is given up, as one.
func (p retryPolicy) health(h barograph.EndpointHealth, gaveUp bool, o Outcome, now time.Time, test bool) barograph.EndpointHealth {
	if o.Verdict == VerdictDelivered {
		return healthy(h, now, test)
	}
	h.Failures++
	if h.FailingSince.IsZero() {
		h.FailingSince = now
	}
	if gaveUp {
		h.Exhausted++
	}
	switch failing := now.Sub(h.FailingSince); {
	case h.Disabled:
	case o.Verdict == VerdictGone:
		return disabled(h, now, "the receiver answered 410 Gone")
	case gaveUp && h.Exhausted >= p.disableExhausted && failing >= p.disableAfter:
		return disabled(h, now, fmt.Sprintf("nothing got through for %s: %d messages were given up%s%s",
			barograph.Duration(failing.Truncate(time.Hour)), h.Exhausted, lastBecause, errorText(o.Err)))
	}
	return h
}

func healthy(h barograph.EndpointHealth, now time.Time, test bool) barograph.EndpointHealth {
	ok := barograph.EndpointHealth{LastSuccess: now}
	if h.Disabled && !test {
		ok.Disabled, ok.DisabledReason, ok.DisabledAt = true, h.DisabledReason, h.DisabledAt
	}
	return ok
}

func disabled(h barograph.EndpointHealth, now time.Time, reason string) barograph.EndpointHealth {
	h.Disabled, h.DisabledAt, h.DisabledReason = true, now, reason
	return h
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// lastBecause comes before the error in the reason why an endpoint was disabled.
const lastBecause = ", the last because: "

// healthEvent returns the event of an endpoint that got disabled or enabled,
// false if neither happened.
func healthEvent(sub barograph.Subscription, ep barograph.Endpoint, after barograph.EndpointHealth, now time.Time) (barograph.Event, bool) {
	if ep.Health.Disabled == after.Disabled {
		return barograph.Event{}, false
	}
	e := barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", now)), Time: now, Subject: string(ep.ID),
		Type: barograph.EventEndpointEnabled, Severity: barograph.SeverityInfo,
		Labels: barograph.NewLabels(map[string]string{"endpoint": string(ep.ID), "endpoint_kind": string(ep.Kind)}),
		Data: barograph.EventData{Endpoint: &barograph.EndpointRef{
			ID: ep.ID, SubscriptionID: sub.ID, Kind: ep.Kind, Subscription: sub.Name, Address: addressOf(ep), Reason: after.DisabledReason,
		}},
	}
	if after.Disabled {
		e.Type, e.Severity = barograph.EventEndpointDisabled, barograph.SeverityWarning
	}
	e.Data.Summary = summarize(e)
	return e, true
}

// addressOf says where an endpoint leads, for those who may not see all of it: of
// a URL the host only, as the rest may be a secret.
func addressOf(ep barograph.Endpoint) string {
	if ep.URL != "" {
		u, err := url.Parse(ep.URL)
		switch {
		case err != nil:
			return ""
		case u.Host == "": // of a service whose whole URL is secret
			return u.Scheme
		}
		return u.Host
	}
	switch n := len(ep.To); n {
	case 0:
		return ""
	case 1:
		return ep.To[0]
	default:
		return fmt.Sprintf("%s and %d more", ep.To[0], n-1)
	}
}

// healthDeliveries returns where such an event goes: to all other endpoints of
// the same subscription, whatever it asks for, since its owner must know; and
// to the other subscriptions that want it.
func healthDeliveries(subs []barograph.Subscription, e barograph.Event, now time.Time) []barograph.Delivery {
	about := e.Data.Endpoint
	var others []barograph.Subscription
	var out []barograph.Delivery
	for _, sub := range subs {
		if sub.ID != about.SubscriptionID {
			others = append(others, sub)
			continue
		}
		for _, ep := range sub.Endpoints {
			if ep.ID != about.ID && !ep.Health.Disabled && sub.Enabled {
				out = append(out, newDelivery(sub, ep, e, now))
			}
		}
	}
	return append(out, Deliveries(others, e, now)...)
}
