package demo_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph/internal/demo"
)

func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		c := demo.NewClock(begin, 3600)
		is := func(when string, want time.Duration) {
			t.Helper()
			if got := c.Now().Sub(begin); got != want {
				t.Errorf("%s the clock is at %s, want %s", when, got, want)
			}
		}
		is("before its start", 0)
		time.Sleep(time.Minute)
		is("still before its start", 0)
		c.Start()
		is("at its start", 0)
		time.Sleep(time.Second)
		is("a second after its start", time.Hour)
		c.Start()
		time.Sleep(1500 * time.Millisecond)
		is("after a second start", 150*time.Minute)
		if got := c.Wall(2 * time.Hour); got != 2*time.Second {
			t.Errorf("two hours take %s, want 2 s", got)
		}
	})
}

func TestTicker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		c := demo.NewClock(begin, 3600)
		c.Start()
		ticks, stop := c.Ticker(30 * time.Minute)
		for i := 1; i <= 3; i++ {
			if got := (<-ticks).Sub(begin); got != time.Duration(i)*30*time.Minute {
				t.Errorf("tick %d comes at %s", i, got)
			}
		}
		// Who does not listen for ten ticks finds the first of them, and no more.
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := (<-ticks).Sub(begin); got != 2*time.Hour {
			t.Errorf("the tick that waited is of %s, want 2h", got)
		}
		select {
		case at := <-ticks:
			t.Errorf("a second tick waited, of %s", at.Sub(begin))
		default:
		}
		stop()
		stop()
		time.Sleep(time.Hour)
		select {
		case <-ticks:
			t.Error("a tick after the end")
		default:
		}
	})
}

func TestTickerDoesNotSpin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := demo.NewClock(time.Now(), 3600)
		ticks, stop := c.Ticker(time.Second) // 0.3 ms by the wall's
		defer stop()
		began := time.Now()
		for range 10 {
			<-ticks
		}
		if took := time.Since(began); took < 200*time.Millisecond {
			t.Errorf("ten ticks within %s", took)
		}
	})
}

// TestPace changes the speed, also that of a ticker which is running.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		c := demo.NewClock(begin, 3600)
		c.Pace(60)
		if got := c.Now(); !got.Equal(begin) {
			t.Errorf("a clock that stands is at %s after its speed was changed", got)
		}
		c.Start()
		ticks, stop := c.Ticker(time.Minute)
		defer stop()
		if got := (<-ticks).Sub(begin); got != time.Minute {
			t.Errorf("the first tick comes at %s", got)
		}
		c.Pace(1)
		if got := (<-ticks).Sub(begin); got != 2*time.Minute {
			t.Errorf("the second tick comes at %s", got)
		}
		c.Pace(3600)
		time.Sleep(time.Second)
		if got := c.Now().Sub(begin); got != 62*time.Minute {
			t.Errorf("the clock is at %s, want 62 minutes", got)
		}
	})
}
