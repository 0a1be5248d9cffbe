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

// count returns how often somebody tried to publish.
func (o *outbox) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tries
}

func (o *outbox) UnpublishedEvents(_ context.Context, limit int) ([]barograph.Event, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.unpublished[:min(limit, len(o.unpublished))]), nil
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
		if tries := o.count() - before; tries < 5 || tries > 10 {
			t.Errorf("%d tries in 100 s of a bus away", tries)
		}
		o.setDown(nil)
		time.Sleep(30 * time.Second)
		expect("bus back", "1", "2", "3", "4", "5", "6")
		for _, line := range []string{"event bus unavailable", "event bus available again"} {
			if n := strings.Count(log.String(), line); n != 1 {
				t.Errorf("%q logged %d times", line, n)
			}
		}
		stop()
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
