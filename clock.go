package barograph

import "time"

// Clock tells the time that a component works by. It is the wall clock but in
// the demo, whose days pass in seconds.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// Ticker returns a channel that receives about every d of the clock's own
	// time, dropping ticks for a slow receiver, and a function that stops it.
	Ticker(d time.Duration) (ticks <-chan time.Time, stop func())
}

// WallClock is the machine's clock.
type WallClock struct{}

var _ Clock = WallClock{}

// Now returns time.Now.
func (WallClock) Now() time.Time { return time.Now() }

// Ticker returns the channel of a time.Ticker.
func (WallClock) Ticker(d time.Duration) (ticks <-chan time.Time, stop func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}
