package configdb

import "sync"

// notifier tells listeners that something changed, without saying what or how often.
type notifier struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
}

// Changes returns a channel that receives after hosts (but for when they were
// last seen), checks, targets, rules, subscriptions or silences changed, and a
// function that ends that. Changes that come faster than the receiver looks become one.
func (db *DB) Changes() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	db.changes.mu.Lock()
	defer db.changes.mu.Unlock()
	if db.changes.listeners == nil {
		db.changes.listeners = map[chan struct{}]struct{}{}
	}
	db.changes.listeners[c] = struct{}{}
	return c, func() {
		db.changes.mu.Lock()
		defer db.changes.mu.Unlock()
		delete(db.changes.listeners, c)
	}
}

func (n *notifier) fire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.listeners {
		select {
		case c <- struct{}{}:
		default: // it has not looked since the last change
		}
	}
}
