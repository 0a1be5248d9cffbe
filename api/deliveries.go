package api

import (
	"context"

	"github.com/barograph/barograph"
)

// Deliveries gives what was or will be sent, newest first.
type Deliveries interface {
	Deliveries(ctx context.Context, filter barograph.DeliveryFilter, page barograph.Page) ([]barograph.Delivery, error)
	Delivery(ctx context.Context, id barograph.DeliveryID) (barograph.Delivery, error)
	DeliveryAttempts(ctx context.Context, id barograph.DeliveryID) ([]barograph.Attempt, error)
}

type deliveryHandlers struct {
	deliveries    Deliveries
	subscriptions Subscriptions
}

func (a deliveryHandlers) ListDeliveries(ctx context.Context, r ListDeliveriesRequestObject) (ListDeliveriesResponseObject, error) {
	if _, err := a.subscriptions.Subscription(ctx, r.ID); err != nil {
		return nil, err
	}
	filter := barograph.DeliveryFilter{
		SubscriptionID: r.ID, EndpointID: r.Params.EndpointID, EventID: r.Params.EventID, State: r.Params.State,
	}
	fetch := func(ctx context.Context, page barograph.Page) ([]barograph.Delivery, error) {
		return a.deliveries.Deliveries(ctx, filter, page)
	}
	items, next, err := list(ctx, fetch, r.Params.Limit, r.Params.After,
		func(d barograph.Delivery) string { return string(d.ID) })
	return ListDeliveries200JSONResponse{Items: items, Next: next}, err
}

// tracedDelivery is a delivery with all its tries.
type tracedDelivery struct {
	barograph.Delivery

	Tries []barograph.Attempt `json:"tries"`
}

func (a deliveryHandlers) GetDelivery(ctx context.Context, r GetDeliveryRequestObject) (GetDeliveryResponseObject, error) {
	d, err := a.deliveries.Delivery(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	tries, err := a.deliveries.DeliveryAttempts(ctx, r.ID)
	if tries == nil {
		tries = []barograph.Attempt{}
	}
	return GetDelivery200JSONResponse{Delivery: d, Tries: tries}, err
}
