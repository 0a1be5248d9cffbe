package alerting

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
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
	running  sync.Mutex
}

// NewReplayer returns a replayer of the events in the store, which happened by
// the clock. recorded is called after deliveries were recorded.
func NewReplayer(store ReplayStore, clock barograph.Clock, recorded func()) *Replayer {
	return &Replayer{store: store, clock: clock, recorded: recorded}
}

const (
	replayPage  = 500
	mostReplays = 100_000 // deliveries of one replay
	// atOnce is about how many of them are held in memory.
	atOnce      = 2000
	replayAgain = 10 * time.Second
	// replayPace is how long after each page the next is due.
	replayPace = 10 * time.Second
)

// Replay adds a delivery of each event of the time that the subscription wants
// by now to each of the endpoints, oldest event first, and returns how many it
// added. Those who take several events at once get them grouped. Deliveries of a
// replay supersede nothing and nothing supersedes them: an event comes under the
// ID that it had, whatever happened since. What only says that Barograph works
// is left out.
//
// There is one replay at a time; another is refused with KindRateLimited.
//
// It is not all or nothing: what was added before an error stays.
func (r *Replayer) Replay(ctx context.Context, what barograph.Replay) (int, error) {
	if !r.running.TryLock() {
		return 0, &barograph.Error{
			Kind: barograph.KindRateLimited, RetryAfter: replayAgain,
			Message: "another replay is being prepared, and there is one at a time: ask again when it has been answered",
		}
	}
	defer r.running.Unlock()
	sub, endpoints, err := r.receivers(ctx, what)
	if err != nil {
		return 0, err
	}
	what, err = r.bounds(ctx, what)
	if err != nil {
		return 0, err
	}
	to := sub
	to.Endpoints = endpoints
	spans, n, err := r.survey(ctx, what, to)
	if err != nil {
		return 0, err
	}
	if err := r.note(ctx, what, sub, n); err != nil {
		return 0, err
	}
	return r.add(ctx, what, to, spans)
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

// span is a run of events that are replayed together.
type span struct {
	after          barograph.EventID // the one before its newest; "": there is none
	newest, oldest barograph.EventID
}

// survey returns the events in spans, newest first, and how many deliveries they
// make. It keeps none of them: what is newest is read first, but added last.
func (r *Replayer) survey(ctx context.Context, what barograph.Replay, to barograph.Subscription) (spans []span, n int, err error) {
	var last barograph.EventID
	inSpan := atOnce
	for e, err := range r.events(ctx, what, "") {
		if err != nil {
			return nil, 0, err
		}
		if inSpan >= atOnce {
			spans = append(spans, span{after: last, newest: e.ID})
			inSpan = 0
		}
		added := len(replayed(to, e, time.Now()))
		n, inSpan = n+added, inSpan+added
		last, spans[len(spans)-1].oldest = e.ID, e.ID
		if n > mostReplays {
			return nil, 0, barograph.Errorf(barograph.KindInvalid, "a replay of more than %d deliveries: replay a shorter time, or to one endpoint", mostReplays)
		}
	}
	return spans, n, nil
}

// add records the deliveries of the spans, oldest first, and returns how many.
func (r *Replayer) add(ctx context.Context, what barograph.Replay, to barograph.Subscription, spans []span) (n int, err error) {
	now := time.Now() // the same for all: then they go out in the order of the events
	for _, s := range slices.Backward(spans) {
		ds, err := r.deliveries(ctx, what, to, s, now)
		if err != nil {
			return n, err
		}
		for batch := range slices.Chunk(ds, replayPage) {
			// What happens now is not to wait for all of what happened then.
			later := time.Duration(n/replayPage) * replayPace
			for i := range batch {
				batch[i].NextTry = now.Add(later)
			}
			if err := r.store.Record(ctx, barograph.Change{Deliveries: batch}); err != nil {
				return n, fmt.Errorf("record deliveries of a replay: %w", err)
			}
			n += len(batch)
			r.recorded()
		}
	}
	return n, nil
}

// deliveries returns those of one span, oldest event first. Events that were
// recorded or forgotten since the survey move none into another span.
func (r *Replayer) deliveries(ctx context.Context, what barograph.Replay, to barograph.Subscription, s span, now time.Time) (out []barograph.Delivery, err error) {
	for e, err := range r.events(ctx, what, s.after) {
		if err != nil {
			return nil, err
		}
		if e.ID < s.oldest {
			break
		}
		if e.ID <= s.newest {
			out = append(out, replayed(to, e, now)...)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// events reads what is to be replayed, newest first, from below an event on.
func (r *Replayer) events(ctx context.Context, what barograph.Replay, below barograph.EventID) iter.Seq2[barograph.Event, error] {
	filter := barograph.EventFilter{From: what.From, To: what.To}
	if what.After != "" {
		filter.From = time.Time{} // recorded later, it may have happened earlier
	}
	page := barograph.Page{After: string(below), Limit: replayPage}
	return func(yield func(barograph.Event, error) bool) {
		for {
			events, err := r.store.Events(ctx, filter, page)
			if err != nil {
				yield(barograph.Event{}, fmt.Errorf("read events to replay: %w", err))
				return
			}
			for _, e := range events {
				if e.ID <= what.After || !yield(e, nil) {
					return
				}
			}
			if len(events) < replayPage {
				return
			}
			page.After = string(events[len(events)-1].ID)
		}
	}
}

// replayed returns the deliveries of the event again.
func replayed(to barograph.Subscription, e barograph.Event, now time.Time) []barograph.Delivery {
	if e.Type == barograph.EventWatchdog {
		return nil
	}
	if !to.Wants(e) { // nor is whoever was told of a beginning told the end again
		return nil
	}
	ds := Deliveries([]barograph.Subscription{to}, e, now)
	for i := range ds {
		ds[i].Topic = ""
	}
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
