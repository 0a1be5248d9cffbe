package spool

import (
	"errors"
	"fmt"
	"os"
)

// touch sees to it that what was just written gets synced.
func (q *Queue) touch() {
	if !q.dirty && q.timer != nil {
		q.timer.Reset(q.options.SyncEvery)
	}
	q.dirty = true
}

// Sync returns when all that was appended and acknowledged before is on disk.
// It also returns the error of a sync that happened unasked since the last one.
func (q *Queue) Sync() error {
	q.syncing.Lock()
	defer q.syncing.Unlock()
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	active, cursor, err := q.active, q.cursor.file, q.syncError
	q.dirty, q.syncError = false, nil
	q.mu.Unlock()
	// Appends go on meanwhile. A segment that gets full meanwhile is synced and
	// closed by whoever opens the next.
	if active != nil {
		if e := active.Sync(); !errors.Is(e, os.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	if err = errors.Join(err, cursor.Sync()); err != nil {
		return fmt.Errorf("sync spool %s: %w", q.dir, err)
	}
	return nil
}

// syncUnasked is called by the timer.
func (q *Queue) syncUnasked() {
	err := q.Sync()
	if err == nil || errors.Is(err, ErrClosed) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.syncError = errors.Join(q.syncError, err)
}

// Close syncs and closes the files and lets another process in.
func (q *Queue) Close() error {
	q.timer.Stop()
	err := q.Sync()
	if errors.Is(err, ErrClosed) {
		return nil
	}
	q.syncing.Lock()
	defer q.syncing.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return err
	}
	q.closed = true
	q.timer.Stop()
	if q.active != nil {
		err = errors.Join(err, q.active.Close())
	}
	return errors.Join(err, q.cursor.file.Close(), unlock(q.lock))
}
