package ingest_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/clocktest"
)

func newIngestAt(t *testing.T, clock barograph.Clock, w barograph.SampleWriter) *ingest.Ingest {
	t.Helper()
	in, err := ingest.New(ingest.DefaultConfig(), ingest.Options{
		Writer: w, Hosts: &notebook{seen: map[barograph.HostID]time.Time{}}, Clock: clock, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// TestArrivals sends values without a time within one millisecond: each of a
// series must be stored, at a time of its own, in the order in which they came.
func TestArrivals(t *testing.T) {
	t.Parallel()
	submit, lines := (*ingest.Ingest).Submit, (*ingest.Ingest).LineProtocol
	for name, c := range map[string]struct {
		handler func(*ingest.Ingest) http.Handler
		query   string
		bodies  []string
	}{
		"submissions":     {submit, "", []string{`{"field":"m","value":1}`, `{"field":"n","value":7}`, `{"field":"m","value":2}`, `{"field":"m","value":3}`}},
		"an array":        {submit, "", []string{`[{"field":"m","value":1},{"field":"m","value":2},{"field":"n","value":7}]`, `{"field":"m","value":3}`}},
		"lines":           {lines, "", []string{"m value=1\nn value=7", "m value=2", "m value=3"}},
		"lines at once":   {lines, "", []string{"m value=1\nm value=2\nm value=3\nn value=7"}},
		"lines by second": {lines, "?precision=s", []string{"m value=1\nn value=7", "m value=2", "m value=3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Now().Truncate(time.Second).Add(7 * time.Millisecond)
			clock := clocktest.New(now)
			store := openStore(t, clock)
			h := c.handler(newIngestAt(t, clock, store))
			for _, body := range c.bodies {
				if w := send(h, operator, "/"+c.query, []byte(body)); w.Code/100 != 2 {
					t.Errorf("%s: status %d: %s", body, w.Code, w.Body)
				}
			}
			found, err := store.Select(t.Context(), barograph.Query{From: now.Add(-time.Minute), To: now.Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			at := func(milli int64, value float64) barograph.Point {
				return barograph.Point{UnixMilli: now.UnixMilli() + milli, Value: value}
			}
			want := []barograph.SeriesPoints{
				{Series: barograph.Series{Metric: "m"}, Points: []barograph.Point{at(0, 1), at(1, 2), at(2, 3)}},
				{Series: barograph.Series{Metric: "n"}, Points: []barograph.Point{at(0, 7)}},
			}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// TestArrivalsAtOnce has many send values of one series within a millisecond, and
// one send more of another than there are milliseconds to run ahead by.
func TestArrivalsAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock, written := clocktest.New(now), &capture{}
	h := newIngestAt(t, clock, written).Submit()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				send(h, operator, "/", []byte(`{"field":"m","value":1}`))
			}
		})
	}
	all.Wait()
	var times []int64
	for _, s := range written.samples {
		times = append(times, s.UnixMilli-now.UnixMilli())
	}
	slices.Sort(times)
	if n := len(slices.Compact(times)); n != 400 || times[0] != 0 || times[n-1] != 399 {
		t.Errorf("400 values have %d times, from %d to %d ms", n, times[0], times[n-1])
	}

	written.samples = nil
	send(h, operator, "/", []byte("["+strings.Repeat(`{"field":"fast","value":1},`, 2999)+`{"field":"fast","value":1}]`))
	if n := len(written.samples); n != 3000 {
		t.Fatalf("%d values taken", n)
	}
	if ahead := written.samples[2999].Time().Sub(now.Truncate(time.Millisecond)); ahead != time.Second {
		t.Errorf("the last is timed %s ahead", ahead)
	}
	clock.Move(time.Minute)
	send(h, operator, "/", []byte(`{"field":"fast","value":1}`))
	if at := written.samples[3000].UnixMilli; at != clock.Now().UnixMilli() {
		t.Errorf("a minute later one is timed %d ms beside the clock", at-clock.Now().UnixMilli())
	}
}
