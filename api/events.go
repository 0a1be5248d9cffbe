package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/barograph/barograph"
)

// Events gives what happened, newest first.
type Events interface {
	Events(ctx context.Context, filter barograph.EventFilter, page barograph.Page) ([]barograph.Event, error)
	Event(ctx context.Context, id barograph.EventID) (barograph.Event, error)
}

type eventHandlers struct {
	events Events
}

func (a eventHandlers) ListEvents(ctx context.Context, r ListEventsRequestObject) (ListEventsResponseObject, error) {
	filter := barograph.EventFilter{
		Types: r.Params.Type, RuleID: r.Params.RuleID, Host: r.Params.Host, MinSeverity: r.Params.MinSeverity,
		From: r.Params.From, To: r.Params.To,
	}
	fetch := func(ctx context.Context, page barograph.Page) ([]barograph.Event, error) {
		return a.events.Events(ctx, filter, page)
	}
	items, next, err := list(ctx, fetch, r.Params.Limit, r.Params.After,
		func(e barograph.Event) string { return string(e.ID) })
	return ListEvents200JSONResponse{Items: items, Next: next}, err
}

func (a eventHandlers) GetEvent(ctx context.Context, r GetEventRequestObject) (GetEventResponseObject, error) {
	e, err := a.events.Event(ctx, r.ID)
	return eventResponse(e), err
}

// eventResponse stands in for the generated GetEvent200JSONResponse, which
// loses the event's own JSON form.
type eventResponse barograph.Event

func (e eventResponse) VisitGetEventResponse(w http.ResponseWriter) error {
	body, err := json.Marshal(barograph.Event(e))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(body)
	return err
}
