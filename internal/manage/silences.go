package manage

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// SilenceStore keeps the silences.
type SilenceStore interface {
	Silence(ctx context.Context, id barograph.SilenceID) (barograph.Silence, error)
	CreateSilence(ctx context.Context, s barograph.Silence) error
	// UpdateSilence changes nothing if only refuses what is stored by then.
	UpdateSilence(ctx context.Context, s barograph.Silence, only ...func(now barograph.Silence) error) error
	DeleteSilence(ctx context.Context, id barograph.SilenceID) error
}

// SilenceInput is what is said of a silence.
type SilenceInput struct {
	Matchers barograph.Matchers  `json:"matchers"`
	StartsAt time.Time           `json:"starts_at,omitzero"` // zero: now, or when it began
	EndsAt   time.Time           `json:"ends_at,omitzero"`
	Duration *barograph.Duration `json:"duration,omitempty"` // in place of EndsAt
	Recurs   *barograph.Recurs   `json:"recurs,omitempty"`
	Comment  string              `json:"comment"`
	Basis    Version             `json:"-"`
}

// Silences makes, changes and ends silences.
type Silences struct {
	store SilenceStore
	clock barograph.Clock
}

// Create makes a silence in the name of whoever acts.
func (m Silences) Create(ctx context.Context, in SilenceInput) (barograph.Silence, error) {
	now := timestamp(m.clock)
	s, err := newSilence(in, now, now)
	if err != nil {
		return barograph.Silence{}, err
	}
	who, _ := barograph.IdentityFrom(ctx)
	s.ID, s.CreatedBy, s.CreatedAt, s.UpdatedAt = barograph.SilenceID(barograph.NewID("sil", now)), who.Name, now, now
	return s, m.store.CreateSilence(ctx, s)
}

// Replace changes all that is said of a silence that is not over.
func (m Silences) Replace(ctx context.Context, id barograph.SilenceID, in SilenceInput) (barograph.Silence, error) {
	old, err := m.store.Silence(ctx, id)
	if err != nil {
		return barograph.Silence{}, err
	}
	now := timestamp(m.clock)
	if old.Over(now) {
		return barograph.Silence{}, barograph.Errorf(barograph.KindConflict,
			"silence %s ended at %s: make a new one", old.ID, old.EndsAt.UTC().Format(time.RFC3339))
	}
	s, err := newSilence(in, old.StartsAt, now)
	if err != nil {
		return barograph.Silence{}, err
	}
	s.ID, s.CreatedBy, s.CreatedAt, s.UpdatedAt = old.ID, old.CreatedBy, old.CreatedAt, now
	return s, m.store.UpdateSilence(ctx, s, func(now barograph.Silence) error {
		return in.Basis.holds("silence", now.Matchers.String(), InputOfSilence(now))
	})
}

// End ends a silence that has begun, so that it stays on record who silenced
// what; it removes one that has not begun or is over.
func (m Silences) End(ctx context.Context, id barograph.SilenceID) error {
	s, err := m.store.Silence(ctx, id)
	if err != nil {
		return err
	}
	now := timestamp(m.clock)
	if now.After(s.StartsAt) && !s.Over(now) {
		s.EndsAt, s.UpdatedAt = now, now
		return m.store.UpdateSilence(ctx, s)
	}
	return m.store.DeleteSilence(ctx, s.ID)
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
