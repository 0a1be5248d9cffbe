package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

func TestJanitorForgetsOldEvents(t *testing.T) {
	t.Parallel()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	var events []barograph.Event
	for _, age := range []time.Duration{11 * barograph.Day, 9 * barograph.Day} {
		at := now.Add(-age)
		events = append(events, barograph.Event{
			ID: barograph.EventID(barograph.NewID("evt", at)), Type: barograph.EventHostSilent, Time: at, Severity: barograph.SeverityInfo,
		})
	}
	if err := db.Record(t.Context(), barograph.Change{Events: events}); err != nil {
		t.Fatal(err)
	}
	// Only what nobody waits for any more is forgotten.
	if err := db.MarkPublished(t.Context(), []barograph.EventID{events[0].ID, events[1].ID}); err != nil {
		t.Fatal(err)
	}
	j := janitor{db, 10 * barograph.Day, barograph.WallClock{}, slog.New(slog.DiscardHandler)}
	j.forget(t.Context())
	left, err := db.Events(t.Context(), barograph.EventFilter{}, barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || left[0].ID != events[1].ID {
		t.Errorf("%d events are left: %v, want the younger one", len(left), left)
	}
}

type pruner struct{ before []time.Time }

func (p *pruner) Prune(_ context.Context, before time.Time) (int, error) {
	p.before = append(p.before, before)
	return 0, errors.New("the database is busy")
}

func TestJanitorComesEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pruner
		j := janitor{&p, barograph.Day, barograph.WallClock{}, slog.New(slog.DiscardHandler)}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Minute)
		defer cancel()
		if err := j.run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
		want := []time.Time{began.Add(-24 * time.Hour), began.Add(-23 * time.Hour), began.Add(-22 * time.Hour)}
		if diff := cmp.Diff(want, p.before); diff != "" {
			t.Errorf("a failure must not end it:\n%s", diff)
		}
	})
}
