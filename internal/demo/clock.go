package demo

import (
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// Clock stands still until it is started, then runs faster than the wall's.
type Clock struct {
	mu      sync.Mutex
	begin   time.Time     // what it showed when it got its speed
	started time.Time     // when that was, by the wall; zero: it stands
	speed   float64       // its seconds in one of the wall's
	changed chan struct{} // closed when the speed changes
}

var _ barograph.Clock = (*Clock)(nil)

// NewClock returns a clock that stands at begin and will run speed times as
// fast as the wall's.
func NewClock(begin time.Time, speed float64) *Clock {
	return &Clock{begin: begin, speed: speed, changed: make(chan struct{})}
}

// Start lets the clock run. Starting it again changes nothing.
func (c *Clock) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		c.started = time.Now()
	}
}

// Pace lets the clock go on from where it is with another speed; one that stands
// will start with it.
func (c *Clock) Pace(speed float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin = c.now()
	if !c.started.IsZero() {
		c.started = time.Now()
	}
	c.speed = speed
	close(c.changed)
	c.changed = make(chan struct{})
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if c.started.IsZero() {
		return c.begin
	}
	return c.begin.Add(time.Duration(float64(time.Since(c.started)) * c.speed))
}

// Wall returns how long a time of the clock takes by the wall's.
func (c *Clock) Wall(d time.Duration) time.Duration {
	wall, _ := c.wall(d)
	return wall
}

// wall returns how long that takes, until the speed changes.
func (c *Clock) wall(d time.Duration) (wall time.Duration, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(float64(d) / c.speed), c.changed
}

// fastestTick keeps short intervals from spinning.
const fastestTick = 20 * time.Millisecond

// Ticker returns a channel that receives the clock's time about every d of it.
func (c *Clock) Ticker(d time.Duration) (ticks <-chan time.Time, stop func()) {
	every, changed := c.wall(d)
	wall := time.NewTicker(max(fastestTick, every))
	out, done := make(chan time.Time, 1), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-changed:
				every, changed = c.wall(d)
				wall.Reset(max(fastestTick, every))
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
