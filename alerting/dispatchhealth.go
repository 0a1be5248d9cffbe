package alerting

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// vitals are what tells whether the dispatcher works.
type vitals struct {
	sending *barograph.Pulse
	upkeep  *barograph.Pulse

	upkeepFails bool // belongs to upkeep's goroutine

	room *roomWatch
}

func newVitals() vitals {
	return vitals{sending: barograph.NewPulse(pollEvery), upkeep: barograph.NewPulse(upkeepEvery), room: &roomWatch{}}
}

// roomWatch knows since when a delivery has found no room, though its endpoint
// has nothing to wait for.
type roomWatch struct {
	mu    sync.Mutex
	id    barograph.DeliveryID
	since time.Time
}

// note takes note of the oldest delivery that found no room in this round.
func (r *roomWatch) note(id barograph.DeliveryID, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id != r.id {
		r.id, r.since = id, now
	}
}

const mostWithoutRoom = 2 * time.Minute

func (r *roomWatch) trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.id == "" {
		return nil
	}
	if d := time.Since(r.since); d > mostWithoutRoom {
		return barograph.Errorf(barograph.KindUnavailable,
			"delivery %s has waited for room among the tries for %s: raise delivery.concurrency, or see which endpoints take so long",
			r.id, barograph.Duration(d.Round(time.Second)))
	}
	return nil
}

// Healthy returns nil if what is due is sent and what is held back looked after,
// else what is stuck. An endpoint that fails is no fault of the dispatcher's.
func (d *Dispatcher) Healthy(context.Context) error {
	if err := d.vitals.sending.Stuck(); err != nil {
		return fmt.Errorf("sending what is due: %w", err)
	}
	if err := d.vitals.upkeep.Stuck(); err != nil {
		return fmt.Errorf("looking after silences and reminders: %w", err)
	}
	return d.vitals.room.trouble()
}
