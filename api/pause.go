package api

import (
	"context"

	"github.com/barograph/barograph"
)

func (a subscriptionHandlers) PauseSubscription(ctx context.Context, r PauseSubscriptionRequestObject) (PauseSubscriptionResponseObject, error) {
	s, err := a.setEnabled(ctx, r.ID, false)
	return PauseSubscription200JSONResponse(s), err
}

func (a subscriptionHandlers) ResumeSubscription(ctx context.Context, r ResumeSubscriptionRequestObject) (ResumeSubscriptionResponseObject, error) {
	s, err := a.setEnabled(ctx, r.ID, true)
	return ResumeSubscription200JSONResponse(s), err
}

// setEnabled pauses or resumes the subscription; one that is so already stays as
// it is.
func (a subscriptionHandlers) setEnabled(ctx context.Context, id barograph.SubscriptionID, enabled bool) (barograph.Subscription, error) {
	s, err := a.subscriptions.Subscription(ctx, id)
	if err != nil || s.Enabled == enabled {
		return presentable(s), err
	}
	s.Enabled, s.UpdatedAt = enabled, timestamp(a.clock)
	return presentable(s), a.subscriptions.UpdateSubscription(ctx, s)
}
