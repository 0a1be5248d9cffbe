package alerting_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// way is the whole way of an event, which is broken as it is told.
type way struct {
	log *logBuffer
	set *metrics.Set
	dog *alerting.Watchdog

	mu        sync.Mutex
	announced []barograph.Event
	err       error         // of the database
	hang      bool          // of the database
	lost      bool          // on the bus
	late      time.Duration // on the bus
	foreign   bool          // the bus has other servers' events only
	fn        func(barograph.Event)
	break1    context.CancelFunc // breaks the subscription
}

var errBroken = errors.New("broken")

func (w *way) Announce(ctx context.Context, e barograph.Event) (barograph.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hang {
		w.mu.Unlock()
		<-ctx.Done()
		w.mu.Lock()
		return e, ctx.Err()
	}
	if w.err != nil {
		return e, w.err
	}
	e.ID = barograph.EventID(fmt.Sprintf("evt_%d", len(w.announced)+1))
	w.announced = append(w.announced, e)
	if fn := w.fn; fn != nil && !w.lost {
		other := e
		other.ID = "evt_of_another_server"
		ours := !w.foreign
		time.AfterFunc(w.late, func() {
			fn(other)
			if ours {
				fn(e)
				fn(e)
			}
		})
	}
	return e, nil
}

func (w *way) Subscribe(ctx context.Context, patterns []string, fn func(barograph.Event)) error {
	if !slices.Equal(patterns, []string{"watchdog"}) {
		return fmt.Errorf("patterns %q", patterns)
	}
	broken, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.fn, w.break1 = fn, cancel
	w.mu.Unlock()
	<-broken.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fn = nil
	return errBroken
}

func (w *way) change(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

func (w *way) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.announced)
}

// healthy checks what the watchdog says, "" is that all is well.
func (w *way) healthy(t *testing.T, when, want string) {
	t.Helper()
	if err := w.dog.Healthy(t.Context()); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: %v, want %q", when, err, want)
	}
}

func (w *way) metric(t *testing.T, name string) float64 {
	t.Helper()
	var text bytes.Buffer
	w.set.WritePrometheus(&text)
	for line := range strings.Lines(text.String()) {
		if value, ok := strings.CutPrefix(line, "barograph_watchdog_"+name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Errorf("no metric %s", name)
	return 0
}

func newWay(t *testing.T, cfg alerting.WatchdogConfig, client *http.Client) *way {
	t.Helper()
	w := &way{log: &logBuffer{}, set: metrics.NewSet(), late: 20 * time.Millisecond}
	dog, err := alerting.NewWatchdog(cfg, alerting.WatchdogDeps{
		Announcer: w, Subscriber: w, Client: client, Clock: barograph.WallClock{}, Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: w.set,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.dog = dog
	return w
}

func minutely() alerting.WatchdogConfig {
	return alerting.WatchdogConfig{Interval: barograph.Duration(time.Minute)}
}

func TestWatchdogSendsTheWholeWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWay(t, minutely(), nil)
		stop := startRun(t, w.dog.Run)
		w.healthy(t, "at the start", "")
		time.Sleep(10*time.Minute + 30*time.Second)
		w.healthy(t, "after ten minutes", "")
		if n := w.count(); n != 11 {
			t.Errorf("%d events in ten minutes and a half, want 11", n)
		}
		e := w.announced[0]
		if e.Type != barograph.EventWatchdog || e.Time.IsZero() || e.Data.Summary == "" || e.Data.Test || e.Severity != barograph.SeverityInfo {
			t.Errorf("announced %+v", e)
		}
		if took := w.metric(t, "round_trip_seconds"); took < .02 || took > .021 {
			t.Errorf("the round trip took %g s, want 0.02", took)
		}
		if age := w.metric(t, "last_success_age_seconds"); age < 28 || age > 30 {
			t.Errorf("the last success is %g s old, want 29", age)
		}
		if n := w.metric(t, "failures_total"); n != 0 || w.log.String() != "" {
			t.Errorf("%g failures, log: %s", n, w.log)
		}
		stop()
	})
}

func TestWatchdogSaysWhatIsBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault, mend func(*way)
		want        string
	}{
		"database":        {func(w *way) { w.err = errBroken }, func(w *way) { w.err = nil }, "sending an event the whole way: has failed for 3m5s: record the event: broken"},
		"hanging":         {func(w *way) { w.hang = true }, func(w *way) { w.hang = false }, "record the event: the database took more than 1m to record it"},
		"bus loses":       {func(w *way) { w.lost = true }, func(w *way) { w.lost = false }, "was recorded but did not come over the bus within 1m"},
		"others' only":    {func(w *way) { w.foreign = true }, func(w *way) { w.foreign = false }, "was recorded but did not come over the bus within 1m"},
		"bus is too slow": {func(w *way) { w.late = time.Hour }, func(w *way) { w.late = 0 }, "was recorded but did not come over the bus within 1m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWay(t, minutely(), nil)
				stop := startRun(t, w.dog.Run)
				time.Sleep(10*time.Minute + 30*time.Second)
				w.change(func() { c.fault(w) })
				time.Sleep(55 * time.Second)
				w.healthy(t, "a little later", "")
				time.Sleep(185*time.Second - 25*time.Second)
				w.healthy(t, "long after", c.want)
				if age := w.metric(t, "last_success_age_seconds"); age < 180 {
					t.Errorf("the last success is %g s old", age)
				}
				if n := w.metric(t, "failures_total"); n < 2 {
					t.Errorf("%g failures", n)
				}
				w.change(func() { c.mend(w) })
				time.Sleep(2 * time.Minute)
				w.healthy(t, "when it is mended", "")
				if w.log.count("did not come through") != 1 || w.log.count("come through again") != 1 {
					t.Errorf("log: %s", w.log)
				}
				stop()
			})
		})
	}
}

// TestWatchdogSubscribesAgain: the round in which the subscription broke fails,
// which is told only if it lasts.
func TestWatchdogSubscribesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWay(t, minutely(), nil)
		stop := startRun(t, w.dog.Run)
		time.Sleep(10*time.Minute + 30*time.Second)
		w.change(func() { w.break1() })
		for range 20 {
			time.Sleep(13 * time.Second)
			w.healthy(t, "after the subscription broke", "")
		}
		if w.log.count("subscribes again") != 1 {
			t.Errorf("log: %s", w.log)
		}
		stop()
	})
}

func TestWatchdogThatIsOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWay(t, alerting.WatchdogConfig{}, nil)
		stop := startRun(t, w.dog.Run)
		time.Sleep(time.Hour)
		w.healthy(t, "after an hour", "")
		if w.count() != 0 || w.fn != nil {
			t.Error("it sends or listens")
		}
		stop()
	})
}

// deadMan is a dead man's switch that answers as it is told, else with 204.
type deadMan struct {
	status chan int
	hits   chan string
}

func newDeadMan() *deadMan { return &deadMan{make(chan int, 100), make(chan string, 100)} }

func (d *deadMan) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.hits <- r.Method + " " + r.URL.String()
	status := http.StatusNoContent
	select {
	case status = <-d.status:
	default:
	}
	w.WriteHeader(status)
}

// RoundTrip answers without a network, which a bubble of synctest has not.
func (d *deadMan) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestDeadMansSwitch: it is told of each success, and of nothing else.
func TestDeadMansSwitch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, cfg := newDeadMan(), minutely()
		cfg.URL = "https://hc.example.com/ping/secret?a=b"
		w := newWay(t, cfg, &http.Client{Transport: d})
		for _, status := range []int{http.StatusOK, http.StatusInternalServerError, http.StatusNotModified, http.StatusCreated} {
			d.status <- status
		}
		stop := startRun(t, w.dog.Run)
		time.Sleep(10*time.Minute + 30*time.Second)
		if len(d.hits) != 11 {
			t.Errorf("the switch was told %d times, want 11", len(d.hits))
		}
		for len(d.hits) > 0 {
			if hit := <-d.hits; hit != "GET "+cfg.URL.Reveal() {
				t.Errorf("the switch got %s", hit)
			}
		}
		if n := w.metric(t, "url_failures_total"); n != 2 || w.log.count("was not reached") != 1 || w.log.count("is reached again") != 1 {
			t.Errorf("%g failures, log: %s", n, w.log)
		}
		if w.log.count("secret") > 0 || w.log.count("hc.example.com answered 500") != 1 {
			t.Errorf("log: %s", w.log)
		}
		w.healthy(t, "though the switch failed", "")

		w.change(func() { w.lost = true })
		time.Sleep(10 * time.Minute)
		if len(d.hits) > 0 {
			t.Error("the switch is told that all is well, though no event came through")
		}
		w.change(func() { w.lost = false })
		time.Sleep(2 * time.Minute)
		if len(d.hits) == 0 {
			t.Error("the switch is told nothing any more")
		}
		stop()
	})
}

func TestDeadMansSwitchIsGuarded(t *testing.T) {
	t.Parallel()
	d := newDeadMan()
	server := httptest.NewServer(d)
	defer server.Close()
	w := newWay(t, alerting.WatchdogConfig{Interval: barograph.Duration(time.Second), URL: barograph.Secret(server.URL)}, alerting.NewGuardedClient(nil, alerting.Reach{}))
	stop := startRun(t, w.dog.Run)
	eventually(t, "the address is refused", func() bool { return w.log.count("forbidden address") == 1 })
	stop()
	if len(d.hits) > 0 {
		t.Error("it was reached all the same")
	}
}

func TestWatchdogConfig(t *testing.T) {
	t.Parallel()
	second := barograph.Duration(time.Second)
	for want, c := range map[string]alerting.WatchdogConfig{
		"":                                       {Interval: second, URL: "https://hc.example.com/1234"},
		"watchdog.interval: 999ms":               {Interval: second - barograph.Duration(time.Millisecond)},
		"watchdog.interval: 1h0m0.001s":          {Interval: 3600*second + barograph.Duration(time.Millisecond)},
		"watchdog.interval: -1s":                 {Interval: -second},
		"watchdog.url: has no use":               {URL: "https://hc.example.com"},
		"watchdog.url: is not an https URL":      {Interval: second, URL: "hc.example.com/1234"},
		"watchdog.url: the URL begins with http": {Interval: second, URL: "http://hc.example.com"},
	} {
		cfg := alerting.DefaultDeliveryConfig()
		cfg.Watchdog = c
		if err := cfg.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		} else if err != nil && strings.Contains(err.Error(), "1234") {
			t.Errorf("%v tells the URL", err)
		}
	}
	if d := alerting.DefaultDeliveryConfig().Watchdog; d != minutely() {
		t.Errorf("the default is %+v", d)
	}
}
