package alerting

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// queue holds changes until they are recorded. Changes of one prediction,
// breach or host are recorded in the order in which they were pushed.
type queue struct {
	store    Store
	shares   Shares
	clock    barograph.Clock
	log      *slog.Logger
	recorded func()
	events   *metrics.Counter
	givenUp  *metrics.Counter
	wake     chan struct{}

	holds        *holds
	acknowledged *acknowledged

	mu      sync.Mutex
	waiting []queued // oldest first
	lastID  time.Time

	failure error // of the last try; nil: it went well; belongs to the goroutine that records
}

// queued is one step of one series or host: all of it is recorded, or nothing.
type queued struct {
	change   barograph.Change
	refusals int // how often the database took others but not this one
}

// maxRefusals is how often a change is tried that the database refuses while it
// takes others.
const maxRefusals = 3

func newQueue(opts EngineOptions) queue {
	return queue{
		store: opts.Store, shares: opts.Shares, clock: opts.Clock, log: opts.Log, recorded: opts.Recorded,
		events:  opts.Metrics.NewCounter("barograph_events_recorded_total"),
		givenUp: opts.Metrics.NewCounter("barograph_events_given_up_total"),
		wake:    make(chan struct{}, 1),
		holds:   &holds{}, acknowledged: &acknowledged{},
	}
}

// push adds a change and gives its events their IDs.
func (q *queue) push(c barograph.Change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range c.Events {
		c.Events[i].ID = q.nextID()
	}
	q.waiting = append(q.waiting, queued{change: c})
	wake(q.wake)
}

// nextID returns an ID that sorts after all before it. In a storm IDs run ahead
// of the clock, by a millisecond an event.
func (q *queue) nextID() barograph.EventID {
	now := q.clock.Now().Truncate(time.Millisecond)
	if !now.After(q.lastID) {
		now = q.lastID.Add(time.Millisecond)
	}
	q.lastID = now
	return barograph.EventID(barograph.NewID("evt", now))
}

// follow has IDs from now on sort after that of an event that another server, or
// this one by another time, gave.
func (q *queue) follow(last barograph.EventID) {
	at, ok := barograph.TimeOfID(string(last))
	q.mu.Lock()
	defer q.mu.Unlock()
	if ok && at.After(q.lastID) {
		q.lastID = at
	}
}

// news receives when something was pushed. While the database fails only time
// helps.
func (q *queue) news() <-chan struct{} {
	if q.failure != nil {
		return nil
	}
	return q.wake
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// record writes what is queued, in one transaction where possible. What can't
// be written stays queued, in order.
func (q *queue) record(ctx context.Context) {
	q.mu.Lock()
	batch := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	done, left, err := q.recordBatch(ctx, q.ours(batch))
	q.mu.Lock()
	q.waiting = append(left, q.waiting...)
	q.mu.Unlock()
	q.report(ctx, done, left, err)
}

// recordNow writes a change at once, which is about none of what is queued.
func (q *queue) recordNow(ctx context.Context, c barograph.Change) error {
	q.mu.Lock()
	for i := range c.Events {
		c.Events[i].ID = q.nextID()
	}
	q.mu.Unlock()
	batch := []queued{{change: c}}
	if err := q.address(ctx, batch); err != nil {
		return err
	}
	if err := q.store.Record(ctx, batch[0].change); err != nil {
		return err
	}
	q.tell(ctx, batch)
	return nil
}

func (q *queue) recordBatch(ctx context.Context, batch []queued) (done, left []queued, err error) {
	if len(batch) == 0 {
		return nil, nil, nil
	}
	if err := q.address(ctx, batch); err != nil {
		return nil, batch, err
	}
	if err := q.store.Record(ctx, join(batch)); err != nil {
		if kept := q.ours(batch); len(kept) < len(batch) {
			return q.recordBatch(ctx, kept)
		}
		done, left = q.recordEach(ctx, batch, err)
		return done, left, err
	}
	return batch, nil, nil
}

// ours returns the changes but those of parts of the work that another server
// has, or had, since: it judges the same samples, and tells of them.
func (q *queue) ours(batch []queued) []queued {
	return slices.DeleteFunc(slices.Clone(batch), func(c queued) bool {
		return slices.ContainsFunc(c.change.Shares, func(s barograph.Share) bool { return !q.shares.Holds(s) })
	})
}

// address gives each event a delivery to every endpoint that wants it by now:
// whoever subscribed before an event is recorded is told of it. What is held
// back is held back from now on.
func (q *queue) address(ctx context.Context, batch []queued) error {
	subs, err := q.store.Subscriptions(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read subscriptions: %w", err)
	}
	now := time.Now() // deliveries live by the wall clock, even in the demo
	for i := range batch {
		c := &batch[i].change
		c.Deliveries = nil
		if err := q.hearOfAcks(ctx, *c); err != nil {
			return err
		}
		for _, event := range c.Events {
			ds := q.holds.hold(Deliveries(subs, event, now), event, now)
			c.Deliveries = append(c.Deliveries, q.acknowledged.silence(ds, event, now)...)
		}
	}
	return nil
}

// hearOfAcks learns whether somebody took on, by way of another server or of an
// answer that was lost, what the change tells news of.
func (q *queue) hearOfAcks(ctx context.Context, c barograph.Change) error {
	alone := q.shares.Alone()
	for _, event := range c.Events {
		if event.Type != barograph.EventPredictionUpdated {
			continue
		}
		id := event.Data.Prediction.ID
		if alone && !q.acknowledged.doubtful(string(id)) {
			continue
		}
		p, err := q.store.Prediction(ctx, id)
		if err != nil && barograph.KindOf(err) != barograph.KindNotFound {
			return fmt.Errorf("look for an acknowledgement: %w", err)
		}
		if p.Acknowledged != nil {
			q.acknowledged.add(string(p.ID))
		}
	}
	return nil
}

// recordEach writes the changes one by one after they failed together with err,
// so that one that the database refuses holds up none but those of the same
// thing. Nothing is given up while the database takes nothing at all.
func (q *queue) recordEach(ctx context.Context, batch []queued, err error) (done, left []queued) {
	if len(batch) == 1 || !refusal(ctx, err) {
		return nil, batch
	}
	held := map[string]bool{}
	var refused []error
	for i, c := range batch {
		if slices.ContainsFunc(things(c.change), func(id string) bool { return held[id] }) {
			left, refused = append(left, c), append(refused, nil)
			continue
		}
		err := q.store.Record(ctx, c.change)
		switch {
		case err == nil:
			done = append(done, c)
			continue
		case !refusal(ctx, err):
			return done, append(left, batch[i:]...)
		}
		for _, id := range things(c.change) {
			held[id] = true
		}
		left, refused = append(left, c), append(refused, err)
	}
	if len(done) == 0 {
		return nil, batch
	}
	return done, q.giveUp(ctx, left, refused)
}

// refusal reports whether the error may be the change's own fault.
func refusal(ctx context.Context, err error) bool {
	return ctx.Err() == nil && barograph.KindOf(err) != barograph.KindUnavailable
}

// giveUp counts the refusals and returns what is worth another try.
func (q *queue) giveUp(ctx context.Context, left []queued, refused []error) (kept []queued) {
	for i, c := range left {
		if refused[i] != nil {
			c.refusals++
		}
		if c.refusals < maxRefusals {
			kept = append(kept, c)
			continue
		}
		for _, event := range c.change.Events {
			q.givenUp.Inc()
			q.log.ErrorContext(ctx, "an event can't be recorded and is given up",
				"event", event.ID, "type", event.Type, "subject", event.Subject, "err", refused[i])
		}
	}
	return kept
}

// things returns what the change is about.
func things(c barograph.Change) (ids []string) {
	for _, p := range c.Predictions {
		ids = append(ids, string(p.ID))
	}
	for _, b := range c.Breaches {
		ids = append(ids, string(b.ID))
	}
	for _, s := range c.Silences {
		ids = append(ids, string(s.HostID))
	}
	return ids
}

// report logs what was recorded, and a failure when it begins and ends.
func (q *queue) report(ctx context.Context, done, left []queued, err error) {
	if len(left) == 0 { // what was refused for good is given up
		err = nil
	}
	switch {
	case err != nil && ctx.Err() != nil: // broken off by the end, on the way to which the rest is recorded
	case err != nil && q.failure == nil:
		q.log.ErrorContext(ctx, "events could not be recorded and will be tried again", "changes", len(left), "err", err)
	case err == nil && q.failure != nil:
		q.log.InfoContext(ctx, "events are recorded again", "changes", len(done))
	}
	q.failure = err
	if len(done) > 0 {
		q.tell(ctx, done)
	}
}

// tell logs what was recorded, and wakes whoever sends it.
func (q *queue) tell(ctx context.Context, done []queued) {
	for _, c := range done {
		for _, event := range c.change.Events {
			q.events.Inc()
			level := slog.LevelInfo
			if event.Type == barograph.EventWatchdog { // says each minute that all is as ever
				level = slog.LevelDebug
			}
			q.log.Log(ctx, level, string(event.Type), "summary", event.Data.Summary) //nolint:sloglint // the type is one of a dozen constants
		}
	}
	q.recorded()
}

func join(batch []queued) (all barograph.Change) {
	for _, q := range batch {
		c := q.change
		all.Predictions = append(all.Predictions, c.Predictions...)
		all.Breaches = append(all.Breaches, c.Breaches...)
		all.Silences = append(all.Silences, c.Silences...)
		all.Standings = append(all.Standings, c.Standings...)
		all.Acks = append(all.Acks, c.Acks...)
		for _, share := range c.Shares {
			if !slices.Contains(all.Shares, share) {
				all.Shares = append(all.Shares, share)
			}
		}
		all.Events = append(all.Events, c.Events...)
		all.Deliveries = append(all.Deliveries, c.Deliveries...)
	}
	return all
}
