package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

// TestOwnSeries lets a server with something on record write what it says of
// itself.
func TestOwnSeries(t *testing.T) {
	t.Parallel()
	db, now := onRecord(t)
	set := metrics.NewSet()
	set.NewCounter("barograph_ingest_samples_total").Set(7)
	set.NewCounter(`barograph_forecasts_total{state="flat"}`).Set(3)
	set.NewCounter(`barograph_delivery_attempts_total{kind="webhook",outcome="delivered"}`).Set(2)
	set.NewCounter(`barograph_delivery_attempts_total{kind="email",outcome="delivered"}`).Set(5)
	set.NewCounter("barograph_influx_samples_written_total").Set(11)
	set.NewCounter("barograph_unchosen_total").Set(1)
	var kept keeper
	s := selfMetrics{
		book: db, shares: everything{}, server: "srv_1", set: set, writer: &kept, clock: standing(now), log: slog.New(slog.DiscardHandler),
		stations: map[string]func(context.Context) error{
			"bus":   func(context.Context) error { return errors.New("away") },
			"store": func(context.Context) error { return nil },
		},
	}
	if err := s.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := kept.values()
	for series, want := range map[string]float64{
		`barograph_station_healthy{server="srv_1",station="bus"}`:                                                            0,
		`barograph_station_healthy{server="srv_1",station="store"}`:                                                          1,
		`barograph_ingest_samples_total{server="srv_1"}`:                                                                     7,
		`barograph_forecasts_total{server="srv_1",state="flat"}`:                                                             3,
		`barograph_delivery_attempts_total{outcome="delivered",server="srv_1"}`:                                              7,
		`barograph_stored_samples_total{server="srv_1"}`:                                                                     11,
		`barograph_spool_bytes{server="srv_1"}`:                                                                              0,
		`barograph_rule_limit{metric="disk_used_ratio",rule="Disk",severity="warning"}`:                                      .9,
		`barograph_predictions_open{severity="warning"}`:                                                                     1,
		`barograph_predictions_open{severity="critical"}`:                                                                    0,
		`barograph_breaches_open{severity="warning"}`:                                                                        1,
		`barograph_breach_open_seconds{host="web",metric="disk_used_ratio",rule="Disk",severity="warning"}`:                  3600,
		`barograph_prediction_open{host="db",metric="disk_used_ratio",reason="it \"fills\"",rule="Disk",severity="warning"}`: .8,
		`barograph_rule_predictions{rule="Disk",state="open"}`:                                                               1,
		`barograph_rule_predictions{rule="Disk",state="expired"}`:                                                            0,
		`barograph_rule_breaches{foreseen="false",rule="Disk"}`:                                                              1,
		`barograph_rule_recall_ratio{rule="Disk"}`:                                                                           0,
		`barograph_endpoint_health{endpoint="ept_1",kind="webhook",subscription="all"}`:                                      endpointWell,
		`barograph_endpoint_queue_deliveries{endpoint="ept_1",kind="webhook",state="pending",subscription="all"}`:            0,
		`barograph_endpoint_failures{endpoint="ept_1",kind="webhook",subscription="all"}`:                                    0,
	} {
		if value, ok := got[series]; !ok || value != want {
			t.Errorf("%s is %v (%t), want %v", series, value, ok, want)
		}
	}
	if value := got[`barograph_process_memory_bytes{server="srv_1"}`]; value < 1<<20 {
		t.Errorf("memory of the process: %v", value)
	}
	if len(got) != len(kept.samples) || len(got) > 60 {
		t.Errorf("%d series in %d samples, want each once, and at most 60", len(got), len(kept.samples))
	}
	for series := range got {
		if strings.Contains(series, "unchosen") || strings.Contains(series, "precision") {
			t.Errorf("%s is written", series)
		}
	}
}

// TestOwnSeriesOfOthers checks that what is of all servers is written by one.
func TestOwnSeriesOfOthers(t *testing.T) {
	t.Parallel()
	db, now := onRecord(t)
	var kept keeper
	s := selfMetrics{book: db, shares: nothing{}, server: "srv_2", set: metrics.NewSet(), writer: &kept, clock: standing(now), log: slog.New(slog.DiscardHandler)}
	if err := s.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	for series := range kept.values() {
		if !strings.Contains(series, `server="srv_2"`) {
			t.Errorf("%s is written by a server that does not hold it", series)
		}
	}
}

// TestOwnSeriesWithoutDatabase checks that one thing that is away costs nothing else.
func TestOwnSeriesWithoutDatabase(t *testing.T) {
	t.Parallel()
	db, now := onRecord(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var kept keeper
	s := selfMetrics{book: db, shares: everything{}, server: "srv_1", set: metrics.NewSet(), writer: &kept, clock: standing(now), log: slog.New(slog.DiscardHandler)}
	if err := s.write(t.Context()); err == nil {
		t.Error("nobody is told that the database is away")
	}
	if len(kept.samples) < 20 {
		t.Errorf("%d samples", len(kept.samples))
	}
}

func TestParseFigure(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"a 1":                           `a{} 1`,
		`a{b="c"} 2.5e3` + "\n":         `a{b="c"} 2500`,
		`a{b="c,d}",e="\"f\\\n"} -1`:    `a{b="c,d}",e="\"f\\\n"} -1`,
		`a_bucket{vmrange="1e0...2"} 3`: `a_bucket{vmrange="1e0...2"} 3`,
		"# TYPE a counter":              "", "": "", "a": "", "a NaN": "", "a +Inf": "", `a{b="c} 1`: "", `a{b} 1`: "", `a{b="c"`: "", "a one": "",
	} {
		name, labels, value, ok := parseFigure(line)
		got := ""
		if ok {
			got = name + labels.String() + " " + fmt.Sprint(value)
		}
		if got != want {
			t.Errorf("%q is %s, want %s", line, got, want)
		}
	}
}

// onRecord returns a database with a rule, a prediction, a breach that nobody
// foresaw, and a subscription.
func onRecord(t *testing.T) (*configdb.DB, time.Time) {
	t.Helper()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	now := time.Now().Truncate(time.Second)
	rule := defaultRules()[0]
	rule.ID, rule.Name, rule.CreatedAt = "rul_1", "Disk", now
	off := rule
	off.ID, off.Name, off.Enabled = "rul_2", "off", false
	sub := barograph.Subscription{
		ID: "sub_1", Name: "all", Enabled: true, Storm: barograph.DefaultStorm(),
		Endpoints: []barograph.Endpoint{{ID: "ept_1", Kind: barograph.EndpointWebhook, URL: "https://example.com"}},
	}
	of := func(host string) barograph.Series {
		return barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": host})}
	}
	said := barograph.Announcement{At: now, Probability: .8, Reason: `it "fills"`}
	change := barograph.Change{
		Predictions: []barograph.Prediction{{
			ID: "prd_1", RuleID: rule.ID, RuleName: rule.Name, Series: of("db"), Severity: rule.Severity,
			State: barograph.PredictionOpen, OpenedAt: now.Add(-time.Minute), First: said, Latest: said,
		}},
		Breaches: []barograph.Breach{{
			ID: "brc_1", RuleID: rule.ID, RuleName: rule.Name, Series: of("web"), Severity: rule.Severity, StartedAt: now.Add(-time.Hour),
		}},
	}
	if err := errors.Join(db.CreateRule(t.Context(), rule), db.CreateRule(t.Context(), off), db.CreateSubscription(t.Context(), sub), db.Record(t.Context(), change)); err != nil {
		t.Fatal(err)
	}
	return db, now
}

// keeper keeps what is written.
type keeper struct{ samples []barograph.Sample }

func (k *keeper) Write(_ context.Context, samples []barograph.Sample) error {
	k.samples = append(k.samples, slices.Clone(samples)...)
	return nil
}

func (k *keeper) values() map[string]float64 {
	out := map[string]float64{}
	for _, s := range k.samples {
		out[s.Series.String()] = s.Value
	}
	return out
}

// nothing is the shares of a server that holds none.
type nothing struct{}

func (nothing) HoldsID(string) bool { return false }

// standing is a clock that stands.
type standing time.Time

func (s standing) Now() time.Time { return time.Time(s) }

func (standing) Ticker(time.Duration) (ticks <-chan time.Time, stop func()) {
	return nil, func() {}
}
