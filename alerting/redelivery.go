package alerting

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// ReplayStore is what a replay needs of the database.
type ReplayStore interface {
	Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error)
	Event(ctx context.Context, id barograph.EventID) (barograph.Event, error)
	// Events returns a page of what happened, newest first.
	Events(ctx context.Context, f barograph.EventFilter, page barograph.Page) ([]barograph.Event, error)
	Record(ctx context.Context, c barograph.Change) error
	NoteAudit(ctx context.Context, entry barograph.AuditEntry) error
}

// Replayer has events delivered again to subscriptions that ask for it.
type Replayer struct {
	store    ReplayStore
	clock    barograph.Clock
	recorded func()
}

// NewReplayer returns a replayer of the events in the store, which happened by
// the clock. recorded is called after deliveries were recorded.
func NewReplayer(store ReplayStore, clock barograph.Clock, recorded func()) *Replayer {
	return &Replayer{store: store, clock: clock, recorded: recorded}
}

const (
	replayPage  = 500
	mostReplays = 100_000 // deliveries of one replay
)

// Replay adds a delivery of each event of the time that the subscription wants
// by now to each of the endpoints, oldest event first, and returns how many it
// added. Those who take several events at once get them grouped. Deliveries of a
// replay supersede nothing and nothing supersedes them: an event comes under the
// ID that it had, whatever happened since. What only says that Barograph works
// is left out.
//
// It is not all or nothing: what was added before an error stays.
func (r *Replayer) Replay(ctx context.Context, what barograph.Replay) (int, error) {
	sub, endpoints, err := r.receivers(ctx, what)
	if err != nil {
		return 0, err
	}
	what, err = r.bounds(ctx, what)
	if err != nil {
		return 0, err
	}
	ds, err := r.deliveries(ctx, what, sub, endpoints)
	if err != nil {
		return 0, err
	}
	if err := r.note(ctx, what, sub, len(ds)); err != nil {
		return 0, err
	}
	n := 0
	for batch := range slices.Chunk(ds, replayPage) {
		if err := r.store.Record(ctx, barograph.Change{Deliveries: batch}); err != nil {
			return n, fmt.Errorf("record deliveries of a replay: %w", err)
		}
		n += len(batch)
		r.recorded()
	}
	return n, nil
}

// receivers returns who is to get the events.
func (r *Replayer) receivers(ctx context.Context, what barograph.Replay) (sub barograph.Subscription, to []barograph.Endpoint, err error) {
	sub, err = r.store.Subscription(ctx, what.SubscriptionID)
	if err != nil {
		return sub, nil, fmt.Errorf("read subscription %s: %w", what.SubscriptionID, err)
	}
	if !sub.Enabled {
		return sub, nil, barograph.Errorf(barograph.KindConflict, "subscription %s is paused: resume it, then replay what it missed", sub.ID)
	}
	for _, ep := range sub.Endpoints {
		if what.EndpointID == "" && !ep.Health.Disabled || ep.ID == what.EndpointID {
			to = append(to, ep)
		}
	}
	switch {
	case len(to) == 0 && what.EndpointID != "":
		return sub, nil, noEndpoint(sub.ID, what.EndpointID)
	case len(to) == 0:
		return sub, nil, barograph.Errorf(barograph.KindConflict, "all endpoints of subscription %s are disabled: enable one, then replay", sub.ID)
	case to[0].Health.Disabled:
		return sub, nil, barograph.Errorf(barograph.KindConflict, "endpoint %s is disabled: enable it, then replay", what.EndpointID)
	}
	return sub, to, nil
}

// bounds returns the request with all its times set.
func (r *Replayer) bounds(ctx context.Context, what barograph.Replay) (barograph.Replay, error) {
	var p barograph.Problems
	now := r.clock.Now()
	if what.To.IsZero() {
		what.To = now
	}
	field := "from"
	if what.After != "" {
		field = "after"
		if !what.From.IsZero() {
			p.Addf("after", "is in place of from: give one of them")
		}
		e, err := r.store.Event(ctx, what.After)
		if err != nil {
			return what, fmt.Errorf("read event %s: %w", what.After, err)
		}
		what.From = e.Time
	}
	switch oldest := now.Add(-barograph.MaxReplay); {
	case what.From.IsZero():
		p.Addf("from", "is missing: say since when, or after which event")
	case what.From.Before(oldest):
		p.Addf(field, "%s is more than %s ago", what.From.Format(time.RFC3339), barograph.Duration(barograph.MaxReplay))
	case what.To.Before(what.From):
		p.Addf("to", "%s is before %s", what.To.Format(time.RFC3339), what.From.Format(time.RFC3339))
	}
	return what, p.Err("replay")
}

// deliveries returns what is to be added, oldest event first.
func (r *Replayer) deliveries(ctx context.Context, what barograph.Replay, sub barograph.Subscription, to []barograph.Endpoint) ([]barograph.Delivery, error) {
	sub.Endpoints = to
	filter := barograph.EventFilter{From: what.From, To: what.To}
	if what.After != "" {
		filter.From = time.Time{} // recorded later, it may have happened earlier
	}
	var out []barograph.Delivery
	now := time.Now() // the same for all: then they go out in the order of the events
	page := barograph.Page{Limit: replayPage}
	for {
		events, err := r.store.Events(ctx, filter, page)
		if err != nil {
			return nil, fmt.Errorf("read events to replay: %w", err)
		}
		for _, e := range events {
			if what.After != "" && e.ID <= what.After {
				return reversed(out), nil
			}
			if e.Type == barograph.EventWatchdog {
				continue
			}
			for _, d := range Deliveries([]barograph.Subscription{sub}, e, now) {
				d.Topic = ""
				out = append(out, d)
			}
		}
		if len(out) > mostReplays {
			return nil, barograph.Errorf(barograph.KindInvalid, "a replay of more than %d deliveries: replay a shorter time, or to one endpoint", mostReplays)
		}
		if len(events) < replayPage {
			return reversed(out), nil
		}
		page.After = string(events[len(events)-1].ID)
	}
}

func reversed(ds []barograph.Delivery) []barograph.Delivery {
	slices.Reverse(ds)
	return ds
}

// note puts on record who asked for what.
func (r *Replayer) note(ctx context.Context, what barograph.Replay, sub barograph.Subscription, n int) error {
	who, _ := barograph.IdentityFrom(ctx)
	kind, subject := "subscription", string(sub.ID)
	if what.EndpointID != "" {
		kind, subject = "endpoint", string(what.EndpointID)
	}
	now := time.Now()
	after := map[string]any{"from": what.From, "to": what.To, "deliveries": n}
	if what.After != "" {
		after["after"] = what.After
	}
	err := r.store.NoteAudit(ctx, barograph.AuditEntry{
		ID: barograph.NewID("aud", now), At: now, By: who.Name, Action: "replayed",
		Kind: kind, Subject: subject, Name: sub.Name, After: after,
	})
	if err != nil {
		return fmt.Errorf("note a replay of subscription %s: %w", sub.ID, err)
	}
	return nil
}
