package alerting

import (
	"fmt"
	"slices"
	"sync"

	"github.com/barograph/barograph"
)

// recipients remembers who of an endpoint's several recipients already has a
// message, so that a retry for the others does not reach these twice. It is kept
// in memory: after a restart a message may come twice, never less than once.
type recipients struct {
	mu     sync.Mutex
	served map[served][]string
}

type served struct {
	message  string
	endpoint barograph.EndpointID
}

const maxServed = 10_000 // half-done deliveries; more are forgotten all at once

func newRecipients() *recipients { return &recipients{served: map[served][]string{}} }

// sendAll calls send for each recipient who has not got the message yet, and
// makes one outcome of theirs: delivered if at least one was served and none
// may be served later. Its error names all who were not, its texts count all
// that were sent in this try.
func (r *recipients) sendAll(n Notification, ep barograph.Endpoint, send func(to string) Outcome) Outcome {
	key := served{n.ID, ep.ID}
	done := r.get(key)
	texts := 0
	o := r.sendRest(key, done, ep.To, func(to string) Outcome {
		o := send(to)
		texts += o.Texts
		return o
	})
	o.Texts = texts
	return o
}

func (r *recipients) sendRest(key served, done, all []string, send func(to string) Outcome) Outcome {
	var last, failed Outcome
	var errs error
	for _, to := range all {
		if slices.Contains(done, to) {
			continue
		}
		o := send(to)
		errs = both(errs, o.Err)
		switch o.Verdict {
		case VerdictDelivered:
			done = append(done, to)
			last = o
		case VerdictTemporary, VerdictUnknown:
			failed = o
		case VerdictPermanent, VerdictGone:
			if failed.Err == nil || failed.Verdict != VerdictTemporary {
				failed = o
			}
		}
	}
	switch {
	case failed.Verdict == VerdictTemporary || failed.Verdict == VerdictUnknown && failed.Err != nil:
		r.set(key, done)
		failed.Err = errs
		return failed
	case len(done) == 0 && failed.Err != nil:
		failed.Err = errs
		return failed
	}
	r.set(key, nil)
	last.Verdict = VerdictDelivered
	if errs != nil {
		last.Err = fmt.Errorf("not to all: %w", errs)
	}
	return last
}

// both returns an error that tells both in one line. Either may be nil.
func both(a, b error) error {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return fmt.Errorf("%w; %w", a, b)
}

func (r *recipients) get(key served) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.served[key])
}

func (r *recipients) set(key served, done []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.served, key)
	if len(done) == 0 {
		return
	}
	if len(r.served) >= maxServed {
		clear(r.served)
	}
	r.served[key] = done
}
