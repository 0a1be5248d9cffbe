package promtsdb_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// TestSeriesAcrossAGap has a series that was silent for an hour, in the middle
// of what the TSDB keeps in one piece.
func TestSeriesAcrossAGap(t *testing.T) {
	s, now := openStore(t, t.TempDir(), nil), time.Now()
	if err := s.Write(t.Context(), []barograph.Sample{sample("load", "a", now.Add(-time.Hour), 1), sample("load", "a", now, 2)}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from, to time.Duration
		want     int
	}{{-2 * time.Hour, time.Minute, 1}, {-50 * time.Minute, -10 * time.Minute, 0}, {-10 * time.Minute, time.Minute, 1}, {-2 * time.Hour, -10 * time.Minute, 1}} {
		found, more, err := s.Series(t.Context(), barograph.SeriesQuery{From: now.Add(tt.from), To: now.Add(tt.to)})
		if err != nil || more || len(found) != tt.want {
			t.Errorf("from %s to %s: %v, %v, want %d", tt.from, tt.to, found, err, tt.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Series(t.Context(), barograph.SeriesQuery{From: now, To: now.Add(1)}); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("closed: %v", errors.Unwrap(err))
	}
}

// fill writes one sample now of so many series, whose texts sort otherwise than
// the TSDB does, and returns the texts in order.
func fill(t *testing.T, s *promtsdb.Store, n int) []string {
	t.Helper()
	now := time.Now()
	batch, texts := make([]barograph.Sample, n), make([]string, n)
	for i := range batch {
		labels := map[string]string{"host": fmt.Sprintf("host-number-%d", i/100), "Zone": "a\"b\\ü", "device": "sda1"}
		if i%7 == 0 {
			labels = map[string]string{"_i": fmt.Sprint(i)}
		}
		series := barograph.Series{Metric: "m" + strings.Repeat("m", i%3) + fmt.Sprint(i%100), Labels: barograph.NewLabels(labels)}
		batch[i] = barograph.Sample{Series: series, UnixMilli: now.UnixMilli(), Value: 1}
		texts[i] = series.String()
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return texts
}

func lastHour(limit int) barograph.SeriesQuery {
	return barograph.SeriesQuery{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Limit: limit}
}

// TestSeriesFirst lists the first series of many, in the order of their texts.
func TestSeriesFirst(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	texts := fill(t, s, 3000)
	for _, limit := range []int{1, 2, 700, len(texts) - 1, len(texts), len(texts) + 1, 0} {
		want := texts
		if limit > 0 {
			want = texts[:min(limit, len(texts))]
		}
		found, more, err := s.Series(t.Context(), lastHour(limit))
		got := make([]string, len(found))
		for i, f := range found {
			got[i] = f.String()
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil || more != (len(want) < len(texts)) {
			t.Errorf("limit %d: more %t, %v (-want +got):\n%s", limit, more, err, diff)
		}
	}
}

// TestSeriesMemory asks for one of many series: it takes no memory for the others.
func TestSeriesMemory(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	const series = 40_000
	fill(t, s, series)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, more, err := s.Series(t.Context(), lastHour(1))
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) / series; took > 450 || !more || err != nil {
		t.Errorf("%d bytes a series, more %t, %v", took, more, err)
	}
}

// TestSeriesTakesTurns has more lists asked for than may be made at once: the
// others wait, and are told when they have waited too long. Queries have turns of
// their own, as one may ask for a list.
func TestSeriesTakesTurns(t *testing.T) {
	s := openStore(t, t.TempDir(), func(c *promtsdb.Config, _ *promtsdb.Deps) {
		c.Query.Concurrency, c.Query.Timeout = 1, barograph.Duration(3*time.Second)
	})
	fill(t, s, 10)
	h := s.Handler(promtsdb.HandlerDeps{})
	ask := func(path string, patience time.Duration) (int, string) {
		w := httptest.NewRecorder()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/"+path, nil))
		return w.Code, w.Body.String()
	}
	lists, queries := s.Slots()
	lists <- struct{}{}
	if _, _, err := s.Series(t.Context(), lastHour(1)); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("without a turn: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Series(gone, lastHour(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
	for _, path := range []string{"series?match[]=m1", "labels", "label/host/values", "query?query=m1", "metadata"} {
		if status, body := ask(path, time.Minute); status != 200 {
			t.Errorf("%s while lists are made: %d %s", path, status, body)
		}
	}
	<-lists
	queries <- struct{}{}
	for _, path := range []string{"series?match[]=m1", "labels", "label/host/values", "query?query=m1", "metadata"} {
		if status, body := ask(path, 50*time.Millisecond); status != 503 {
			t.Errorf("%s without a turn: %d %s", path, status, body)
		}
	}
	if _, _, err := s.Series(t.Context(), lastHour(1)); err != nil {
		t.Errorf("while queries run: %v", err)
	}
	<-queries
}

// TestPromQLSeriesBounded asks for all series there are: it gets the first ones,
// and is told that there are others.
func TestPromQLSeriesBounded(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	fill(t, s, 41_000)
	h := s.Handler(promtsdb.HandlerDeps{})
	for _, limit := range []string{"", "&limit=0", "&limit=1000000"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/series?match[]={__name__!=\"\"}"+limit, nil))
		if n := strings.Count(w.Body.String(), "__name__"); w.Code != 200 || n != 40_000 || !strings.Contains(w.Body.String(), "truncated") {
			t.Errorf("%q: status %d, %d series", limit, w.Code, n)
		}
	}
}
