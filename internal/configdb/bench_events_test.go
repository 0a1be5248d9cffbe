package configdb_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/configdb/pgtest"
)

const benchEvents = 100_000

// recordEvents records what happened in a fleet: nearly all are predictions that
// change, which are warnings; few things are critical, and some happened long ago
// only.
func recordEvents(tb testing.TB, db *configdb.DB, many int) {
	tb.Helper()
	for first := 0; first < many; first += 2000 {
		var change barograph.Change
		for n := first; n < first+2000; n++ {
			e := benchEvent(n)
			e.Time = benchTime().Add(time.Duration(n) * time.Minute)
			e.Type, e.Severity = barograph.EventPredictionUpdated, barograph.SeverityWarning
			e.Data.Prediction.RuleID = barograph.RuleID(fmt.Sprintf("rul_%d", n%100))
			e.Labels = barograph.NewLabels(map[string]string{"host": fmt.Sprintf("host-%d", n%997)})
			switch {
			case n%5 == 0:
				e.Type, e.Severity = barograph.EventWatchdog, barograph.SeverityInfo
			case n%40 == 1:
				e.Type = barograph.EventBreachStarted
			case n%40 == 2:
				e.Type = barograph.EventBreachEnded
			case n%5000 == 3:
				e.Type = barograph.EventHostSilent
			case n < 500 && n%50 == 4:
				e.Type = barograph.EventEndpointDisabled
			}
			if n%2500 == 7 || n%10_000 == 41 {
				e.Severity = barograph.SeverityCritical
			}
			change.Events = append(change.Events, e)
		}
		if err := db.Record(tb.Context(), change); err != nil {
			tb.Fatal(err)
		}
	}
}

// eventFilters are what people ask for.
func eventFilters() map[string]barograph.EventFilter {
	most := []string{"breach.*", "endpoint.*", "host.*", "prediction.*", "rule.*"} // all but the watchdog's
	at := func(n int) time.Time { return benchTime().Add(time.Duration(n) * time.Minute) }
	return map[string]barograph.EventFilter{
		"any":                {},
		"most":               {Types: most},
		"updated":            {Types: []string{"prediction.updated"}},
		"breaches":           {Types: []string{"breach.*"}},
		"few":                {Types: []string{"host.silent"}},
		"few_long_ago":       {Types: []string{"endpoint.disabled"}},
		"none":               {Types: []string{"rule.*"}},
		"of_predictions":     {Types: []string{"prediction.*"}},
		"critical":           {Types: most, MinSeverity: barograph.SeverityCritical},
		"critical_any":       {MinSeverity: barograph.SeverityCritical},
		"critical_breach":    {Types: []string{"breach.*"}, MinSeverity: barograph.SeverityCritical},
		"warning":            {Types: most, MinSeverity: barograph.SeverityWarning},
		"host":               {Types: most, Host: "host-77"},
		"host_few":           {Types: []string{"host.silent"}, Host: "host-3"},
		"rule":               {Types: most, RuleID: "rul_7"},
		"rule_critical":      {Types: most, RuleID: "rul_7", MinSeverity: barograph.SeverityCritical},
		"rule_host":          {Types: most, RuleID: "rul_7", Host: "host-77"},
		"of_a_day_long_ago":  {Types: most, From: at(1440), To: at(2880)},
		"before_a_day":       {Types: most, To: at(2880)},
		"critical_long_ago":  {Types: most, To: at(2880), MinSeverity: barograph.SeverityCritical},
		"breaches_long_ago":  {Types: []string{"breach.*"}, To: at(2880)},
		"about_a_prediction": {About: "prd_00000000000000000000005003", Types: most},
	}
}

// BenchmarkEvents asks for the newest 51 of 100,000 events.
func BenchmarkEvents(b *testing.B) {
	db := openBench(b)
	recordEvents(b, db, benchEvents)
	for name, filter := range eventFilters() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := db.Events(b.Context(), filter, barograph.Page{Limit: 51}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestEventsByPages: page by page, the filters choose what they say.
func TestEventsByPages(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { eventsByPages(t, openIn(t, t.TempDir())) })
	t.Run("postgres", func(t *testing.T) { eventsByPages(t, openConfig(t, pgtest.Start(t).Config(t))) })
}

func eventsByPages(t *testing.T, db *configdb.DB) {
	t.Helper()
	recordEvents(t, db, 6000)
	all, err := db.Events(t.Context(), barograph.EventFilter{}, barograph.Page{})
	if err != nil || len(all) != 6000 {
		t.Fatal(len(all), err)
	}
	for name, f := range eventFilters() {
		var want, got []barograph.EventID
		for _, e := range all {
			if chosen(f, e) {
				want = append(want, e.ID)
			}
		}
		if len(want) == 0 && name != "none" && name != "rule_host" {
			t.Errorf("%s chooses nothing", name)
		}
		size := max(7, len(want)/20)
		for after := ""; ; after = string(got[len(got)-1]) {
			page, err := db.Events(t.Context(), f, barograph.Page{After: after, Limit: size})
			if err != nil {
				t.Fatal(name, err)
			}
			for _, e := range page {
				got = append(got, e.ID)
			}
			if len(page) < size {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// chosen reports whether the filter chooses the event.
func chosen(f barograph.EventFilter, e barograph.Event) bool {
	ofType := len(f.Types) == 0 || slices.ContainsFunc(f.Types, func(p string) bool { return barograph.MatchEventType(p, e.Type) })
	return ofType && (f.Host == "" || e.Labels.Get("host") == f.Host) && (f.RuleID == "" || e.Data.Prediction.RuleID == f.RuleID) &&
		e.Severity.Rank() >= f.MinSeverity.Rank() && !e.Time.Before(f.From) && (f.To.IsZero() || e.Time.Before(f.To)) &&
		(f.About == "" || f.About == string(e.Data.Prediction.ID))
}
