package alerting

import (
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Deliveries returns a delivery of the event for each enabled endpoint of each
// subscription that wants it, due at once; none for one that is told in a
// digest. now is the wall clock's time, which
// deliveries are kept by even where events have a clock of their own.
//
// An Alertmanager gets the end of what it was told even where the subscription
// asks for beginnings alone: it would go on alerting.
func Deliveries(subs []barograph.Subscription, e barograph.Event, now time.Time) []barograph.Delivery {
	if e.Data.DigestOnly {
		return nil
	}
	var out []barograph.Delivery
	for _, sub := range subs {
		all := sub.Wants(e)
		if !all && !wantsBeginning(sub, e) {
			continue
		}
		for _, ep := range sub.Endpoints {
			if !ep.Health.Disabled && (all || ep.Kind == barograph.EndpointAlertmanager) {
				out = append(out, newDelivery(sub, ep, e, now))
			}
		}
	}
	return out
}

// wantsBeginning reports whether the event ends what the subscription was told of.
func wantsBeginning(sub barograph.Subscription, e barograph.Event) bool {
	if !e.Type.Ends() {
		return false
	}
	group, _, _ := strings.Cut(string(e.Type), ".")
	return slices.ContainsFunc(barograph.EventTypes(), func(t barograph.EventType) bool {
		begun := e
		begun.Type = t
		return strings.HasPrefix(string(t), group+".") && !t.Ends() && sub.Wants(begun)
	})
}

func newDelivery(sub barograph.Subscription, ep barograph.Endpoint, e barograph.Event, now time.Time) barograph.Delivery {
	d := barograph.Delivery{
		ID:      barograph.DeliveryID(barograph.NewID("dlv", now)),
		EventID: e.ID, SubscriptionID: sub.ID, EndpointID: ep.ID, Topic: topic(e),
		State: barograph.DeliveryPending, CreatedAt: now, NextTry: now,
	}
	if ep.Groups() && !e.Data.Test && e.Type != barograph.EventWatchdog {
		d.Group = sub.Group(e)
	}
	return d
}

// topic returns the thing whose state the event tells. An event without a
// topic supersedes nothing.
func topic(e barograph.Event) string {
	group, _, _ := strings.Cut(string(e.Type), ".")
	switch d := e.Data; {
	case d.Test:
		return ""
	case group == "prediction" && d.Prediction != nil:
		return string(d.Prediction.ID)
	case group == "breach" && d.Breach != nil:
		return string(d.Breach.ID)
	case group == "host" && d.Host != nil:
		return string(d.Host.ID)
	case group == "endpoint" && d.Endpoint != nil:
		return string(d.Endpoint.ID)
	case e.Type == barograph.EventRuleDigest && d.Rule != nil:
		return string(d.Rule.ID) + " digest" // what is told of the rule itself stays
	case group == "rule" && d.Rule != nil:
		return string(d.Rule.ID)
	}
	return ""
}
