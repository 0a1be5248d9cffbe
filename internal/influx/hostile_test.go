package influx_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx/influxtest"
)

// hostile are values that mean something to a language of InfluxDB.
func hostile() []string {
	return []string{
		`") |> drop(columns: ["_value"]) //`, `" or true or r["a"] == "`, "${r[\"a\"]}", `/) or true or (r["a"] =~ /`, "x,a=other value=9\nm value=1",
		`x value=1 1`, "a\x00b", `\`, `\"`, `%22`, `%5C"`, "' OR 1=1 --", `'; DROP DATABASE "x"`, "\u2028", "a\r\n\tb", "\U0001F329", `.*`, `(?i)a`,
	}
}

// testHostile writes every hostile value as a label and wants it back by its
// own matcher, and by no other's.
func testHostile(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		for _, org := range []string{server.Org, "anyone"} {
			cfg := server.Config(t, 0)
			cfg.Org = org
			store := open(t, cfg)
			values := hostile()
			for i, v := range values {
				if err := store.Write(t.Context(), []barograph.Sample{sample(v, float64(i))}); err != nil {
					t.Errorf("Write %q: %v", v, err)
				}
			}
			for i, v := range values {
				found, err := store.Select(t.Context(), recent(barograph.Matcher{Name: "host", Type: barograph.MatchEqual, Value: v}))
				if err != nil || len(found) != 1 || found[0].Points[0].Value != float64(i) {
					t.Errorf("%q came back as %v, %v", v, found, err)
				}
			}
		}
	}
}

// FuzzHostile writes any value to a real server, and wants it back by its own
// matcher, and everything but it by the opposite one. Without -fuzz it has the
// seeds, and runs where there is a server.
func FuzzHostile(f *testing.F) {
	for _, v := range hostile() {
		f.Add(v, "host")
		f.Add(v, "time")
	}
	store := open(f, influxtest.Start(f).Config(f, 0))
	other := sample("the other", -1)
	if err := store.Write(context.Background(), []barograph.Sample{other}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value, label string) {
		s := barograph.Sample{
			Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{label: value, "own": fmt.Sprintf("%x", value)})}, UnixMilli: other.UnixMilli, Value: 1,
		}
		if value == "" || label == "own" || s.Validate() != nil || !utf8.ValidString(value) {
			t.Skip()
		}
		if err := store.Write(t.Context(), []barograph.Sample{s}); err != nil {
			t.Fatal(err)
		}
		for _, match := range []barograph.MatchType{barograph.MatchEqual, barograph.MatchNotEqual} {
			q := recent(barograph.Matcher{Name: label, Type: match, Value: value})
			found, err := store.Select(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			own := 0
			for _, sp := range found {
				if sp.Series.Equal(s.Series) {
					own++
				} else if match == barograph.MatchEqual && sp.Series.Labels.Get(label) != value {
					t.Errorf("%s chose %s", q.Selector, sp.Series)
				}
			}
			if want := map[barograph.MatchType]int{barograph.MatchEqual: 1}[match]; own != want {
				t.Errorf("%s chose %d of its own series, want %d", q.Selector, own, want)
			}
		}
	})
}

// testRefusedAlone has one sender's samples refused, among those of others who
// write at the same time.
func testRefusedAlone(server *influxtest.Server) func(*testing.T) {
	return func(t *testing.T) {
		cfg := server.Config(t, barograph.Day)
		cfg.Requests = 1 // so that they wait for each other, and go together
		store := open(t, cfg)
		var wg sync.WaitGroup
		var refused atomic.Int64
		const senders = 40
		for i := range senders {
			wg.Go(func() {
				batch := []barograph.Sample{sample(fmt.Sprint(i), 1), sample(fmt.Sprint(i, "b"), 2)}
				if i%10 == 0 {
					batch[1].UnixMilli -= (30 * barograph.Day).Milliseconds()
				}
				err := store.Write(t.Context(), batch)
				partial, ok := errors.AsType[*barograph.PartialError](err)
				switch {
				case i%10 != 0 && err != nil:
					t.Errorf("sender %d: %v", i, err)
				case i%10 == 0 && (!ok || len(partial.Rejected) != 1 || partial.Rejected[0].Index != 1):
					t.Errorf("sender %d: %v, want its second sample refused", i, err)
				case ok:
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if diff := cmp.Diff(int64(senders/10), refused.Load()); diff != "" {
			t.Errorf("refused: %s", diff)
		}
		if found := read(t, store); len(found) != 2*senders-senders/10 {
			t.Errorf("%d series were stored, want all but those refused", len(found))
		}
	}
}

// peakHeap watches the heap until the returned function is called.
func peakHeap(tb testing.TB) (most func() uint64) {
	tb.Helper()
	runtime.GC()
	var peak uint64
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	})
	return func() uint64 { close(done); watch.Wait(); return peak }
}
