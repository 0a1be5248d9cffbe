package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/demo"
)

// send has the server answer as its API does.
func (w *world) send(ctx context.Context, method, path string, key barograph.Secret, body, answer any) error {
	status, text, err := w.Do(ctx, method, path, key, body)
	switch {
	case err != nil:
		return err
	case status/100 != 2:
		return fmt.Errorf("%s %s: status %d: %s", method, path, status, text)
	case answer != nil:
		return json.Unmarshal(text, answer)
	}
	return nil
}

// furnish adds what the demo lacks: tokens of each role, targets, silences.
func (w *world) furnish(ctx context.Context) error {
	for _, r := range []role{operator, viewer} {
		var made struct{ Key barograph.Secret }
		if err := w.send(ctx, http.MethodPost, "/api/v1/tokens", w.Token, map[string]any{"name": string(r), "role": r}, &made); err != nil {
			return err
		}
		w.tokens[r] = made.Key
	}
	now := w.clock.Now()
	all := []struct {
		path string
		body map[string]any
	}{
		{"targets", target("old gateway", "icmp", "127.0.0.31", false)},
		{"targets", target("own pages", "http", w.URL+"/healthz", true)},
		{"silences", map[string]any{"matchers": `{host="build-1"}`, "starts_at": now, "duration": "90d", "comment": "is rebuilt"}},
		{"silences", map[string]any{"matchers": `{role="database"}`, "comment": "backups", "recurs": map[string]any{
			"weekdays": []string{"sat", "sun"}, "at": "02:00", "duration": "2h", "time_zone": "Europe/Berlin",
		}}},
	}
	for _, add := range all {
		if err := w.send(ctx, http.MethodPost, "/api/v1/"+add.path, w.Token, add.body, nil); err != nil {
			return err
		}
	}
	return nil
}

func target(name, kind, address string, enabled bool) map[string]any {
	return map[string]any{"name": name, "kind": kind, "address": address, "enabled": enabled, "interval": "6h", "timeout": "1s"}
}

// filling is a quantity that grows steadily until its limit is crossed, when the
// tests have long begun: there is a prediction to look at.
type filling struct {
	host, metric, labels string
	limit, hourly        float64
	crosses              time.Duration // after the tests begin
}

func fillings() []filling {
	return []filling{
		{"build-2", "disk_inodes_used_ratio", "mount=/", .9, .001, 20 * time.Hour},
		{"files-1", "disk_used_ratio", "mount=/srv", .9, .0006, 50 * time.Hour},
		{"mail-2", "os_updates", "os=debian", 50, .055, 100 * time.Hour},
	}
}

// measure returns the value at a time, given when the tests begin.
func (f filling) measure(at, begin time.Time) float64 {
	value := f.limit - f.hourly*begin.Add(f.crosses).Sub(at).Hours()
	if f.limit > 1 {
		return math.Floor(value)
	}
	return value
}

const (
	silent      = "old-1" // a host that is not heard any more
	heardBefore = lived - 8*time.Hour
)

// extras are what fills up, and the silent host, beside the demo's fleet.
type extras struct {
	*world

	begin time.Time        // of the clock
	key   barograph.Secret // of the silent one
}

func (w *world) extra() *extras { return &extras{world: w, begin: w.clock.Now()} }

// live enrols the hosts, sends a month of history, and then what is measured while
// the clock runs.
func (e *extras) live(ctx context.Context) error {
	for _, f := range fillings() {
		if _, err := e.enrol(ctx, f.host); err != nil {
			return err
		}
	}
	var err error
	if e.key, err = e.enrol(ctx, silent); err != nil {
		return err
	}
	next := e.begin.Add(-demo.History)
	ticks, stop := e.clock.Ticker(demo.Interval)
	defer stop()
	for {
		if next, err = e.report(ctx, next); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}

func (e *extras) enrol(ctx context.Context, name string) (barograph.Secret, error) {
	var made struct{ Key barograph.Secret }
	err := e.send(ctx, http.MethodPost, "/api/v1/hosts", e.Token, map[string]any{"name": name, "labels": map[string]string{"role": "other"}}, &made)
	return made.Key, err
}

// report sends what was measured since, and returns when the next measurement is.
func (e *extras) report(ctx context.Context, next time.Time) (time.Time, error) {
	var lines []byte
	now := e.clock.Now()
	for ; !next.After(now); next = next.Add(demo.Interval) {
		for _, f := range fillings() {
			value := f.measure(next, e.begin.Add(lived))
			lines = fmt.Appendf(lines, "%s,host=%s,%s value=%g %d\n", f.metric, f.host, f.labels, value, next.UnixMilli())
		}
	}
	if len(lines) == 0 {
		return next, nil
	}
	if err := e.send(ctx, http.MethodPost, "/api/v2/write?precision=ms", e.Token, string(lines), nil); err != nil {
		return next, err
	}
	if now.Sub(e.begin) > heardBefore {
		return next, nil
	}
	return next, e.send(ctx, http.MethodPost, "/api/submit", e.key, map[string]any{"field": "load_per_cpu_ratio", "value": .4, "time": now}, nil)
}
