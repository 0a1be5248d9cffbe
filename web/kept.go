package web

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// kept remembers for a while what is costly to find out and the same for all who
// look, so that many pages that bring themselves up to date at the same moment
// cost as much as one.
type kept[T any] struct {
	lasts time.Duration

	changes atomic.Uint64 // how often it became another

	mu      sync.Mutex
	value   T
	at      time.Time
	known   bool
	seen    uint64   // changes that the value takes in
	finding *finding // nil: nobody finds out
}

// finding is somebody's finding out, which others wait for.
type finding struct {
	done chan struct{} // closed when it is over
	err  error         // as it ended
}

// get returns the value, found out anew if it is old or may be another by now.
// While one finds out the others wait for it, until their own ctx ends. They are
// told the same error: many who wait in vain wait no longer than one.
func (k *kept[T]) get(ctx context.Context, find func() (T, error)) (T, error) {
	for {
		value, fresh, going := k.lookUp()
		if fresh {
			return value, nil
		}
		if going == nil {
			return k.find(find)
		}
		select {
		case <-ctx.Done():
			return value, ctx.Err()
		case <-going.done:
		}
		if going.err != nil && !errors.Is(going.err, context.Canceled) { // which means that one only
			return value, going.err
		}
	}
}

// lookUp returns the value if it is fresh, or else who finds out; nil if the
// caller is to.
func (k *kept[T]) lookUp() (value T, fresh bool, going *finding) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known && k.seen == k.changes.Load() && time.Since(k.at) < k.lasts {
		return k.value, true, nil
	}
	if going = k.finding; going == nil {
		k.finding = &finding{done: make(chan struct{})}
	}
	return value, false, going
}

// find finds out the value for all who wait.
func (k *kept[T]) find(find func() (T, error)) (value T, err error) {
	changes, at := k.changes.Load(), time.Now()
	err = context.Canceled // should it panic
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil {
			k.value, k.at, k.seen, k.known = value, at, changes, true
		}
		k.finding.err = err
		close(k.finding.done)
		k.finding = nil
	}()
	return find()
}

// change says that the value is another from now on.
func (k *kept[T]) change() { k.changes.Add(1) }
