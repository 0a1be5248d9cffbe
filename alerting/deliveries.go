package alerting

import (
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Deliveries returns a delivery of the event for each enabled endpoint of each
// subscription that wants it, due at once; none for one that is told in a
// digest. now is the wall clock's time, which
// deliveries are kept by even where events have a clock of their own.
//
// Whoever was told of a beginning is told the end, also where probability, time,
// severity or labels have changed since so that the subscription would not want
// it any more; an Alertmanager even where the subscription asks for beginnings
// alone: it would go on alerting. Who was told, the database knows.
func Deliveries(subs []barograph.Subscription, e barograph.Event, now time.Time) []barograph.Delivery {
	if e.Data.DigestOnly {
		return nil
	}
	var out []barograph.Delivery
	for _, sub := range subs {
		wanted := sub.Wants(e)
		asked := e.Type.Ends() && sub.WantsType(e.Type)
		if !wanted && !e.Type.Ends() || !sub.Enabled {
			continue
		}
		for _, ep := range sub.Endpoints {
			if ep.Health.Disabled || !wanted && !asked && ep.Kind != barograph.EndpointAlertmanager {
				continue
			}
			d := newDelivery(sub, ep, e, now)
			d.OnlyIfTold = !wanted
			out = append(out, d)
		}
	}
	return out
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
