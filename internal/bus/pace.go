package bus

import (
	"context"
	"time"
)

// pace is how long things may take.
type pace struct {
	look      time.Duration // between two looks of the supervisor
	patience  time.Duration // of the supervisor with a server that fails
	retry     time.Duration // after a start that failed
	start     time.Duration // for a server to start, and its files to be read
	stop      time.Duration // for a server to stop
	request   time.Duration // for our own server to answer
	reconnect time.Duration // for clients from outside to find a server that was started
}

// usualPace is that of all but tests.
func usualPace() pace {
	return pace{
		look: time.Second, patience: 10 * time.Second, retry: 5 * time.Second, start: 10 * time.Second, stop: 10 * time.Second,
		request:   5 * time.Second,
		reconnect: 3 * time.Second, // most clients try every two
	}
}

// pause waits until the time is over or ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// closed reports whether the channel is closed, or becomes it in the time given.
func closed(c <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
