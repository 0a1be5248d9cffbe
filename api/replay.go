package api

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

type replayHandlers struct {
	replayer      Replayer
	subscriptions Subscriptions
	events        Events
	clock         barograph.Clock
}

func (a replayHandlers) ReplaySubscription(ctx context.Context, r ReplaySubscriptionRequestObject) (ReplaySubscriptionResponseObject, error) {
	s, err := a.subscriptions.Subscription(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	if err := a.check(ctx, s, *r.Body); err != nil {
		return nil, err
	}
	n, err := a.replayer.Replay(ctx, barograph.Replay{
		SubscriptionID: s.ID, EndpointID: r.Body.EndpointID, From: r.Body.From, To: r.Body.To, After: r.Body.After,
	})
	return ReplaySubscription200JSONResponse{Deliveries: n}, err
}

// check finds what points at nothing. How far back a replay may reach, its
// replayer knows.
func (a replayHandlers) check(ctx context.Context, s barograph.Subscription, in ReplayInput) error {
	var p barograph.Problems
	if now := a.clock.Now(); in.From.After(now) {
		p.Addf("from", "%s is in the future", in.From.Format(time.RFC3339))
	}
	if in.After != "" {
		_, err := a.events.Event(ctx, in.After)
		if barograph.KindOf(err) == barograph.KindNotFound {
			p.Addf("after", "%q is not an event, or none that is still kept: give a time in from", clip(string(in.After)))
		} else if err != nil {
			return err
		}
	}
	known := func(e barograph.Endpoint) bool { return e.ID == in.EndpointID }
	if in.EndpointID != "" && !slices.ContainsFunc(s.Endpoints, known) {
		p.Addf("endpoint_id", "%q is not an endpoint of this subscription", clip(string(in.EndpointID)))
	}
	return p.Err("replay")
}
