package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// stopTimeout is how long one component may take to stop, or one resource to close.
const stopTimeout = 10 * time.Second

// lifecycle runs components and closes resources in the reverse order of their
// setting up. Each step of New registers its undo here at once, so that a
// failed start leaves nothing behind.
type lifecycle struct {
	log        *slog.Logger
	components []component
	closers    []closer
}

// component runs until its context ends.
type component struct {
	name string
	run  func(context.Context) error
}

type closer struct {
	name  string
	close func() error
}

func (l *lifecycle) onClose(name string, fn func() error) {
	l.closers = append(l.closers, closer{name, fn})
}

func (l *lifecycle) add(name string, run func(context.Context) error) {
	l.components = append(l.components, component{name, run})
}

// running is a component with the means to end it.
type running struct {
	component

	cancel context.CancelFunc
	done   chan error // receives what run returned
}

// run starts all components in order and blocks until ctx ends or one of them
// does by itself, which is a failure. Then it stops them, the last first, each
// within stopTimeout: whoever is still working has what it works with.
func (l *lifecycle) run(ctx context.Context) error {
	var started []*running
	ended := make(chan *running, len(l.components))
	for _, c := range l.components {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{c, cancel, make(chan error, 1)}
		started = append(started, r)
		go func() {
			r.done <- r.run(own)
			ended <- r
		}()
	}
	var failed error
	select {
	case <-ctx.Done():
		l.log.InfoContext(ctx, "stopping")
	case r := <-ended:
		err := <-r.done
		r.done <- nil
		failed = fmt.Errorf("%s ended: %w", r.name, orUnexpected(err))
	}
	for _, r := range slices.Backward(started) {
		failed = errors.Join(failed, l.stop(r))
	}
	return failed
}

var errUnexpected = errors.New("without an error, though nobody asked it to")

func orUnexpected(err error) error {
	if err == nil {
		return errUnexpected
	}
	return err
}

func (l *lifecycle) stop(r *running) error {
	l.log.Debug("stopping", "component", r.name)
	r.cancel()
	err := within(stopTimeout, r.done)
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("stop %s: %w", r.name, err)
}

// within returns what comes from done, or an error if nothing does in time.
func within(limit time.Duration, done <-chan error) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		return fmt.Errorf("still busy after %s", limit)
	}
}

// close closes all resources, the last opened first, each within stopTimeout.
// Calling it again does nothing.
func (l *lifecycle) close() error {
	var failed error
	for _, c := range slices.Backward(l.closers) {
		done := make(chan error, 1)
		go func() { done <- c.close() }()
		if err := within(stopTimeout, done); err != nil {
			failed = errors.Join(failed, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	l.closers = nil
	return failed
}
