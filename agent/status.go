package agent

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// statusBook knows which checks give no value, and why. It logs and announces
// changes only.
type statusBook struct {
	log     *slog.Logger
	changed func()

	mu      sync.Mutex
	entries map[string]barograph.CheckStatus // those that are not ok
	version uint64                           // counts changes
}

func newStatusBook(log *slog.Logger, changed func()) *statusBook {
	return &statusBook{log: log, changed: changed, entries: map[string]barograph.CheckStatus{}}
}

// set records how a check fares. The message of one that is ok is ignored.
func (b *statusBook) set(check string, state barograph.CheckState, message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, was := b.entries[check]
	if state == barograph.CheckOK {
		if was {
			delete(b.entries, check)
			b.log.Info("check gives values again", "check", check, "state_before", old.State)
			b.announce()
		}
		return
	}
	if was && old.State == state && old.Message == message {
		return
	}
	since := time.Now()
	if was && old.State == state {
		since = old.Since
	} else {
		b.log.Warn("check gives no value", "check", check, "state", state, "reason", message)
	}
	b.entries[check] = barograph.CheckStatus{Check: check, State: state, Message: message, Since: since}
	b.announce()
}

// forget removes a check that is no longer asked for.
func (b *statusBook) forget(check string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, was := b.entries[check]; was {
		delete(b.entries, check)
		b.announce()
	}
}

func (b *statusBook) announce() {
	b.version++
	b.changed()
}

// list returns the checks that are not ok, by name, and the version of the list.
func (b *statusBook) list() ([]barograph.CheckStatus, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]barograph.CheckStatus, 0, len(b.entries))
	for _, s := range b.entries {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b barograph.CheckStatus) int { return strings.Compare(a.Check, b.Check) })
	return all, b.version
}

// current returns the version of the list.
func (b *statusBook) current() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.version
}
