package api

import (
	"context"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Silences gives the silences.
type Silences interface {
	Silences(ctx context.Context, page barograph.Page) ([]barograph.Silence, error)
	Silence(ctx context.Context, id barograph.SilenceID) (barograph.Silence, error)
}

type silenceHandlers struct {
	silences Silences
	manage   manage.Silences
	clock    barograph.Clock
}

// shownSilence is a silence as it is at some time.
type shownSilence struct {
	barograph.Silence

	Active bool `json:"active"`
}

func (a silenceHandlers) shown(s barograph.Silence) shownSilence {
	return shownSilence{s, s.ActiveAt(a.clock.Now())}
}

func (a silenceHandlers) ListSilences(ctx context.Context, r ListSilencesRequestObject) (ListSilencesResponseObject, error) {
	found, next, err := list(ctx, a.silences.Silences, r.Params.Limit, r.Params.After,
		func(s barograph.Silence) string { return string(s.ID) })
	items := make([]shownSilence, len(found))
	for i, s := range found {
		items[i] = a.shown(s)
	}
	return ListSilences200JSONResponse{Items: items, Next: next}, err
}

func (a silenceHandlers) GetSilence(ctx context.Context, r GetSilenceRequestObject) (GetSilenceResponseObject, error) {
	s, err := a.silences.Silence(ctx, r.ID)
	return GetSilence200JSONResponse(a.shown(s)), err
}

func (a silenceHandlers) CreateSilence(ctx context.Context, r CreateSilenceRequestObject) (CreateSilenceResponseObject, error) {
	s, err := a.manage.Create(ctx, *r.Body)
	return CreateSilence201JSONResponse{
		Body:    a.shown(s),
		Headers: CreateSilence201ResponseHeaders{Location: "/api/v1/silences/" + string(s.ID)},
	}, err
}

func (a silenceHandlers) ReplaceSilence(ctx context.Context, r ReplaceSilenceRequestObject) (ReplaceSilenceResponseObject, error) {
	s, err := a.manage.Replace(ctx, r.ID, *r.Body)
	return ReplaceSilence200JSONResponse(a.shown(s)), err
}

func (a silenceHandlers) DeleteSilence(ctx context.Context, r DeleteSilenceRequestObject) (DeleteSilenceResponseObject, error) {
	return DeleteSilence204Response{}, a.manage.End(ctx, r.ID)
}
