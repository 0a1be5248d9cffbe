package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// WatchdogConfig is how Barograph watches itself.
type WatchdogConfig struct {
	// Interval is how often an event is sent the whole way; 0: never.
	Interval barograph.Duration `yaml:"interval"`
	// URL is fetched each time that the event came through: a dead man's switch,
	// which raises an alarm elsewhere when that ceases. Whoever knows it can keep
	// that alarm from being raised. "": none.
	URL barograph.Secret `yaml:"url"`
}

func defaultWatchdogConfig() WatchdogConfig {
	return WatchdogConfig{Interval: barograph.Duration(time.Minute)}
}

func (c WatchdogConfig) validate(allowHTTP bool) error {
	const shortest, longest = time.Second, time.Hour
	var p barograph.Problems
	if d := c.Interval.Std(); d != 0 && (d < shortest || d > longest) {
		p.Addf("interval", "%s is not between %s and %s; 0 turns the watchdog off",
			c.Interval, barograph.Duration(shortest), barograph.Duration(longest))
	}
	if c.URL == "" {
		return p.Err("watchdog")
	}
	if err := checkSecretURL(c.URL, allowHTTP); err != nil {
		p.Addf("url", "%s", err)
	}
	if c.Interval == 0 {
		p.Addf("url", "has no use without an interval")
	}
	return p.Err("watchdog")
}

// checkSecretURL returns an error that doesn't tell the URL.
func checkSecretURL(secret barograph.Secret, allowHTTP bool) error {
	err := checkURL(secret.Reveal(), allowHTTP)
	if err != nil && !strings.HasPrefix(secret.Reveal(), "http://") {
		return errors.New("is not an https URL")
	}
	return err
}

// Announcer records an event with its deliveries, and returns it with its ID.
type Announcer interface {
	Announce(ctx context.Context, e barograph.Event) (barograph.Event, error)
}

// WatchdogDeps are what a watchdog works with.
type WatchdogDeps struct {
	Announcer  Announcer
	Subscriber barograph.Subscriber
	Client     *http.Client // guarded; fetches the URL
	Clock      barograph.Clock
	Log        *slog.Logger
	Metrics    *metrics.Set
}

// Watchdog sends an event the whole way that others go, again and again: into
// the database, over the bus, and to whoever subscribed to it. When it comes
// back from the bus, all that lies between works, and the dead man's switch is
// told. It lives by the wall clock.
type Watchdog struct {
	cfg     WatchdogConfig
	deps    WatchdogDeps
	pulse   *barograph.Pulse
	arrived chan barograph.EventID
	barking bool // the last round failed; this and the next belong to Run's goroutine
	unheard bool // the URL did not take the last fetch

	roundTrip atomic.Int64 // nanoseconds; 0: there was none yet
	success   atomic.Int64 // when the last round succeeded, or the watchdog was made, in Unix nanoseconds
	failures  *metrics.Counter
	unfetched *metrics.Counter
}

// NewWatchdog returns a watchdog.
func NewWatchdog(cfg WatchdogConfig, deps WatchdogDeps) (*Watchdog, error) {
	if err := cfg.validate(true); err != nil {
		return nil, err
	}
	w := &Watchdog{
		cfg: cfg, deps: deps, pulse: barograph.NewPulse(cfg.Interval.Std()), arrived: make(chan barograph.EventID, 1),
		failures:  deps.Metrics.NewCounter("barograph_watchdog_failures_total"),
		unfetched: deps.Metrics.NewCounter("barograph_watchdog_url_failures_total"),
	}
	w.success.Store(time.Now().UnixNano())
	if cfg.Interval > 0 {
		deps.Metrics.NewGauge("barograph_watchdog_round_trip_seconds", func() float64 {
			return time.Duration(w.roundTrip.Load()).Seconds()
		})
		deps.Metrics.NewGauge("barograph_watchdog_last_success_age_seconds", func() float64 {
			return time.Since(time.Unix(0, w.success.Load())).Seconds()
		})
	}
	return w, nil
}

// Healthy returns nil if the last events came back from the bus, or none are
// sent; else why not. The URL has no say: what it is for is not here.
func (w *Watchdog) Healthy(context.Context) error {
	if w.cfg.Interval == 0 {
		return nil
	}
	if err := w.pulse.Stuck(); err != nil {
		return fmt.Errorf("sending an event the whole way: %w", err)
	}
	return nil
}

// Run sends an event at every interval until ctx ends.
func (w *Watchdog) Run(ctx context.Context) error {
	if w.cfg.Interval == 0 {
		<-ctx.Done()
		return nil
	}
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { w.listen(ctx) })
	ticks := time.NewTicker(w.cfg.Interval.Std())
	defer ticks.Stop()
	for sleep(ctx, settle, nil); ctx.Err() == nil; {
		err := w.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		w.pulse.Beat(err)
		w.report(ctx, err)
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
	return nil
}

// settle is what the subscription is given before the first event, which it
// would miss: there is no sign that it stands.
const settle = time.Second

// listen hands over the IDs of watchdog events from the bus. Other servers on
// the bus have theirs.
func (w *Watchdog) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.deps.Subscriber.Subscribe(ctx, []string{string(barograph.EventWatchdog)}, func(e barograph.Event) {
			select {
			case w.arrived <- e.ID:
			case <-ctx.Done():
			}
		})
		if ctx.Err() == nil {
			w.deps.Log.WarnContext(ctx, "watchdog lost its subscription to the event bus and subscribes again", "err", err)
			sleep(ctx, settle, nil)
		}
	}
}

// round sends one event, waits for it, and fetches the URL.
func (w *Watchdog) round(ctx context.Context) error {
	began := time.Now()
	if err := w.goTheWay(ctx); err != nil {
		return err
	}
	w.roundTrip.Store(int64(time.Since(began)))
	w.success.Store(time.Now().UnixNano())
	if w.cfg.URL != "" {
		w.reportFetch(ctx, w.fetch(ctx))
	}
	return nil
}

func (w *Watchdog) goTheWay(ctx context.Context) error {
	most := w.cfg.Interval
	ctx, cancel := context.WithTimeoutCause(ctx, most.Std(), fmt.Errorf("the database took more than %s to record it", most))
	defer cancel()
	e, err := w.announce(ctx)
	if err != nil {
		return fmt.Errorf("record the event: %w", err)
	}
	for {
		select {
		case id := <-w.arrived:
			if id == e.ID {
				return nil
			}
		case <-ctx.Done():
			return barograph.Errorf(barograph.KindUnavailable, "the event %s was recorded but did not come over the bus within %s", e.ID, most)
		}
	}
}

// announce records the event.
func (w *Watchdog) announce(ctx context.Context) (barograph.Event, error) {
	e, err := w.deps.Announcer.Announce(ctx, barograph.Event{
		Type: barograph.EventWatchdog, Time: w.deps.Clock.Now(), Subject: "barograph", Severity: barograph.SeverityInfo,
		Data: barograph.EventData{Summary: "Barograph works: this event went the whole way"},
	})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e, err
}

// fetch tells the dead man's switch that all is well.
func (w *Watchdog) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.cfg.URL.Reveal(), http.NoBody)
	if err != nil {
		return errors.New("the URL can't be used") // the error would tell it
	}
	return exchange(w.deps.Client, req, webhookVerdict).Err
}

// report logs when events cease to come through, and when they do again.
func (w *Watchdog) report(ctx context.Context, err error) {
	if err != nil {
		w.failures.Inc()
	}
	switch {
	case err != nil && !w.barking:
		w.deps.Log.ErrorContext(ctx, "watchdog event did not come through", "err", err)
	case err == nil && w.barking:
		w.deps.Log.InfoContext(ctx, "watchdog events come through again")
	}
	w.barking = err != nil
}

// reportFetch logs when the URL ceases to be reached, and when it is again.
func (w *Watchdog) reportFetch(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.unfetched.Inc()
	}
	switch {
	case err != nil && !w.unheard:
		w.deps.Log.WarnContext(ctx, "dead man's switch was not reached", "err", err)
	case err == nil && w.unheard:
		w.deps.Log.InfoContext(ctx, "dead man's switch is reached again")
	}
	w.unheard = err != nil
}
