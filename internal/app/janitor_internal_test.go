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
	var ids []barograph.EventID
	add := func(kind barograph.EventType, age time.Duration) {
		at := now.Add(-age)
		ids = append(ids, barograph.EventID(barograph.NewID("evt", at)))
		events = append(events, barograph.Event{ID: ids[len(ids)-1], Type: kind, Time: at, Severity: barograph.SeverityInfo})
	}
	add(barograph.EventHostSilent, 11*barograph.Day)
	add(barograph.EventHostSilent, 9*barograph.Day)
	add(barograph.EventWatchdog, 25*time.Hour) // says no more than that all was well
	add(barograph.EventWatchdog, 23*time.Hour)
	if err := db.Record(t.Context(), barograph.Change{Events: events}); err != nil {
		t.Fatal(err)
	}
	// Only what nobody waits for any more is forgotten.
	if err := db.MarkPublished(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	j := janitor{db, everything{}, 10 * barograph.Day, barograph.WallClock{}, slog.New(slog.DiscardHandler)}
	j.forget(t.Context())
	left, err := db.Events(t.Context(), barograph.EventFilter{}, barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 || left[0].ID != ids[3] || left[1].ID != ids[1] {
		t.Errorf("%d events are left: %v, want the younger one of each type", len(left), left)
	}
}

// TestJanitorForgetsSessionsThatAreOver by the wall clock, also where the server's
// own is ahead.
func TestJanitorForgetsSessionsThatAreOver(t *testing.T) {
	t.Parallel()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	token, key := barograph.Token{ID: "tok_1", Name: "ops", Role: barograph.RoleViewer}, barograph.KeyHash{1}
	err = errors.Join(db.CreateToken(t.Context(), token, key), db.CreateSession(t.Context(), token.ID, key, time.Now().Add(barograph.Day)))
	if err != nil {
		t.Fatal(err)
	}
	witness := sessionWitness{DB: db}
	janitor{&witness, everything{}, barograph.Day, ahead{}, slog.New(slog.DiscardHandler)}.forget(t.Context())
	if _, err := db.SessionByKey(t.Context(), key); err != nil || time.Since(witness.before).Abs() > time.Minute {
		t.Errorf("sessions until %s are deleted, and one of a day: %v", witness.before, err)
	}
}

// sessionWitness sees which sessions are deleted.
type sessionWitness struct {
	*configdb.DB

	before time.Time
}

// DeleteSessionsOver deletes them.
func (w *sessionWitness) DeleteSessionsOver(ctx context.Context, before time.Time) error {
	w.before = before
	return w.DB.DeleteSessionsOver(ctx, before)
}

// ahead is a clock that is ten days ahead.
type ahead struct{ barograph.WallClock }

// Now returns the time in ten days.
func (ahead) Now() time.Time { return time.Now().Add(10 * barograph.Day) }

type pruner struct{ before []time.Time }

// DeleteSessionsOver fails.
func (p *pruner) DeleteSessionsOver(context.Context, time.Time) error {
	return errors.New("the database is busy")
}

func (p *pruner) Prune(_ context.Context, before time.Time) (int, error) {
	p.before = append(p.before, before)
	return 0, errors.New("the database is busy")
}

func (p *pruner) PruneType(context.Context, barograph.EventType, time.Time) (int, error) {
	return 0, errors.New("the database is busy")
}

func TestJanitorComesEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pruner
		j := janitor{&p, everything{}, barograph.Day, barograph.WallClock{}, slog.New(slog.DiscardHandler)}
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

// everything is held by a server without others.
type everything struct{}

// HoldsID returns true.
func (everything) HoldsID(string) bool { return true }
