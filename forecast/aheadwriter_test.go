package forecast_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// future keeps samples of any time, as a real store of the future does (which
// test/engines has).
type future struct {
	mu      sync.Mutex
	values  map[string]map[int64]float64 // by series and time
	series  map[string]barograph.Series
	writes  int
	deletes []string
	err     error
	broken  func(what string, series barograph.Series) error // nil: none
}

func (f *future) fault(what string, series barograph.Series) error {
	if f.broken == nil {
		return nil
	}
	return f.broken(what, series)
}

var _ forecast.AheadStore = (*future)(nil)

func (f *future) Write(_ context.Context, samples []barograph.Sample) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if err := f.fault("write", samples[0].Series); err != nil {
		return err
	}
	f.writes++
	for _, s := range samples {
		name := s.Series.String()
		if f.values[name] == nil {
			f.values[name] = map[int64]float64{}
			f.series[name] = s.Series
		}
		f.values[name][s.UnixMilli] = s.Value
	}
	return nil
}

func (f *future) Series(_ context.Context, q barograph.SeriesQuery) ([]barograph.Series, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []barograph.Series
	for name, s := range f.series {
		if q.Selector.Matches(s) && len(after(f.values[name], q.From)) > 0 {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b barograph.Series) int { return cmp.Compare(a.String(), b.String()) })
	return found, false, f.err
}

func (f *future) DeleteFrom(_ context.Context, series barograph.Series, from time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deletes = append(f.deletes, series.String())
	if err := f.fault("delete", series); err != nil {
		return err
	}
	for name, s := range f.series {
		if s.Metric == series.Metric && s.Labels.Equal(s.Labels.Merge(series.Labels)) {
			for _, at := range after(f.values[name], from) {
				delete(f.values[name], at)
			}
		}
	}
	return f.err
}

func after(values map[int64]float64, from time.Time) []int64 {
	var times []int64
	for at := range values {
		if at >= from.UnixMilli() {
			times = append(times, at)
		}
	}
	slices.Sort(times)
	return times
}

// ahead returns how many points of the median there are from now on, and
// forgets how often was written.
func (f *future) ahead(now time.Time, host string) (points, writes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	writes, f.writes = f.writes, 0
	return len(after(f.values[medianOf(host)], now)), writes
}

func medianOf(labels string) string {
	return fmt.Sprintf(`barograph_forecast{host=%q,metric="disk_used_ratio",quantile="0.5",rule="disk_full"}`, labels)
}

// predicted lists what is open.
type predicted struct {
	mu   sync.Mutex
	open []barograph.Prediction
}

func (p *predicted) Predictions(context.Context, barograph.PredictionFilter, barograph.Page) ([]barograph.Prediction, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.open), nil
}

func (p *predicted) set(open ...barograph.Prediction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = open
}

func predictionOf(series barograph.Series, told time.Time) barograph.Prediction {
	return barograph.Prediction{
		ID: "prd_1", RuleID: "rul_disk", RuleName: "disk_full", Series: series,
		State: barograph.PredictionOpen, Latest: barograph.Announcement{At: told},
	}
}

// writeAhead runs a writer until the returned function is called.
func (w *world) writeAhead(open *predicted, store *future, ours func(barograph.RuleID) bool) (stop func()) {
	w.t.Helper()
	writer := forecast.NewAheadWriter(w.curves(), open, ours, store, forecast.Deps{
		Clock: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: metrics.NewSet(),
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := writer.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); run.Wait() })
	w.t.Cleanup(stop)
	return stop
}

func every(barograph.RuleID) bool { return true }

func newFuture() *future {
	return &future{values: map[string]map[int64]float64{}, series: map[string]barograph.Series{}}
}

func TestCurvesAheadFollowThePredictions(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	open, store := &predicted{}, newFuture()
	w.writeAhead(open, store, every)
	expect := func(what string, points, writes int) {
		t.Helper()
		w.sweep()
		if p, n := store.ahead(w.clock.Now(), "web1"); p != points || n != writes {
			t.Errorf("%s: %d points ahead after %d writes, want %d after %d", what, p, n, points, writes)
		}
	}
	expect("nothing open", 0, 0)
	open.set(predictionOf(disk("web1"), epoch))
	expect("opened", 96, 1)
	w.clock.Move(10 * time.Minute) // the middle of the first step is past
	expect("nothing new", 95, 0)
	open.set(predictionOf(disk("web1"), w.clock.Now()))
	expect("updated", 95, 1)
	w.clock.Move(20 * time.Minute)
	w.record(disk("web1"), generate(6, func(int) float64 { return .81 })...)
	open.set(predictionOf(disk("web1"), w.clock.Now()))
	expect("updated two steps later", 96, 1) // on the same grid: none lies between the older
	w.clock.Move(59 * time.Minute)           // not yet due: what comes in now is there when it is
	w.record(disk("web1"), generate(12, func(int) float64 { return .81 })...)
	w.clock.Move(time.Minute)
	expect("an hour later", 96, 1)
	open.set()
	expect("ended", 0, 0)
	if past := len(store.values[medianOf("web1")]); past != 6 {
		t.Errorf("%d points of the past are left, want the 6 steps that were expected", past)
	}
	expect("still ended", 0, 0)
	if len(store.deletes) != 1 {
		t.Errorf("deleted %v, want once", store.deletes)
	}
}

func TestCurvesAheadOfEarlierRuns(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.record(disk("web2"), filling()...)
	open, store := &predicted{}, newFuture()
	open.set(predictionOf(disk("web1"), epoch), predictionOf(disk("web2"), epoch))
	stop := w.writeAhead(open, store, every)
	w.sweep()
	stop()
	store.ahead(epoch, "web1")

	open.set(predictionOf(disk("web2"), epoch)) // the other one ends while nobody looks
	w.writeAhead(open, store, every)
	w.sweep()
	if p, _ := store.ahead(epoch, "web1"); p != 0 {
		t.Errorf("%d points ahead of a prediction that ended while the server was stopped", p)
	}
	if p, _ := store.ahead(epoch, "web2"); p != 96 {
		t.Errorf("%d points ahead of the other", p)
	}
}

// TestCurvesAheadOfOtherServers has a rule that another server looks after.
func TestCurvesAheadOfOtherServers(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	open, store := &predicted{}, newFuture()
	open.set(predictionOf(disk("web1"), epoch))
	stop := w.writeAhead(open, store, every)
	w.sweep()
	stop()
	store.ahead(epoch, "web1")
	w.writeAhead(open, store, func(barograph.RuleID) bool { return false })
	w.sweep()
	if p, n := store.ahead(epoch, "web1"); p != 96 || n != 0 {
		t.Errorf("%d points ahead after %d writes, want those of the other server", p, n)
	}
}

// TestCurveAheadThatGoesWithAnother has a series whose labels are among those of
// another: to delete its curve takes the other's as well, which is written again.
func TestCurveAheadThatGoesWithAnother(t *testing.T) {
	w := newWorld(t, diskRule())
	whole, mount := disk("web1"), disk("web1")
	mount.Labels = mount.Labels.With("mount", "/var")
	w.record(whole, filling()...)
	w.record(mount, filling()...)
	open, store := &predicted{}, newFuture()
	open.set(predictionOf(whole, epoch), predictionOf(mount, epoch))
	w.writeAhead(open, store, every)
	w.sweep()
	open.set(predictionOf(mount, epoch))
	w.sweep()
	name := strings.Replace(medianOf("web1"), `metric="disk_used_ratio"`, `metric="disk_used_ratio",mount="/var"`, 1)
	store.mu.Lock()
	defer store.mu.Unlock()
	if got := len(after(store.values[name], epoch)); got != 96 {
		t.Errorf("%d points ahead of %s, want 96", got, name)
	}
	if got := len(after(store.values[medianOf("web1")], epoch)); got != 0 {
		t.Errorf("%d points ahead of what ended", got)
	}
}

func TestCurvesAheadWhileTheStoreIsAway(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	open, store := &predicted{}, newFuture()
	store.err = errAway
	open.set(predictionOf(disk("web1"), epoch))
	w.writeAhead(open, store, every)
	w.sweep()
	if p, _ := store.ahead(epoch, "web1"); p != 0 || !strings.Contains(w.log.String(), "curves ahead of now are not written") {
		t.Errorf("%d points ahead; the log says %s", p, w.log)
	}
	store.mu.Lock()
	store.err = nil
	store.mu.Unlock()
	w.sweep()
	if p, _ := store.ahead(epoch, "web1"); p != 96 {
		t.Errorf("%d points ahead once the store is back", p)
	}
}

// TestCurveAheadThatFails has a store that fails on one curve: that costs the
// others nothing.
func TestCurveAheadThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		what string
		err  error
	}{
		"refused":        {"write", &barograph.PartialError{Rejected: []barograph.Rejection{{Err: barograph.Errorf(barograph.KindInvalid, "too long")}}}},
		"not understood": {"write", barograph.Errorf(barograph.KindInvalid, "nonsense")},
		"not deleted":    {"delete", errAway},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, diskRule())
			hosts := []string{"web1", "web2", "web3", "web4"}
			for _, host := range hosts {
				w.record(disk(host), filling()...)
			}
			open, store := &predicted{}, newFuture()
			open.set(predictionOf(disk("web1"), epoch), predictionOf(disk("web2"), epoch))
			stop := w.writeAhead(open, store, every)
			w.sweep()
			store.mu.Lock()
			store.broken = func(what string, series barograph.Series) error {
				if host := series.Labels.Get("host"); what == tt.what && (host == "web1" || host == "web3") {
					return tt.err
				}
				return nil
			}
			store.mu.Unlock()
			open.set(predictionOf(disk("web3"), epoch), predictionOf(disk("web4"), epoch))
			w.sweep()
			stop()
			if p, _ := store.ahead(epoch, "web2"); p != 0 {
				t.Errorf("%d points ahead of what ended", p)
			}
			if p, _ := store.ahead(epoch, "web4"); p != 96 {
				t.Errorf("%d points ahead of what is open", p)
			}
			if !strings.Contains(w.log.String(), tt.err.Error()) {
				t.Errorf("the log says %s", w.log)
			}
			deletes := map[string]int{}
			for _, series := range store.deletes {
				deletes[series]++
			}
			if n := deletes[strings.Replace(medianOf("web2"), `"0.5"`, `""`, 1)]; n > 1 {
				t.Errorf("a curve was deleted %d times", n)
			}
		})
	}
}
