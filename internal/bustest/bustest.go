// Package bustest is the conformance suite of event buses: what the contracts
// of barograph.Publisher and barograph.Subscriber promise, as tests that every
// backend runs.
//
//	func TestConformance(t *testing.T) {
//		bustest.Run(t, func(t *testing.T, dir string) bustest.Bus { return open(t, dir) })
//	}
package bustest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

// Bus is what a backend has to offer.
type Bus interface {
	barograph.Publisher
	barograph.Subscriber
	Close() error
}

// patience is how long a test waits for what has to come.
const patience = time.Minute

// Run runs the suite. open returns a bus that keeps its events in the directory,
// which may have some; every test closes what it opened.
func Run(t *testing.T, open func(t *testing.T, dir string) Bus) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(fixture)
	}{
		{"RoundTrip", testRoundTrip},
		{"Patterns", testPatterns},
		{"OverlappingPatterns", testOverlappingPatterns},
		{"NoPattern", testNoPattern},
		{"SeveralSubscribers", testSeveralSubscribers},
		{"FromNowOn", testFromNowOn},
		{"DuplicateReachesOnce", testDuplicate},
		{"Order", testOrder},
		{"Reopen", testReopen},
		{"Concurrent", testConcurrent},
		{"SlowSubscriber", testSlowSubscriber},
		{"InvalidEvent", testInvalidEvent},
		{"Cancel", testCancel},
		{"CloseEndsSubscriptions", testClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := fixture{t: t, dir: t.TempDir(), open: open}
			f.reopen()
			test.run(f)
		})
	}
}

// fixture is the bus of one test.
type fixture struct {
	Bus

	t    *testing.T
	dir  string
	open func(t *testing.T, dir string) Bus
}

// reopen opens the bus; the one before has to be closed.
func (f *fixture) reopen() {
	f.t.Helper()
	bus := f.open(f.t, f.dir)
	f.Bus = bus
	f.t.Cleanup(func() {
		if err := bus.Close(); err != nil {
			f.t.Errorf("Close: %v", err)
		}
	})
}

func (f *fixture) publish(events ...barograph.Event) {
	f.t.Helper()
	for _, e := range events {
		if err := f.tryPublish(e); err != nil {
			f.t.Fatalf("Publish: %v", err)
		}
	}
}

// tryPublish publishes an event again while there is nobody to take it, as who
// relays events does: a cluster elects another leader now and then.
func (f *fixture) tryPublish(e barograph.Event) error {
	for begin := time.Now(); ; <-time.After(20 * time.Millisecond) {
		err := f.Publish(f.t.Context(), e)
		if barograph.KindOf(err) != barograph.KindUnavailable || time.Since(begin) > patience {
			return err
		}
	}
}

// listener is a subscription that collects events.
type listener struct {
	t      *testing.T
	cancel context.CancelCauseFunc
	ended  chan error

	mu     sync.Mutex
	events []barograph.Event
	ready  bool
	news   chan struct{} // capacity 1
}

// marker begins the IDs of events that only show that a subscription is there.
const marker = "evt_marker_"

// listen subscribes and returns when events reach the subscription.
func (f *fixture) listen(patterns ...string) *listener {
	f.t.Helper()
	return f.listenSlowly(0, patterns...)
}

func (f *fixture) listenSlowly(pause time.Duration, patterns ...string) *listener {
	f.t.Helper()
	ctx, cancel := context.WithCancelCause(f.t.Context())
	l := &listener{t: f.t, cancel: cancel, ended: make(chan error, 1), news: make(chan struct{}, 1)}
	go func() {
		l.ended <- f.Subscribe(ctx, patterns, func(e barograph.Event) {
			if pause > 0 && !strings.HasPrefix(string(e.ID), marker) {
				<-time.After(pause)
			}
			l.take(e)
		})
	}()
	f.t.Cleanup(func() { cancel(nil) })
	types := slices.DeleteFunc(barograph.EventTypes(), func(t barograph.EventType) bool {
		return !slices.ContainsFunc(patterns, func(p string) bool { return barograph.MatchEventType(p, t) })
	})
	for begin := time.Now(); !l.isReady(); {
		if time.Since(begin) > patience {
			f.t.Fatalf("no event reaches a subscription to %q", patterns)
		}
		e := event(0, types[0])
		e.ID = barograph.EventID(barograph.NewID(strings.TrimSuffix(marker, "_"), time.Now()))
		f.publish(e)
		<-time.After(5 * time.Millisecond)
	}
	return l
}

func (l *listener) take(e barograph.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.HasPrefix(string(e.ID), marker) {
		l.ready = true
		return
	}
	l.events = append(l.events, e)
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *listener) isReady() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

func (l *listener) got() []barograph.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

// await returns the events once there are n.
func (l *listener) await(n int) []barograph.Event {
	l.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		if got := l.got(); len(got) >= n {
			return got
		}
		select {
		case <-l.news:
		case <-timer.C:
			l.t.Fatalf("%d events came, want %d", len(l.got()), n)
		}
	}
}

// expect wants these events in this order and, by the last being a sign that
// all before it are through, no others.
func (l *listener) expect(want ...barograph.Event) {
	l.t.Helper()
	got := l.await(len(want))
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		l.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// end waits until the subscription ended and returns its error.
func (l *listener) end() error {
	l.t.Helper()
	select {
	case err := <-l.ended:
		return err
	case <-time.After(patience):
		l.t.Fatal("the subscription does not end")
		return nil
	}
}

// event returns an event of the type with everything in it, different for each n.
func event(n int, t barograph.EventType) barograph.Event {
	value := 0.5 + float64(n)
	return barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", time.Now())), Type: t,
		Time: time.Now().Round(0).UTC(), Subject: fmt.Sprintf(`disk_used_ratio{host="web%02d"}`, n), Severity: barograph.SeverityCritical,
		Labels: barograph.NewLabels(map[string]string{"host": fmt.Sprint("web", n), "odd": "\"ä\n\\"}),
		Data: barograph.EventData{
			Summary: "The disk will be full.", Annotations: map[string]string{"runbook": "https://example.com/?a=1&b=<2>"},
			Value: &value, Host: &barograph.HostRef{ID: "hst_1", Name: "web", LastSeen: time.Unix(1_700_000_000, 0).UTC()},
			Rule: &barograph.RuleRef{ID: "rul_1", Name: "disk", Limit: 0.9},
		},
	}
}
