package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/barograph/barograph"
)

// subscription is what the demo knows of one that it made.
type subscription struct {
	id        barograph.SubscriptionID
	endpoints []barograph.EndpointID
}

// endpoint is where a subscription's webhooks are to go.
func endpoint(url string) map[string]any { return map[string]any{"kind": "webhook", "url": url} }

// subscribe makes a subscription. The receiver trusts the secrets of all its
// endpoints: a broken one asks for none.
func (d *Demo) subscribe(ctx context.Context, body map[string]any) (s subscription, err error) {
	var created struct {
		Subscription barograph.Subscription `json:"subscription"`
		Secrets      []struct {
			Secret string `json:"secret"`
		} `json:"secrets"`
	}
	if err := d.post(ctx, "/api/v1/subscriptions", d.Token, body, &created); err != nil {
		return s, fmt.Errorf("subscribe: %w", err)
	}
	if n, want := len(created.Secrets), len(created.Subscription.Endpoints); n != want {
		return s, fmt.Errorf("subscribe: the answer has %d secrets, want %d", n, want)
	}
	for _, secret := range created.Secrets {
		if err := d.Receiver.Trust(secret.Secret); err != nil {
			return s, err
		}
	}
	s.id = created.Subscription.ID
	for _, ep := range created.Subscription.Endpoints {
		s.endpoints = append(s.endpoints, ep.ID)
	}
	return s, nil
}

// subscribeAll subscribes the receiver to everything, and to one event the
// broken receiver, with the other as the one that is told of its trouble: it
// knows events that come twice by their IDs.
func (d *Demo) subscribeAll(ctx context.Context) (err error) {
	d.sound, err = d.subscribe(ctx, map[string]any{
		"name": "demo receiver", "endpoints": []map[string]any{endpoint(d.Receiver.URL())},
	})
	if err != nil {
		return err
	}
	d.broken, err = d.subscribe(ctx, map[string]any{
		"name": "demo broken receiver", "event_types": []string{string(barograph.EventPredictionOpened)}, "matchers": `{host="db-1"}`,
		"endpoints": []map[string]any{endpoint(d.Broken.URL()), endpoint(d.Receiver.URL())},
	})
	return err
}

// tracedDelivery is a delivery with all its tries.
type tracedDelivery struct {
	barograph.Delivery

	Tries []barograph.Attempt `json:"tries"`
}

// followEvery is how often the log of deliveries is looked at.
const followEvery = 200 * time.Millisecond

// follow tells of each try to reach the broken receiver, as the server's log of
// deliveries has it, until the server has given it up and said so.
func (d *Demo) follow(ctx context.Context) error {
	looks := time.NewTicker(followEvery)
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-looks.C:
		}
		over, err := d.tellTries(ctx)
		if err != nil || over && d.Receiver.Received()[barograph.EventEndpointDisabled] > 0 {
			return err
		}
	}
}

// heard tells of the last try before the event that follows from it.
func (d *Demo) heard(ctx context.Context, e barograph.Event) {
	if e.Type == barograph.EventEndpointDisabled {
		_, _ = d.tellTries(ctx) // else follow will
	}
}

// tellTries tells of the tries that were not told yet, and returns whether there
// will be no more.
func (d *Demo) tellTries(ctx context.Context) (over bool, err error) {
	d.telling.Lock()
	defer d.telling.Unlock()
	t, found, err := d.toBroken(ctx)
	if !found || err != nil {
		return false, err
	}
	for ; d.told < len(t.Tries); d.told++ {
		d.tellTry(t, d.told)
	}
	return !t.DoneAt.IsZero(), nil
}

// tellTry prints what came of one try. Deliveries live by the wall clock.
func (d *Demo) tellTry(t tracedDelivery, number int) {
	try := t.Tries[number]
	next := "the delivery is given up"
	if number+1 == len(t.Tries) && t.DoneAt.IsZero() {
		wait := t.NextTry.Sub(try.At.Add(try.Latency.Std())).Round(time.Second)
		next = "the server will try again in " + barograph.Words(wait)
	}
	d.Receiver.Tell(onWall(try.At), "broken receiver", fmt.Sprintf("%s, try %d: %s; %s", barograph.EventPredictionOpened, number+1, answerOf(try), next))
}

func answerOf(try barograph.Attempt) string {
	if try.StatusCode == 0 {
		return try.Error
	}
	return strconv.Itoa(try.StatusCode) + " " + http.StatusText(try.StatusCode)
}

// toBroken returns the first delivery to the broken receiver.
func (d *Demo) toBroken(ctx context.Context) (t tracedDelivery, found bool, err error) {
	all, err := d.deliveries(ctx, d.broken.id, d.broken.endpoints[0])
	if err != nil || len(all) == 0 {
		return t, false, err
	}
	first := all[len(all)-1] // they come the newest first
	err = d.get(ctx, "/api/v1/deliveries/"+string(first.ID), &t)
	return t, err == nil, err
}

// deliveries returns those of a subscription, to one endpoint if it is named,
// the newest first.
func (d *Demo) deliveries(ctx context.Context, sub barograph.SubscriptionID, ep barograph.EndpointID) (all []barograph.Delivery, err error) {
	query := url.Values{"limit": {"1000"}}
	if ep != "" {
		query.Set("endpoint_id", string(ep))
	}
	for {
		var page struct {
			Items []barograph.Delivery `json:"items"`
			Next  string               `json:"next"`
		}
		if err := d.get(ctx, "/api/v1/subscriptions/"+string(sub)+"/deliveries?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("after", page.Next)
	}
}
