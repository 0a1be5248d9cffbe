package api

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// Silences keeps the silences.
type Silences interface {
	Silences(ctx context.Context, page barograph.Page) ([]barograph.Silence, error)
	Silence(ctx context.Context, id barograph.SilenceID) (barograph.Silence, error)
	CreateSilence(ctx context.Context, s barograph.Silence) error
	UpdateSilence(ctx context.Context, s barograph.Silence) error
	DeleteSilence(ctx context.Context, id barograph.SilenceID) error
}

type silenceHandlers struct {
	silences Silences
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
	now := timestamp(a.clock)
	s, err := newSilence(*r.Body, now, now)
	if err != nil {
		return nil, err
	}
	who, _ := barograph.IdentityFrom(ctx)
	s.ID, s.CreatedBy, s.CreatedAt, s.UpdatedAt = barograph.SilenceID(barograph.NewID("sil", now)), who.Name, now, now
	if err := a.silences.CreateSilence(ctx, s); err != nil {
		return nil, err
	}
	return CreateSilence201JSONResponse{
		Body:    a.shown(s),
		Headers: CreateSilence201ResponseHeaders{Location: "/api/v1/silences/" + string(s.ID)},
	}, nil
}

func (a silenceHandlers) ReplaceSilence(ctx context.Context, r ReplaceSilenceRequestObject) (ReplaceSilenceResponseObject, error) {
	old, err := a.silences.Silence(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	now := timestamp(a.clock)
	if old.Over(now) {
		return nil, barograph.Errorf(barograph.KindConflict, "silence %s ended at %s: make a new one", old.ID, old.EndsAt.UTC().Format(time.RFC3339))
	}
	s, err := newSilence(*r.Body, old.StartsAt, now)
	if err != nil {
		return nil, err
	}
	s.ID, s.CreatedBy, s.CreatedAt, s.UpdatedAt = old.ID, old.CreatedBy, old.CreatedAt, now
	if err := a.silences.UpdateSilence(ctx, s); err != nil {
		return nil, err
	}
	return ReplaceSilence200JSONResponse(a.shown(s)), nil
}

// DeleteSilence ends a silence that has begun, so that it stays on record who
// silenced what; it removes one that has not begun or is over.
func (a silenceHandlers) DeleteSilence(ctx context.Context, r DeleteSilenceRequestObject) (DeleteSilenceResponseObject, error) {
	s, err := a.silences.Silence(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	now := timestamp(a.clock)
	if now.After(s.StartsAt) && !s.Over(now) {
		s.EndsAt, s.UpdatedAt = now, now
		err = a.silences.UpdateSilence(ctx, s)
	} else {
		err = a.silences.DeleteSilence(ctx, s.ID)
	}
	if err != nil {
		return nil, err
	}
	return DeleteSilence204Response{}, nil
}

// newSilence fills in what was left out, or returns an error that names every
// bad field.
func newSilence(in SilenceInput, begin, now time.Time) (barograph.Silence, error) {
	s := barograph.Silence{
		Matchers: in.Matchers, StartsAt: stored(in.StartsAt), EndsAt: stored(in.EndsAt), Recurs: in.Recurs, Comment: in.Comment,
	}
	if s.StartsAt.IsZero() {
		s.StartsAt = begin
	}
	var p barograph.Problems
	switch d := or(in.Duration, 0); {
	case in.Duration == nil:
	case !in.EndsAt.IsZero():
		p.Addf("duration", "is given beside ends_at: give one of the two")
	case d <= 0:
		p.Addf("duration", "%s is not above 0s", d)
		s.EndsAt = s.StartsAt.Add(time.Hour) // in place of what is told already
	default:
		s.EndsAt = s.StartsAt.Add(d.Std())
	}
	p.Merge("", s.Validate())
	if p.Err("") == nil && s.Over(now) {
		p.Addf("ends_at", "%s is in the past: it would silence nothing", s.EndsAt.Format(time.RFC3339))
	}
	return s, p.Err("silence")
}

// stored returns the time as databases keep it.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
