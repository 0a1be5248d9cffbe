package influx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
)

// fill writes so many samples of each of so many series, step apart, the last
// one a step before the time that it returns.
func fill(tb testing.TB, store *influx.Store, series, samples int, step time.Duration) (end time.Time) {
	tb.Helper()
	end = time.Now().Truncate(step)
	for i := range series {
		batch := make([]barograph.Sample, samples)
		for j := range batch {
			batch[j] = sample(fmt.Sprintf("host%04d", i), float64(i*j%1000)/7)
			batch[j].UnixMilli = end.Add(-time.Duration(samples-j) * step).UnixMilli()
		}
		if err := store.Write(tb.Context(), batch); err != nil {
			tb.Fatal(err)
		}
	}
	return end
}

func weekOf(end time.Time) barograph.Query {
	return barograph.Query{
		Selector: barograph.Selector{Metric: "m"}, From: end.Add(-barograph.Week), To: end,
		Step: 5 * time.Minute, Rollup: barograph.RollupMax,
	}
}

// counting passes on to a server what it is asked, and counts the reads.
func counting(t *testing.T, address string, reads *atomic.Int64, before func(*http.Request)) string {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/prom/read" || r.URL.Path == "/api/v2/query" {
			reads.Add(1)
			before(r)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// testLargeRead reads a week of some series: in pages, within the limit, until
// it is no longer wanted.
func testLargeRead(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		const series, samples = 40, 2016
		cfg := server.Config(t, 0)
		store := open(t, cfg)
		q := weekOf(fill(t, store, series, samples, 5*time.Minute))
		found, err := store.Select(t.Context(), q)
		if err != nil || len(found) != series || len(found[0].Points) != samples || len(found[series-1].Points) != samples {
			t.Errorf("%d series, %v", len(found), err)
		}

		expectNoStepCut(t, store, q)

		var reads atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		through := cfg
		through.URL = counting(t, cfg.URL, &reads, func(*http.Request) { cancel() })
		if _, err := open(t, through).Select(ctx, q); !errors.Is(err, context.Canceled) || reads.Load() != 1 {
			t.Errorf("no longer wanted: %v after %d reads", err, reads.Load())
		}

		cfg.MaxPoints = series*samples - 1
		_, err = open(t, cfg).Select(t.Context(), q)
		expectError(t, err, barograph.KindTooLarge, "has more than 80639 points (store.influxdb.max_points)", "fewer series")
		cfg.MaxPoints++
		if _, err := open(t, cfg).Select(t.Context(), q); err != nil {
			t.Errorf("just within the limit: %v", err)
		}
	}
}

// expectNoStepCut reads in steps that fit no page, and wants of each the mean of
// all that is in it.
func expectNoStepCut(t *testing.T, store *influx.Store, q barograph.Query) {
	t.Helper()
	q.Step, q.To = 0, q.To.Add(-90*time.Second)
	raw, err := store.Select(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	q.Step, q.Rollup = 13*time.Minute, barograph.RollupMean
	rolled, err := store.Select(t.Context(), q)
	if err != nil || len(rolled) != len(raw) {
		t.Fatalf("%d series, %v", len(rolled), err)
	}
	for i, sp := range raw {
		sums, counts := map[int64]float64{}, map[int64]float64{}
		for _, p := range sp.Points {
			start := p.UnixMilli - p.UnixMilli%q.Step.Milliseconds()
			sums[start] += p.Value
			counts[start]++
		}
		for _, p := range rolled[i].Points {
			if mean := sums[p.UnixMilli] / counts[p.UnixMilli]; math.Abs(p.Value-mean) > 1e-9 {
				t.Fatalf("%s at %d: %g, want %g", sp.Series, p.UnixMilli, p.Value, mean)
			}
		}
		if len(rolled[i].Points) != len(sums) {
			t.Errorf("%s: %d steps, want %d", sp.Series, len(rolled[i].Points), len(sums))
		}
	}
}

// testDelete takes away what lies ahead, of one series among others.
func testDelete(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		store := open(t, server.Config(t, 0))
		names := []string{"a", `it's "a" \ 100%`, "b' OR 'x' = 'x", "c\n\"", ""}
		now := time.Now().Truncate(time.Minute)
		of := func(name string) barograph.Series {
			return barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"host": "x", "value": name, "time": name, "_field": name})}
		}
		for _, name := range names {
			var batch []barograph.Sample
			for i := -3; i < 3; i++ {
				batch = append(batch, barograph.Sample{Series: of(name), UnixMilli: now.Add(time.Duration(i) * time.Minute).UnixMilli(), Value: float64(i)})
			}
			if err := store.Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range names[:4] {
			if err := store.DeleteFrom(t.Context(), of(name), now); err != nil {
				t.Errorf("DeleteFrom(%q): %v", name, err)
			}
			for j, other := range names {
				want := 6
				if j <= i {
					want = 3
				}
				for _, sp := range read(t, store) {
					if sp.Series.Equal(of(other)) && len(sp.Points) != want {
						t.Errorf("after %q was deleted, %q has %d points, want %d", name, other, len(sp.Points), want)
					}
				}
			}
		}
		if err := store.DeleteFrom(t.Context(), of("none of them"), now); err != nil {
			t.Errorf("DeleteFrom of nothing: %v", err)
		}
	}
}

// BenchmarkSelectWeek reads 2,016 rolled-up points of 1,000 series.
func BenchmarkSelectWeek(b *testing.B) {
	cfg := influxtest.Start(b).Config(b, 0)
	store := open(b, cfg)
	for _, step := range []time.Duration{5 * time.Minute, time.Minute} {
		b.Run("sample every "+step.String(), func(b *testing.B) {
			q := weekOf(fill(b, store, 1000, int(barograph.Week/step), step))
			peak := peakHeap(b)
			for b.Loop() {
				found, err := store.Select(b.Context(), q)
				if err != nil || len(found) != 1000 {
					b.Fatal(len(found), err)
				}
			}
			b.ReportMetric(float64(peak())/(1<<20), "peak-heap-MB")
		})
	}
}
