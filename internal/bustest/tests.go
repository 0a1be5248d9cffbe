package bustest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func testRoundTrip(f fixture) {
	l := f.listen("*")
	var want []barograph.Event
	for i, t := range barograph.EventTypes() {
		want = append(want, event(i, t))
	}
	f.publish(want...)
	l.expect(want...)
}

func testPatterns(f fixture) {
	var all []barograph.Event
	for i, t := range barograph.EventTypes() {
		all = append(all, event(i, t))
	}
	patterns := [][]string{
		{"*"},
		{"prediction.*"},
		{"breach.started"},
		{"io.barograph.breach.*"},
		{"io.barograph.host.silent", "watchdog"},
		{"*.started"},
		{"prediction.opened", "prediction.updated"},
		{"io.*"},
		{"*ed"},
		{"predict*"},
		{"prediction.?pened"},
		{"[bh]*.*"},
	}
	var listeners []*listener
	for _, p := range patterns {
		listeners = append(listeners, f.listen(p...))
	}
	f.publish(all...)
	for i, p := range patterns {
		var want []barograph.Event
		for _, e := range all {
			if slices.ContainsFunc(p, func(p string) bool { return barograph.MatchEventType(p, e.Type) }) {
				want = append(want, e)
			}
		}
		if len(want) == 0 {
			f.t.Fatalf("no type matches %q", p)
		}
		listeners[i].expect(want...)
	}
}

func testOverlappingPatterns(f fixture) {
	l := f.listen("prediction.opened", "prediction.*", "io.barograph.prediction.*", "*", "prediction.opened")
	want := []barograph.Event{event(0, barograph.EventPredictionOpened), event(1, barograph.EventWatchdog), event(2, barograph.EventPredictionAverted)}
	f.publish(want...)
	l.expect(want...)
}

func testNoPattern(f fixture) {
	err := f.Subscribe(f.t.Context(), nil, func(barograph.Event) {})
	if barograph.KindOf(err) != barograph.KindInvalid {
		f.t.Errorf("Subscribe to nothing: %v (%s), want invalid", err, barograph.KindOf(err))
	}
}

func testSeveralSubscribers(f fixture) {
	var listeners []*listener
	for range 5 {
		listeners = append(listeners, f.listen("*"))
	}
	want := []barograph.Event{event(0, barograph.EventBreachStarted), event(1, barograph.EventBreachEnded)}
	f.publish(want...)
	for _, l := range listeners {
		l.expect(want...)
	}
	// One that leaves takes nothing from the others.
	listeners[0].cancel(nil)
	_ = listeners[0].end()
	more := event(2, barograph.EventHostSilent)
	f.publish(more)
	for _, l := range listeners[1:] {
		l.expect(append(slices.Clone(want), more)...)
	}
}

func testFromNowOn(f fixture) {
	f.publish(event(0, barograph.EventBreachStarted), event(1, barograph.EventBreachEnded))
	l := f.listen("*")
	want := event(2, barograph.EventBreachStarted)
	f.publish(want)
	l.expect(want)
}

func testDuplicate(f fixture) {
	l := f.listen("*")
	first, last := event(0, barograph.EventBreachStarted), event(1, barograph.EventBreachEnded)
	f.publish(first, first, first)
	f.publish(last)
	l.expect(first, last)
}

func testOrder(f fixture) {
	l := f.listen("*")
	types := barograph.EventTypes()
	var want []barograph.Event
	for i := range 200 {
		want = append(want, event(i, types[i%len(types)]))
	}
	f.publish(want...)
	l.expect(want...)
}

func testReopen(f fixture) {
	before := event(0, barograph.EventBreachStarted)
	f.publish(before)
	if err := f.Close(); err != nil {
		f.t.Fatalf("Close: %v", err)
	}
	if err := f.Publish(f.t.Context(), before); barograph.KindOf(err) != barograph.KindUnavailable {
		f.t.Errorf("Publish on a closed bus: %v (%s), want unavailable", err, barograph.KindOf(err))
	}
	if err := f.Close(); err != nil {
		f.t.Errorf("second Close: %v", err)
	}
	f.reopen()
	l := f.listen("*")
	after := event(1, barograph.EventBreachEnded)
	f.publish(before, after) // the stream still knows the first
	l.expect(after)
}

func testConcurrent(f fixture) {
	const publishers, each = 8, 25
	l := f.listen("*")
	var wg sync.WaitGroup
	ids := make([][]barograph.EventID, publishers)
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				e := event(i, barograph.EventPredictionUpdated)
				if err := f.tryPublish(e); err != nil {
					f.t.Errorf("Publish: %v", err)
				}
				ids[p] = append(ids[p], e.ID)
			}
		})
	}
	wg.Wait()
	position := map[barograph.EventID]int{}
	for i, e := range l.await(publishers * each) {
		position[e.ID] = i
	}
	if len(position) != publishers*each {
		f.t.Errorf("%d different events came, want %d", len(position), publishers*each)
	}
	for p := range ids {
		if !slices.IsSortedFunc(ids[p], func(a, b barograph.EventID) int { return position[a] - position[b] }) {
			f.t.Errorf("events of publisher %d came out of order", p)
		}
	}
}

// testSlowSubscriber has one subscriber that takes its time: the other doesn't
// wait for it, and it gets everything in the end.
func testSlowSubscriber(f fixture) {
	slow, fast := f.listenSlowly(10*time.Millisecond, "*"), f.listen("*")
	var want []barograph.Event
	for i := range 100 {
		want = append(want, event(i, barograph.EventPredictionUpdated))
	}
	f.publish(want...)
	fast.expect(want...)
	if n := len(slow.got()); n == len(want) {
		f.t.Log("the slow subscriber was not slow")
	}
	slow.expect(want...)
}

func testInvalidEvent(f fixture) {
	for _, tt := range []struct {
		name string
		edit func(*barograph.Event)
	}{
		{"no id", func(e *barograph.Event) { e.ID = "" }},
		{"no type", func(e *barograph.Event) { e.Type = "" }},
		{"a wildcard as type", func(e *barograph.Event) { e.Type = "prediction.*" }},
		{"a space in the type", func(e *barograph.Event) { e.Type = "prediction. opened" }},
		{"an empty word in the type", func(e *barograph.Event) { e.Type = "prediction..opened" }},
	} {
		f.t.Run(tt.name, func(t *testing.T) {
			e := event(0, barograph.EventWatchdog)
			tt.edit(&e)
			if err := f.Publish(t.Context(), e); barograph.KindOf(err) != barograph.KindInvalid {
				t.Errorf("Publish: %v (%s), want invalid", err, barograph.KindOf(err))
			}
		})
	}
}

func testCancel(f fixture) {
	why := errors.New("the test is over")
	l := f.listen("*")
	l.cancel(why)
	if err := l.end(); !errors.Is(err, why) {
		f.t.Errorf("Subscribe returned %v, want the cause", err)
	}
	ctx, cancel := context.WithCancelCause(f.t.Context())
	cancel(why)
	if err := f.Subscribe(ctx, []string{"*"}, func(barograph.Event) {}); !errors.Is(err, why) {
		f.t.Errorf("Subscribe with an ended context returned %v, want the cause", err)
	}
	if err := f.Publish(ctx, event(0, barograph.EventWatchdog)); !errors.Is(err, why) {
		f.t.Errorf("Publish with an ended context returned %v, want the cause", err)
	}
}

func testClose(f fixture) {
	l := f.listen("*")
	if err := f.Close(); err != nil {
		f.t.Errorf("Close: %v", err)
	}
	if err := l.end(); barograph.KindOf(err) != barograph.KindUnavailable {
		f.t.Errorf("Subscribe returned %v, want unavailable", err)
	}
	err := f.Subscribe(f.t.Context(), []string{"*"}, func(barograph.Event) {})
	if barograph.KindOf(err) != barograph.KindUnavailable {
		f.t.Errorf("Subscribe on a closed bus: %v, want unavailable", err)
	}
}
