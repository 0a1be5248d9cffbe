package alerting_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// outbox is a store and a bus in memory, so that the clock of synctest rules them.
type outbox struct {
	mu          sync.Mutex
	unpublished []barograph.Event
	published   []string
	tries       int
	down        error
	unreadable  error
	refused     barograph.EventID
}

func (o *outbox) add(ids ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		o.unpublished = append(o.unpublished, opened(id))
	}
}

func (o *outbox) setDown(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = err
}

func (o *outbox) setUnreadable(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unreadable = err
}

// count returns how often somebody tried to publish.
func (o *outbox) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tries
}

func (o *outbox) UnpublishedEvents(_ context.Context, limit int) ([]barograph.Event, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.unpublished[:min(limit, len(o.unpublished))]), o.unreadable
}

func (o *outbox) MarkPublished(_ context.Context, ids []barograph.EventID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unpublished = slices.DeleteFunc(o.unpublished, func(e barograph.Event) bool { return slices.Contains(ids, e.ID) })
	return nil
}

func (o *outbox) Publish(_ context.Context, e barograph.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tries++
	if e.ID == o.refused {
		return barograph.Errorf(barograph.KindTooLarge, "too large")
	}
	if o.down == nil {
		o.published = append(o.published, string(e.ID))
	}
	return o.down
}

func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, log := &outbox{}, &strings.Builder{}
		o.add("1", "2")
		r := alerting.NewRelay(o, o, slog.New(slog.NewTextHandler(log, nil)), metrics.NewSet())
		stop := startRun(t, r.Run)
		expect := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			o.mu.Lock()
			defer o.mu.Unlock()
			if diff := cmp.Diff(want, o.published); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		expect("at start", "1", "2")
		o.add("3")
		expect("not woken", "1", "2")
		r.Wake()
		expect("woken", "1", "2", "3")
		o.add("4")
		time.Sleep(30 * time.Second)
		expect("after 30 s", "1", "2", "3", "4")

		before := o.count()
		o.setDown(errors.New("no route"))
		o.add("5", "6")
		for range 100 { // the bus is not asked anew for each event while it is away
			r.Wake()
			time.Sleep(time.Second)
		}
		if tries := o.count() - before; tries < 30 || tries > 40 {
			t.Errorf("%d tries in 100 s of a bus away", tries)
		}
		o.setDown(nil)
		time.Sleep(3 * time.Second)
		expect("bus back", "1", "2", "3", "4", "5", "6")
		for _, line := range []string{"event bus unavailable", "event bus available again"} {
			if n := strings.Count(log.String(), line); n != 1 {
				t.Errorf("%q logged %d times", line, n)
			}
		}
		stop()
	})
}

// TestRelayHealth has a bus, and then the database, that is away for a while.
func TestRelayHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, set := &outbox{}, metrics.NewSet()
		r := alerting.NewRelay(o, o, slog.New(slog.DiscardHandler), set)
		stop := startRun(t, r.Run)
		well := func(when string) {
			t.Helper()
			synctest.Wait()
			if err := r.Healthy(t.Context()); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		stuck := func(when string, words ...string) {
			t.Helper()
			synctest.Wait()
			err := r.Healthy(t.Context())
			if barograph.KindOf(err) != barograph.KindUnavailable {
				t.Fatalf("%s: %v, want unavailable", when, err)
			}
			for _, w := range words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s: %q lacks %q", when, err, w)
				}
			}
		}
		time.Sleep(time.Hour)
		well("nothing to do for an hour")

		o.setDown(errors.New("no route"))
		time.Sleep(time.Minute)
		well("a bus away that nobody needs")
		o.add("1", "2")
		r.Wake()
		time.Sleep(29 * time.Second)
		well("29 s without a bus")
		time.Sleep(2 * time.Second)
		stuck("31 s without a bus", "nothing was published for 31s", "event 1 waits", "no route")
		o.setDown(nil)
		time.Sleep(3 * time.Second)
		well("the bus is back")

		o.setUnreadable(errors.New("disk I/O"))
		time.Sleep(61 * time.Second)
		stuck("no database", "could not be read for", "disk I/O")
		o.setUnreadable(nil)
		time.Sleep(3 * time.Second)
		well("the database is back")

		stop()
		time.Sleep(90 * time.Second)
		stuck("not running", "the relay has done nothing for 1m3")
	})
}

// TestRelayThatGetsOnIsHealthy has a bus that fails every other time.
func TestRelayThatGetsOnIsHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{}
		for i := range 100 {
			o.add(fmt.Sprint(i))
		}
		flaky := publisher(func(ctx context.Context, e barograph.Event) error {
			if o.count()%2 == 1 {
				o.setDown(errors.New("try again"))
			} else {
				o.setDown(nil)
			}
			return o.Publish(ctx, e)
		})
		r := alerting.NewRelay(o, flaky, slog.New(slog.DiscardHandler), metrics.NewSet())
		startRun(t, r.Run)
		for range 120 {
			time.Sleep(time.Second)
			if err := r.Healthy(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

type publisher func(context.Context, barograph.Event) error

func (p publisher) Publish(ctx context.Context, e barograph.Event) error { return p(ctx, e) }

func TestRelayTellsHowLongTheOldestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, set := &outbox{down: errors.New("no route")}, metrics.NewSet()
		expect := func(seconds string) {
			t.Helper()
			synctest.Wait()
			var text strings.Builder
			set.WritePrometheus(&text)
			if line := "barograph_relay_oldest_waiting_seconds " + seconds + "\n"; !strings.Contains(text.String(), line) {
				t.Errorf("metrics lack %q:\n%s", line, text.String())
			}
		}
		old, newer := opened("1"), opened("2")
		old.Time, newer.Time = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
		o.unpublished = append(o.unpublished, old, newer)
		startRun(t, alerting.NewRelay(o, o, slog.New(slog.DiscardHandler), set).Run)
		expect("3600")
		time.Sleep(10 * time.Second)
		expect("3610")
		o.setDown(nil)
		time.Sleep(3 * time.Second)
		expect("0")
	})
}

func TestRelayPassesByWhatTheBusRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{refused: "2"}
		o.add("1", "2", "3")
		var many []string
		for i := range 1000 {
			many = append(many, fmt.Sprint("m", i))
		}
		o.add(many...)
		startRun(t, alerting.NewRelay(o, o, slog.New(slog.DiscardHandler), metrics.NewSet()).Run)
		synctest.Wait()
		o.mu.Lock()
		defer o.mu.Unlock()
		if diff := cmp.Diff(append([]string{"1", "3"}, many...), o.published); diff != "" {
			t.Error(diff)
		}
	})
}
