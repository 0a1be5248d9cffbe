package web

import (
	"errors"
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
			if got, err := k.get(func() (int, error) { found++; return found, fault }); err != nil || got != want {
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
		if _, err := k.get(func() (int, error) { return 0, fault }); !errors.Is(err, fault) {
			t.Errorf("what could not be found out: %v", err)
		}
		fault = nil
		get("after a fault", 4)
		k.change()
		if got, _ := k.get(func() (int, error) { k.change(); return 50, nil }); got != 50 {
			t.Errorf("found %d", got)
		}
		get("what changed while it was found out", 5)
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
