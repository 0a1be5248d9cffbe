package web

import (
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

	mu    sync.Mutex
	value T
	at    time.Time
	known bool
	seen  uint64 // changes that the value takes in
}

// get returns the value, found out anew if it is old or may be another by now.
// While one finds out the others wait for it.
func (k *kept[T]) get(find func() (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	changes := k.changes.Load()
	if k.known && k.seen == changes && time.Since(k.at) < k.lasts {
		return k.value, nil
	}
	at := time.Now()
	value, err := find()
	if err != nil {
		return value, err
	}
	k.value, k.at, k.seen, k.known = value, at, changes, true
	return value, nil
}

// change says that the value is another from now on.
func (k *kept[T]) change() { k.changes.Add(1) }
