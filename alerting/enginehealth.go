package alerting

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// recordEvery is how often the engine tries to record what is left, and with
// that, how often it completes a round.
const recordEvery = time.Second

// Healthy returns nil if the engine reads rules, judges and records, else what
// is stuck.
func (e *Engine) Healthy(context.Context) error {
	if err := e.pulse.Stuck(); err != nil {
		return fmt.Errorf("judging and recording: %w", err)
	}
	return nil
}

// beat completes a round of Run.
func (e *Engine) beat() { e.pulse.Beat(cmp.Or(e.queue.failure, e.unread, e.undecided)) }
