package manage

import (
	"context"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Replayer plans deliveries of events that happened before, and returns how many.
type Replayer interface {
	Replay(ctx context.Context, r barograph.Replay) (int, error)
}

// Events gives events.
type Events interface {
	Event(ctx context.Context, id barograph.EventID) (barograph.Event, error)
}

// ReplayInput says what to deliver again: from a time, or from behind an event on.
type ReplayInput struct {
	From       time.Time            `json:"from,omitzero"`
	After      barograph.EventID    `json:"after,omitempty"`
	To         time.Time            `json:"to,omitzero"`           // zero: all up to now
	EndpointID barograph.EndpointID `json:"endpoint_id,omitempty"` // "": to all of the subscription's
}

// Replay plans deliveries of what happened before, and returns how many.
func (m Subscriptions) Replay(ctx context.Context, id barograph.SubscriptionID, in ReplayInput) (int, error) {
	s, err := m.store.Subscription(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := m.checkReplay(ctx, s, in); err != nil {
		return 0, err
	}
	return m.replayer.Replay(ctx, barograph.Replay{
		SubscriptionID: s.ID, EndpointID: in.EndpointID, From: in.From, To: in.To, After: in.After,
	})
}

// checkReplay finds what points at nothing. How far back a replay may reach, its
// replayer knows.
func (m Subscriptions) checkReplay(ctx context.Context, s barograph.Subscription, in ReplayInput) error {
	var p barograph.Problems
	if now := m.clock.Now(); in.From.After(now) {
		p.Addf("from", "%s is in the future", in.From.Format(time.RFC3339))
	}
	if in.After != "" {
		_, err := m.events.Event(ctx, in.After)
		if barograph.KindOf(err) == barograph.KindNotFound {
			p.Addf("after", "%q is not an event, or none that is still kept: give a time in from", barograph.Clip(string(in.After)))
		} else if err != nil {
			return err
		}
	}
	known := func(e barograph.Endpoint) bool { return e.ID == in.EndpointID }
	if in.EndpointID != "" && !slices.ContainsFunc(s.Endpoints, known) {
		p.Addf("endpoint_id", "%q is not an endpoint of this subscription", barograph.Clip(string(in.EndpointID)))
	}
	return p.Err("replay")
}
