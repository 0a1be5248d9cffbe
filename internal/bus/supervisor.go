package bus

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// errStuck is that a server does not stop.
var errStuck = errors.New("the NATS server does not stop")

// supervise looks after the server until the bus is closed. One that failed for
// so long, or answered no publisher for so long, is given up, and started or
// connected to anew: a single failed write makes an embedded one refuse all
// others for good, silently.
func (b *Bus) supervise() {
	ticker := time.NewTicker(b.pace.look)
	defer ticker.Stop()
	var old *node // that is being stopped
	var told string
	for {
		select {
		case <-b.closing.Done():
			return
		case <-ticker.C:
		}
		reason := b.fault()
		if reason == nil || b.closing.Err() != nil || b.engine.room() != nil {
			continue // without room, files could seem damaged that are not
		}
		var err error
		if old, err = b.restart(old, reason); err == nil || b.closing.Err() != nil {
			told = ""
			continue
		}
		if told != err.Error() { // once, however long it lasts
			told = err.Error()
			b.log.Error("event bus not restarted, events wait in the database", "error", err, "retry_in", b.pace.retry)
		}
		b.dethrone(err)
		pause(b.closing, b.pace.retry)
	}
}

// fault returns why the server has to be restarted, nil if it needn't.
func (b *Bus) fault() error {
	n, err := b.current()
	if err != nil {
		return err
	}
	begin := time.Now()
	n.looks.note(begin, n.healthy(b.closing))
	if err := n.looks.lasting(b.pace.patience); err != nil {
		return err
	}
	if err := n.publishes.lasting(b.pace.patience); err != nil {
		return fmt.Errorf("publishers get no answer: %w", err)
	}
	return nil
}

// restart replaces the node by a new one. It returns the one that it could not
// stop, for there must never be two in a directory.
func (b *Bus) restart(old *node, reason error) (*node, error) {
	if n := b.dethrone(reason); n != nil {
		b.log.Warn("event bus restarts", "reason", reason)
		b.metrics.restarts.Inc()
		n.stop()
		old = n
	}
	if old != nil && !old.awaitStop() {
		return old, errStuck
	}
	n, err := b.engine.start(b.closing)
	if err != nil {
		return nil, err
	}
	b.enthrone(n)
	b.log.Info("event bus restarted")
	return nil, nil //nolint:nilnil // nothing is left to stop, and all is well
}

// ailment is what goes wrong without a break, and since when.
type ailment struct {
	mu    sync.Mutex
	since time.Time
	last  error
}

// note takes the outcome of what was begun at a time.
func (a *ailment) note(begun time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.since = time.Time{}
	case a.since.IsZero():
		a.since = begun
	}
	a.last = err
}

// lasting returns the last error if things go wrong for that long.
func (a *ailment) lasting(least time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() || time.Since(a.since) < least {
		return nil
	}
	return fmt.Errorf("for %s: %w", time.Since(a.since).Round(time.Second), a.last)
}
