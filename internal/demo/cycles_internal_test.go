package demo

import (
	"net/http"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// lives starts a server that was told all of the life of the fleet, until so many
// hours after the story's begin, as to the metrics.
func lives(t *testing.T, hours float64, metrics ...string) *harness.Server {
	t.Helper()
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	cfg.Store.Embedded.OutOfOrderWindow = barograph.Duration(4 * History)
	cfg.Forecast.Interval = barograph.Duration(2 * time.Hour) // four times as seldom as the demo has it
	cfg.Alerting.Interval = barograph.Duration(Interval)
	cfg.Alerting.MaxSampleAge = barograph.Duration(6 * time.Hour)
	s := harness.Start(t, app.Options{Config: cfg, Bare: true, Clock: NewClock(after(hours), 1)})
	wanted := map[string]bool{}
	for _, m := range metrics {
		wanted[m] = true
	}
	var lines []byte
	fleet := newFleet()
	for at := day.Add(-History); at.Before(after(hours)); at = at.Add(Interval) {
		hour := at.Sub(day).Hours()
		samples := measureShop(at, hour)
		for i := range fleet {
			samples = append(samples, fleet[i].measure(at, hour)...)
		}
		for _, sample := range samples {
			if wanted[sample.Series.Metric] {
				lines = lineProtocol(lines, []barograph.Sample{sample})
			}
		}
		if len(lines) > 1<<20 || !at.Add(Interval).Before(after(hours)) {
			s.Call(t, http.MethodPost, "/api/v2/write?precision=ms", s.Token, string(lines), nil)
			lines = lines[:0]
		}
	}
	return s
}

func after(hours float64) time.Time { return day.Add(time.Duration(hours * float64(time.Hour))) }

// TestSomethingIsAboutToBreak asks the forecaster and the judge what they would have
// said of the fleet: at nearly any time a prediction is open, and nearly every breach was
// foreseen. While the story is told, nothing else comes to an end.
func TestSomethingIsAboutToBreak(t *testing.T) {
	t.Parallel()
	const hours = 500
	s := lives(t, hours, "disk_used_ratio", "os_updates", "probe_certificate_expires_in_seconds")
	var rules struct{ Items []barograph.Rule }
	s.Call(t, http.MethodGet, "/api/v1/rules?limit=100", s.Token, nil, &rules)
	var open [hours]int // predictions, in each hour
	breaches, foreseen := 0, 0
	for _, rule := range rules.Items {
		if rule.Name != "Disk space" && rule.Name != "Pending updates" && rule.Name != "Certificate expires" {
			continue
		}
		var said barograph.Backtest
		s.Call(t, http.MethodPost, "/api/v1/rules/backtest", s.Token, map[string]any{"rule_id": rule.ID, "from": day, "to": after(hours)}, &said)
		t.Log(rule.Name, said.Summary)
		breaches, foreseen = breaches+said.Score.Breaches, foreseen+said.Score.Foreseen
		for _, p := range said.Predictions {
			for hour := range open {
				if at := after(float64(hour)); !p.OpenedAt.After(at) && (p.ClosedAt.IsZero() || p.ClosedAt.After(at)) {
					open[hour]++
				}
			}
			host := p.Series.Labels.Get("host")
			if !p.ClosedAt.IsZero() && p.ClosedAt.Before(after(storyAlone)) && host != "db-1" && host != "web-3" {
				t.Errorf("the story does not tell what became of %s on %s at %s", rule.Name, host, p.ClosedAt)
			}
		}
	}
	idle := 0
	for hour := range open {
		if open[hour] == 0 {
			idle++
		}
	}
	if share := float64(idle) / hours; share > .05 {
		t.Errorf("in %.1f %% of the time nothing is about to break: %v", 100*share, open)
	}
	if breaches < 12 || foreseen < breaches*9/10 {
		t.Errorf("%d of %d breaches were foreseen, want nine tenths of at least 12", foreseen, breaches)
	}
}
