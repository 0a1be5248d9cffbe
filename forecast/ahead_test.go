package forecast_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

func TestAheadSamples(t *testing.T) {
	curve := barograph.Curve{
		Start: epoch, StepSeconds: 900, Level: .95, Lower: []float64{1, 2}, Mean: []float64{3, 4}, Upper: []float64{5, 6},
	}
	series := barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"rule": "its own", "a": "1", "z": "2"})}
	var got []string
	for _, s := range forecast.AheadSamples(diskRule(), series, curve) {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		got = append(got, fmt.Sprintf("%s %s %v", s.Series, s.Time().UTC().Format(time.TimeOnly), s.Value))
	}
	want := []string{}
	for i, quantile := range []string{"0.025", "0.5", "0.975"} {
		name := `barograph_forecast{a="1",metric="m",quantile="` + quantile + `",rule="disk_full",z="2"}`
		want = append(want, fmt.Sprintf("%s 00:07:30 %d", name, 1+2*i), fmt.Sprintf("%s 00:22:30 %d", name, 2+2*i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// ahead returns a reader of curves ahead in the world.
func (w *world) ahead() *forecast.Ahead { return forecast.NewAhead(w.curves(), w, w.store) }

// askAhead returns the series that are chosen, with their points.
func (w *world) askAhead(a *forecast.Ahead, selector string) (map[string][]barograph.Point, error) {
	w.t.Helper()
	s, err := barograph.ParseSelector(selector)
	if err != nil {
		w.t.Fatal(err)
	}
	found, err := a.Select(w.t.Context(), barograph.Query{Selector: s, From: epoch.Add(-barograph.Week), To: epoch.Add(barograph.Week)})
	out := map[string][]barograph.Point{}
	for _, sp := range found {
		out[sp.Series.Labels.Get("host")+" "+sp.Series.Labels.Get("quantile")] = sp.Points
	}
	if len(out) != len(found) || !slices.IsSortedFunc(found, func(a, b barograph.SeriesPoints) int { return strings.Compare(a.Series.String(), b.Series.String()) }) {
		w.t.Errorf("not sorted, or some twice: %v", found)
	}
	return out, err
}

func names[V any](m map[string]V) string {
	var all []string
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestAheadChooses has a prediction open for web1 alone.
func TestAheadChooses(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.record(disk("web2"), steady()...)
	a := w.ahead()
	const web1, web2 = "web1 0.025, web1 0.5, web1 0.975", "web2 0.025, web2 0.5, web2 0.975"
	for _, tt := range []struct{ selector, want string }{
		{"barograph_forecast", web1},
		{`barograph_forecast{quantile="0.5"}`, "web1 0.5"},
		{`barograph_forecast{rule=~".*"}`, web1},
		{`barograph_forecast{rule="disk_full"}`, web1 + ", " + web2},
		{`barograph_forecast{rule=~"disk_full|other"}`, web1 + ", " + web2},
		{`barograph_forecast{host="web2"}`, web2},
		{`barograph_forecast{host="web2",quantile=~"0.025|0.975"}`, "web2 0.025, web2 0.975"},
		{`barograph_forecast{host=~"web.",host!="web1",metric="disk_used_ratio"}`, web2},
		{`barograph_forecast{host="web3"}`, ""},
		{`barograph_forecast{rule="other"}`, ""},
		{`barograph_forecast{metric="other"}`, ""},
		{`other`, ""},
	} {
		got, err := w.askAhead(a, tt.selector)
		if err != nil || names(got) != tt.want {
			t.Errorf("%s chooses %s, %v; want %s", tt.selector, names(got), err, tt.want)
		}
	}
	w.with(func() { w.rules[0].Enabled = false })
	if got, err := w.askAhead(a, `barograph_forecast{rule="disk_full"}`); len(got) != 0 || err != nil {
		t.Errorf("of a disabled rule: %v, %v", names(got), err)
	}
}

// TestAheadLines wants the line to begin now, between past and future, and to
// end with the horizon.
func TestAheadLines(t *testing.T) {
	w := newWorld(t, diskRule())
	w.clock.Move(7 * time.Minute)
	w.record(disk("web1"), filling()...)
	a := w.ahead()
	got, err := w.askAhead(a, "barograph_forecast")
	if err != nil {
		t.Fatal(err)
	}
	course, lower := got["web1 0.5"], got["web1 0.025"]
	if len(course) != 98 || course[0].UnixMilli != epoch.UnixMilli() || course[1].UnixMilli != epoch.UnixMilli()+450_000 ||
		course[97].UnixMilli != epoch.Add(barograph.Day).UnixMilli() || course[97].Value != course[96].Value {
		t.Errorf("%d points, from %v to %v", len(course), course[:2], course[96:])
	}
	if first := course[0].Value; math.Abs(first-.8) > .005 || first >= course[1].Value || lower[0].Value > first || lower[0].Value <= lower[1].Value-.05 {
		t.Errorf("the course begins with %v, the band with %v", course[:2], lower[:2])
	}
	found, err := a.Select(t.Context(), barograph.Query{
		Selector: barograph.Selector{Metric: "barograph_forecast"}, From: epoch.Add(time.Hour), To: epoch.Add(2 * time.Hour),
	})
	if err != nil || len(found) != 3 || len(found[0].Points) != 4 {
		t.Errorf("within an hour: %v, %v", found, err)
	}
	for _, from := range []time.Duration{-2 * time.Hour, 25 * time.Hour} {
		if found, err = a.Select(t.Context(), barograph.Query{Selector: barograph.Selector{Metric: "barograph_forecast"}, From: epoch.Add(from), To: epoch.Add(from + time.Hour)}); err != nil || len(found) != 0 {
			t.Errorf("from %s on: %v, %v", from, found, err)
		}
	}
	if _, err = a.Select(t.Context(), barograph.Query{Step: time.Minute}); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("rolled up: %v", err)
	}
}

// TestAheadIsBounded has more series than are drawn for one question: that with
// an open prediction is among them, though the last by name.
func TestAheadIsBounded(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()[500:]...)
	for i := range 130 {
		w.record(disk(fmt.Sprintf("a%03d", i)), steady()[800:]...)
	}
	a := w.ahead()
	got, err := w.askAhead(a, `barograph_forecast{rule="disk_full",quantile="0.5"}`)
	if _, ok := got["web1 0.5"]; len(got) != 100 || !ok || barograph.KindOf(err) != barograph.KindConflict || !strings.Contains(err.Error(), "more than 100 curves") {
		t.Errorf("%d curves, %v", len(got), err)
	}
	if reads := w.reads(); reads != 100 {
		t.Errorf("%d readings", reads)
	}
	if got, err = w.askAhead(a, `barograph_forecast{rule="disk_full",host=~"a00.",quantile="0.5"}`); len(got) != 10 || err != nil || w.reads() != 100 {
		t.Errorf("of 10 known ones: %d curves, %v, %d readings", len(got), err, w.reads())
	}
}

func TestAheadLists(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.record(disk("web2"), steady()...)
	a := w.ahead()
	list := func(selector string, from, to time.Time, limit int) ([]barograph.Series, bool) {
		t.Helper()
		s, err := barograph.ParseSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		found, more, err := a.Series(t.Context(), barograph.SeriesQuery{Selector: s, From: from, To: to, Limit: limit})
		if err != nil {
			t.Error(err)
		}
		return found, more
	}
	always := func(selector string, limit int) ([]barograph.Series, bool) {
		return list(selector, epoch.Add(-barograph.Week), epoch.Add(barograph.Week), limit)
	}
	if all, more := always("barograph_forecast", 0); len(all) != 6 || more || !slices.IsSortedFunc(all, func(a, b barograph.Series) int { return strings.Compare(a.String(), b.String()) }) {
		t.Errorf("%v, more: %v", all, more)
	}
	if all, more := always(`barograph_forecast{host="web2"}`, 3); len(all) != 3 || more {
		t.Errorf("%v, more: %v", all, more)
	}
	for limit := 1; limit <= 5; limit++ {
		if all, more := always("barograph_forecast", limit); len(all) != limit || !more {
			t.Errorf("limit %d: %d, more: %v", limit, len(all), more)
		}
	}
	for _, from := range []time.Duration{-2 * time.Hour, 25 * time.Hour} {
		if all, _ := list("barograph_forecast", epoch.Add(from), epoch.Add(from+time.Hour), 0); len(all) != 0 {
			t.Errorf("from %s on: %v", from, all)
		}
	}
	if w.reads() != 0 {
		t.Errorf("%d readings, though nothing had to be drawn", w.reads())
	}
}

// TestAheadFails wants what can be drawn when something can't be read.
func TestAheadFails(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.record(disk("web2"), steady()...)
	a := w.ahead()
	if _, err := w.askAhead(a, "barograph_forecast"); err != nil {
		t.Fatal(err)
	}
	w.with(func() { w.readErr = errors.New("disk gone") })
	got, err := w.askAhead(a, `barograph_forecast{rule="disk_full",quantile="0.5"}`)
	if names(got) != "web1 0.5" || err == nil || !strings.Contains(err.Error(), "1 of 2 curves") || !strings.Contains(err.Error(), "disk gone") {
		t.Errorf("%s, %v", names(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Select(ctx, barograph.Query{Selector: barograph.Selector{Metric: "barograph_forecast"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
