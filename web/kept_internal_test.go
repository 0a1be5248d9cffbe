package web

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
)

func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kept[int]{lasts: time.Second}
		found, fault := 0, error(nil)
		get := func(what string, want int) {
			t.Helper()
			if got, err := k.get(t.Context(), func() (int, error) { found++; return found, fault }); err != nil || got != want {
				t.Errorf("%s: %d, %v; want %d", what, got, err, want)
			}
		}
		get("first", 1)
		time.Sleep(999 * time.Millisecond)
		get("while it lasts", 1)
		time.Sleep(time.Millisecond)
		get("when it is old", 2)
		k.change()
		get("when it changed", 3)
		get("after that", 3)
		k.change()
		fault = errors.New("away")
		if _, err := k.get(t.Context(), func() (int, error) { return 0, fault }); !errors.Is(err, fault) {
			t.Errorf("what could not be found out: %v", err)
		}
		fault = nil
		get("after a fault", 4)
		k.change()
		if got, _ := k.get(t.Context(), func() (int, error) { k.change(); return 50, nil }); got != 50 {
			t.Errorf("found %d", got)
		}
		get("what changed while it was found out", 5)
	})
}

func TestManyWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kept[int]{lasts: time.Second}
		away := func() (int, error) { time.Sleep(10 * time.Second); return 0, errors.New("away") }
		began := time.Now()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := k.get(t.Context(), away); err == nil {
					t.Error("found")
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.get(ctx, away); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
			t.Errorf("who leaves waits for %s: %v", time.Since(began), err)
		}
		all.Wait()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("50 waited for %s, want as long as one", took)
		}
		// The one who finds out leaving is nothing to the others.
		all.Go(func() {
			_, _ = k.get(t.Context(), func() (int, error) { time.Sleep(time.Second); return 0, context.Canceled })
		})
		synctest.Wait()
		if got, err := k.get(t.Context(), func() (int, error) { return 7, nil }); got != 7 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
		all.Wait()
	})
}

func TestOverviewHears(t *testing.T) {
	t.Parallel()
	for typ, want := range map[barograph.EventType][2]bool{
		barograph.EventPredictionOpened: {true, false}, barograph.EventPredictionConfirmed: {true, true}, barograph.EventPredictionAcked: {true, false},
		barograph.EventBreachStarted: {true, true}, barograph.EventHostSilent: {false, false}, barograph.EventWatchdog: {false, false},
	} {
		o := newOverview()
		o.hear(barograph.Event{Type: typ})
		if got := [2]bool{o.open.changes.Load() > 0, o.score.changes.Load() > 0}; got != want {
			t.Errorf("%s changes what is open, and the score: %v, want %v", typ, got, want)
		}
	}
}
