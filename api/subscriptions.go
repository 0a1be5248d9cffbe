package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Subscriptions gives the subscriptions.
type Subscriptions interface {
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	Subscription(ctx context.Context, id barograph.SubscriptionID) (barograph.Subscription, error)
}

type subscriptionHandlers struct {
	subscriptions Subscriptions
	manage        manage.Subscriptions
}

func (a subscriptionHandlers) ListSubscriptions(ctx context.Context, r ListSubscriptionsRequestObject) (ListSubscriptionsResponseObject, error) {
	items, next, err := list(ctx, a.subscriptions.Subscriptions, r.Params.Limit, r.Params.After,
		func(s barograph.Subscription) string { return string(s.ID) })
	for i := range items {
		items[i] = a.manage.Shown(ctx, items[i])
	}
	return ListSubscriptions200JSONResponse{Items: items, Next: next}, err
}

func (a subscriptionHandlers) GetSubscription(ctx context.Context, r GetSubscriptionRequestObject) (GetSubscriptionResponseObject, error) {
	s, err := a.subscriptions.Subscription(ctx, r.ID)
	return GetSubscription200JSONResponse(a.manage.Shown(ctx, s)), err
}

func (a subscriptionHandlers) CreateSubscription(ctx context.Context, r CreateSubscriptionRequestObject) (CreateSubscriptionResponseObject, error) {
	s, secrets, err := a.manage.Create(ctx, *r.Body)
	return CreateSubscription201JSONResponse{
		Body:    SubscriptionWithSecrets{Subscription: s, Secrets: reveal(secrets)},
		Headers: CreateSubscription201ResponseHeaders{Location: "/api/v1/subscriptions/" + string(s.ID)},
	}, err
}

func (a subscriptionHandlers) ReplaceSubscription(ctx context.Context, r ReplaceSubscriptionRequestObject) (ReplaceSubscriptionResponseObject, error) {
	s, secrets, err := a.manage.Replace(ctx, r.ID, *r.Body)
	return ReplaceSubscription200JSONResponse{Subscription: s, Secrets: reveal(secrets)}, err
}

func (a subscriptionHandlers) DeleteSubscription(ctx context.Context, r DeleteSubscriptionRequestObject) (DeleteSubscriptionResponseObject, error) {
	return DeleteSubscription204Response{}, a.manage.Delete(ctx, r.ID)
}

func (a subscriptionHandlers) PauseSubscription(ctx context.Context, r PauseSubscriptionRequestObject) (PauseSubscriptionResponseObject, error) {
	s, err := a.manage.SetEnabled(ctx, r.ID, false)
	return PauseSubscription200JSONResponse(s), err
}

func (a subscriptionHandlers) ResumeSubscription(ctx context.Context, r ResumeSubscriptionRequestObject) (ResumeSubscriptionResponseObject, error) {
	s, err := a.manage.SetEnabled(ctx, r.ID, true)
	return ResumeSubscription200JSONResponse(s), err
}

func (a subscriptionHandlers) ReplaySubscription(ctx context.Context, r ReplaySubscriptionRequestObject) (ReplaySubscriptionResponseObject, error) {
	n, err := a.manage.Replay(ctx, r.ID, *r.Body)
	return ReplaySubscription200JSONResponse{Deliveries: n}, err
}

// reveal returns the secrets as they are shown to whoever made them.
func reveal(secrets []manage.EndpointSecret) []EndpointSecret {
	shown := make([]EndpointSecret, len(secrets))
	for i, s := range secrets {
		shown[i] = EndpointSecret{EndpointID: s.EndpointID, Secret: s.Secret.Reveal()}
	}
	return shown
}

// judges are asked even where a schema refused something: whoever makes a
// subscription is told of all mistakes at once.
func (a subscriptionHandlers) judges() map[string]judge {
	read := func(r *http.Request, document []byte) error {
		var in SubscriptionInput
		if err := json.Unmarshal(document, &in); err != nil {
			return err
		}
		return a.manage.Check(r.Context(), barograph.SubscriptionID(mux.Vars(r)["id"]), in)
	}
	return map[string]judge{"createSubscription": read, "replaceSubscription": read}
}
