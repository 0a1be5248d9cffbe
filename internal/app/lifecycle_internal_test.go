package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// diary notes what happens, in order.
type diary struct {
	mu    sync.Mutex
	notes []string
}

func (d *diary) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, s)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.notes, ", ")
}

// untilDone is a component that works until it is told to stop, and takes some
// time for that.
func (d *diary) untilDone(name string, stopping time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(stopping)
		d.note(name + " stopped")
		return ctx.Err()
	}
}

func newLifecycle() *lifecycle { return &lifecycle{log: slog.New(slog.DiscardHandler)} }

func TestLifecycleStopsInReverse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		l := newLifecycle()
		l.onClose("store", func() error { d.note("store closed"); return nil })
		l.add("writer", d.untilDone("writer", 3*time.Second))
		l.onClose("bus", func() error { d.note("bus closed"); return nil })
		l.add("reader", d.untilDone("reader", 5*time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.run(ctx) }()
		time.Sleep(time.Hour)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := errors.Join(l.close(), l.close()); err != nil {
			t.Errorf("close twice: %v", err)
		}
		want := "reader stopped, writer stopped, bus closed, store closed"
		if diff := cmp.Diff(want, d.String()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLifecycleEndsWithItsFirstComponent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result error
		want   string
	}{
		"with an error": {errors.New("out of luck"), "broken ended: out of luck"},
		"without one":   {nil, "broken ended: without an error, though nobody asked it to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var d diary
				l := newLifecycle()
				l.add("first", d.untilDone("first", 0))
				l.add("broken", func(context.Context) error { time.Sleep(time.Minute); return c.result })
				l.add("last", d.untilDone("last", 0))
				err := l.run(t.Context())
				if err == nil || err.Error() != c.want {
					t.Errorf("run: %v, want %s", err, c.want)
				}
				if got := d.String(); got != "last stopped, first stopped" {
					t.Errorf("stopped: %s", got)
				}
			})
		})
	}
}

func TestLifecycleWaitsForNobodyForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		l := newLifecycle()
		l.add("quick", d.untilDone("quick", 0))
		l.add("stuck", d.untilDone("stuck", time.Hour))
		l.onClose("file", func() error { d.note("file closed"); return nil })
		l.onClose("disk", func() error { time.Sleep(time.Hour); return nil })
		l.onClose("odd", func() error { return errors.New("won't") })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		err := errors.Join(l.run(ctx), l.close())
		want := "stop stuck: still busy after 10s\nclose odd: won't\nclose disk: still busy after 10s"
		if err == nil || err.Error() != want {
			t.Errorf("run and close: %v, want %s", err, want)
		}
		if took := time.Since(began); took != 2*stopTimeout {
			t.Errorf("stopping took %s, want %s", took, 2*stopTimeout)
		}
		if got := d.String(); got != "quick stopped, file closed" {
			t.Errorf("what could stop: %s", got)
		}
		time.Sleep(2 * time.Hour) // the stuck ones end before the test does
	})
}
