package probes_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// Each round of a script gives success, loss, round trip time, best, worst and
// duplicates.
const samplesOfARound = 6

func (s *script) rounds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, starts := range s.starts {
		n += len(starts)
	}
	return n
}

func TestSamplesAreWrittenInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, probes.DefaultConfig(), newScript(0), many(1000, time.Second)...)
		time.Sleep(10*time.Second + 400*time.Millisecond)
		b.stop()
		if got, want := len(b.store.all()), b.prober.rounds()*samplesOfARound; got != want {
			t.Errorf("%d samples were written, want %d", got, want)
		}
		if writes := len(b.store.writes); writes > len(b.store.all())/300 {
			t.Errorf("%d samples took %d writes", len(b.store.all()), writes)
		}
		for _, n := range b.store.writes {
			if n > 1000 {
				t.Errorf("a batch has %d samples, want at most 1000", n)
			}
		}
	})
}

func TestFewSamplesDoNotWaitLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, probes.DefaultConfig(), newScript(0), many(1, 10*time.Second)...)
		time.Sleep(10 * time.Second)
		time.Sleep(251 * time.Millisecond)
		if got, want := len(b.store.all()), b.prober.rounds()*samplesOfARound; got != want || got == 0 {
			t.Errorf("%d of %d samples were written 251ms after the round", got, want)
		}
	})
}

func TestStoreAwayLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		hang bool
	}{
		{name: "unavailable", err: barograph.Errorf(barograph.KindUnavailable, "disk full")},
		{name: "hanging", hang: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, probes.DefaultConfig(), newScript(0), many(50, time.Second)...)
				time.Sleep(10 * time.Second)
				b.store.set(tt.err, tt.hang)
				before := b.prober.rounds()
				time.Sleep(2 * time.Minute)
				if got := b.prober.rounds() - before; got < 50*118 {
					t.Errorf("while the store was away %d rounds were made, want about %d", got, 50*120)
				}
				b.store.set(nil, false)
				time.Sleep(time.Minute)
				b.stop()
				if got, want := len(b.store.all()), b.prober.rounds()*samplesOfARound; got != want {
					t.Errorf("%d samples were written, want %d", got, want)
				}
				checkOrder(t, b.store.all())
				if got := strings.Count(b.log.String(), "the store takes"); got != 2 {
					t.Errorf("%d lines tell of the store, want 2 (away, back):\n%s", got, b.log)
				}
			})
		})
	}
}

// checkOrder fails where a series' samples were not written oldest first.
func checkOrder(t *testing.T, samples []barograph.Sample) {
	t.Helper()
	last := map[string]int64{}
	for _, s := range samples {
		name := s.Series.String()
		if s.UnixMilli <= last[name] {
			t.Fatalf("a sample of %s was written after a newer one", name)
		}
		last[name] = s.UnixMilli
	}
}

func TestStoreAwayTooLongLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := probes.DefaultConfig()
		cfg.QueueSize = 5000
		b := start(t, cfg, newScript(0), many(50, time.Second)...)
		b.store.set(barograph.Errorf(barograph.KindUnavailable, "disk full"), false)
		time.Sleep(5 * time.Minute)
		back := time.Now()
		b.store.set(nil, false)
		time.Sleep(time.Minute)
		b.stop()
		made, kept := b.prober.rounds()*samplesOfARound, len(b.store.all())
		dropped, _ := strconv.Atoi(b.metric("barograph_probe_samples_dropped_total"))
		if dropped == 0 || made != kept+dropped {
			t.Errorf("of %d samples %d were written and %d dropped", made, kept, dropped)
		}
		for _, s := range b.store.all() {
			if age := back.Sub(s.Time()); age > 30*time.Second {
				t.Fatalf("a sample of %s before the store's return was kept, in place of a newer one", age)
			}
		}
	})
}

func TestStoreRefusingSamples(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		metric string
	}{
		{
			name:   "some",
			err:    &barograph.PartialError{Rejected: []barograph.Rejection{{Index: 1, Err: errors.New("too old")}}},
			metric: "barograph_probe_samples_refused_total",
		},
		{name: "all", err: barograph.Errorf(barograph.KindInvalid, "no such thing"), metric: "barograph_probe_samples_dropped_total"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, probes.DefaultConfig(), newScript(0), many(1, 10*time.Second)...)
				b.store.set(tt.err, false)
				time.Sleep(time.Minute)
				b.store.set(nil, false)
				time.Sleep(time.Minute)
				b.stop()
				if got := b.metric(tt.metric); got == "" || got == "0" {
					t.Errorf("%s is %q", tt.metric, got)
				}
				if len(b.store.all()) == 0 {
					t.Error("nothing was written afterwards")
				}
				if queued := b.metric("barograph_probe_samples_queued"); queued != "0" {
					t.Errorf("%s samples are tried again, though they will be refused again", queued)
				}
			})
		})
	}
}

func TestSamplesAreWrittenAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := probes.DefaultConfig()
		cfg.FlushInterval = barograph.Duration(time.Minute)
		b := start(t, cfg, newScript(0), many(10, 10*time.Second)...)
		time.Sleep(15 * time.Second)
		if got := len(b.store.all()); got != 0 {
			t.Fatalf("%d samples were written already", got)
		}
		b.stop()
		if got, want := len(b.store.all()), b.prober.rounds()*samplesOfARound; got != want || got == 0 {
			t.Errorf("%d of %d samples were written at the end", got, want)
		}
	})
}
