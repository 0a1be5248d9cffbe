package demo

import (
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// Clock stands still until it is started, then runs faster than the wall's.
type Clock struct {
	begin time.Time // what it shows while it stands
	speed float64   // its seconds in one of the wall's

	mu      sync.Mutex
	started time.Time // by the wall; zero: it stands
}

var _ barograph.Clock = (*Clock)(nil)

// NewClock returns a clock that stands at begin and will run speed times as
// fast as the wall's.
func NewClock(begin time.Time, speed float64) *Clock { return &Clock{begin: begin, speed: speed} }

// Start lets the clock run. Starting it again changes nothing.
func (c *Clock) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		c.started = time.Now()
	}
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		return c.begin
	}
	return c.begin.Add(time.Duration(float64(time.Since(c.started)) * c.speed))
}

// Wall returns how long a time of the clock takes by the wall's.
func (c *Clock) Wall(d time.Duration) time.Duration { return time.Duration(float64(d) / c.speed) }

// fastestTick keeps short intervals from spinning.
const fastestTick = 20 * time.Millisecond

// Ticker returns a channel that receives the clock's time about every d of it.
func (c *Clock) Ticker(d time.Duration) (ticks <-chan time.Time, stop func()) {
	wall := time.NewTicker(max(fastestTick, c.Wall(d)))
	out, done := make(chan time.Time, 1), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-wall.C:
				select {
				case out <- c.Now():
				default:
				}
			}
		}
	}()
	return out, sync.OnceFunc(func() {
		wall.Stop()
		close(done)
	})
}
