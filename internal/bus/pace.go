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
	start     time.Duration // for a server to start, and its files to be read, or to be connected to
	stop      time.Duration // for a server to stop
	publish   time.Duration // for an event to be stored, with all tries
	request   time.Duration // for the server to answer
	reconnect time.Duration // for clients from outside to find a server of ours that was started
	longest   time.Duration // a subscriber's wait before it asks anew
	// heartbeat is how often the server tells a subscriber that there is nothing
	// new; after twice that in silence it asks anew. In a cluster that is how it
	// learns that the server is gone which fed it.
	heartbeat time.Duration
}

// embeddedPace is that of all but tests.
func embeddedPace() pace {
	return pace{
		look: time.Second, patience: 10 * time.Second, retry: 5 * time.Second, start: 10 * time.Second, stop: 10 * time.Second,
		publish: 5 * time.Second, request: 5 * time.Second, longest: 5 * time.Second, heartbeat: 5 * time.Second,
		reconnect: 3 * time.Second, // most clients try every two
	}
}

// remotePace is that with a server of somebody else's. A request that reaches no
// server, as in a cluster that elects another leader, is never answered: it is
// better to ask often.
func remotePace() pace {
	return pace{
		look: time.Second, patience: 10 * time.Second, retry: 2 * time.Second, start: 5 * time.Second, stop: 10 * time.Second,
		publish: 5 * time.Second, request: 1500 * time.Millisecond, longest: 250 * time.Millisecond, heartbeat: time.Second,
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
