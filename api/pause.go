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

// setEnabled pauses or resumes the subscription, and nothing else of it.
func (a subscriptionHandlers) setEnabled(ctx context.Context, id barograph.SubscriptionID, enabled bool) (barograph.Subscription, error) {
	if err := a.subscriptions.SetSubscriptionEnabled(ctx, id, enabled); err != nil {
		return barograph.Subscription{}, err
	}
	s, err := a.subscriptions.Subscription(ctx, id)
	return presentable(s), err
}
