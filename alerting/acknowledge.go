package alerting

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// acknowledged are the open predictions and breaches that somebody took on.
type acknowledged struct {
	mu     sync.Mutex
	topics map[string]bool
	doubts map[string]bool // topics of which only the database knows whether they were
}

// doubt has the database asked about the topic.
func (a *acknowledged) doubt(topic string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.doubts == nil {
		a.doubts = map[string]bool{}
	}
	a.doubts[topic] = true
}

func (a *acknowledged) doubtful(topic string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.doubts[topic]
}

func (a *acknowledged) add(topic string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.topics == nil {
		a.topics = map[string]bool{}
	}
	a.topics[topic] = true
}

// silence ends the deliveries of an event that nobody is told of, because the
// thing was taken on and is not over.
func (a *acknowledged) silence(ds []barograph.Delivery, e barograph.Event, now time.Time) []barograph.Delivery {
	about := topic(e)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case e.Type.Ends():
		delete(a.topics, about)
		delete(a.doubts, about)
	case !a.topics[about]:
	case e.Type == barograph.EventPredictionUpdated:
		for i := range ds {
			ds[i] = finish(ds[i], barograph.DeliverySilenced, now)
			ds[i].HeldBy = barograph.Hold(about)
		}
	}
	return ds
}

// Acknowledge records that somebody takes on the prediction or breach with the
// ID, and tells so: nobody is reminded of it any more, nor told of its updates.
// Its error is of KindNotFound if there is none, and of KindConflict if it is
// over or was taken on before.
func (e *Engine) Acknowledge(ctx context.Context, id string, ack barograph.Acknowledgement) error {
	e.acknowledging.Lock()
	defer e.acknowledging.Unlock()
	if ack.At.IsZero() {
		ack.At = e.opts.Clock.Now()
	}
	event, err := e.acknowledgedEvent(ctx, id, ack)
	if err != nil {
		return err
	}
	event.Data.Summary = summarize(event)
	err = e.queue.recordNow(ctx, barograph.Change{
		Acks: []barograph.Ack{{Topic: id, Acknowledgement: ack}}, Events: []barograph.Event{event},
	})
	if err != nil {
		e.queue.acknowledged.doubt(id) // it may be on record all the same
		return fmt.Errorf("record the acknowledgement of %s: %w", id, err)
	}
	e.queue.acknowledged.add(id)
	return nil
}

func (e *Engine) acknowledgedEvent(ctx context.Context, id string, ack barograph.Acknowledgement) (barograph.Event, error) {
	switch kind, _, _ := strings.Cut(id, "_"); kind {
	case "prd":
		p, err := e.opts.Store.Prediction(ctx, barograph.PredictionID(id))
		if err == nil {
			err = acknowledgeable("prediction", id, p.State == barograph.PredictionOpen, p.Acknowledged)
		}
		p.Acknowledged = nil // events carry it elsewhere
		event := e.takenOn(ctx, barograph.EventPredictionAcked, p.Series, p.Severity, p.RuleID, p.RuleName, ack)
		event.Data.Prediction, event.Data.Value = &p, &p.Latest.Value
		return event, err
	case "brc":
		b, err := e.opts.Store.Breach(ctx, barograph.BreachID(id))
		if err == nil {
			err = acknowledgeable("breach", id, b.EndedAt.IsZero(), b.Acknowledged)
		}
		b.Acknowledged = nil
		event := e.takenOn(ctx, barograph.EventBreachAcked, b.Series, b.Severity, b.RuleID, b.RuleName, ack)
		event.Data.Breach, event.Data.Value = &b, &b.Value
		return event, err
	}
	return barograph.Event{}, barograph.Errorf(barograph.KindNotFound, "%q is the ID of no prediction and of no breach", clip(id, maxShownID))
}

const maxShownID = 50

func acknowledgeable(kind, id string, open bool, before *barograph.Acknowledgement) error {
	switch {
	case !open:
		return barograph.Errorf(barograph.KindConflict, "the %s %s is over: there is nothing left to acknowledge", kind, id)
	case before != nil:
		return barograph.Errorf(barograph.KindConflict, "the %s %s was acknowledged by %s already", kind, id, before.By)
	}
	return nil
}

// takenOn returns the event of an acknowledgement, but for its ID and what it is
// about. A rule that is gone by now is known by its name alone.
func (e *Engine) takenOn(ctx context.Context, kind barograph.EventType, series barograph.Series, severity barograph.Severity,
	rule barograph.RuleID, ruleName string, ack barograph.Acknowledgement,
) barograph.Event {
	event := barograph.Event{
		Type: kind, Time: ack.At, Subject: series.String(), Severity: severity,
		Labels: series.Labels, Data: barograph.EventData{Acknowledged: &ack},
	}
	if known, err := e.opts.Store.Rule(ctx, rule); err == nil { // it may be judged elsewhere
		event.Labels = event.Labels.Merge(known.Labels)
		event.Data.Rule = ruleRef(known)
	}
	event.Labels = event.Labels.With("metric", series.Metric).With("rule", ruleName)
	return event
}

// Announce gives the event an ID, records it with a delivery for everybody who
// wants it, and returns it as it was recorded.
func (e *Engine) Announce(ctx context.Context, event barograph.Event) (barograph.Event, error) {
	if event.Time.IsZero() {
		event.Time = e.opts.Clock.Now()
	}
	if event.Data.Summary == "" {
		event.Data.Summary = summarize(event)
	}
	c := barograph.Change{Events: []barograph.Event{event}}
	if err := e.queue.recordNow(ctx, c); err != nil {
		return event, fmt.Errorf("record an event of type %s: %w", event.Type, err)
	}
	return c.Events[0], nil
}
