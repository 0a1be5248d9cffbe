package alerting_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

const (
	opens     = barograph.EventPredictionOpened
	updates   = barograph.EventPredictionUpdated
	confirms  = barograph.EventPredictionConfirmed
	averts    = barograph.EventPredictionAverted
	expires   = barograph.EventPredictionExpired
	withdraws = barograph.EventPredictionWithdrawn
	starts    = barograph.EventBreachStarted
	ends      = barograph.EventBreachEnded
)

func TestBreachIsRecordedWithItsDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	all := subscription("sub_all", hook("ept_1", "https://example.com/1"), hook("ept_2", "https://example.com/2"))
	other := subscription("sub_other", hook("ept_3", "https://example.com/3"))
	matchers, err := barograph.ParseSelector(`{host="db-2"}`)
	w.noError(err)
	other.Matchers = matchers.Matchers
	w.noError(w.db.CreateSubscription(t.Context(), all))
	w.noError(w.db.CreateSubscription(t.Context(), other))
	w.at("1m")
	w.tick()
	w.sample(disk("db-1"), .91)
	w.tick()
	w.expect(starts)
	e := w.last()
	if !e.Time.Equal(w.clock.Now()) || *e.Data.Value != .91 || e.Severity != barograph.SeverityWarning ||
		e.Labels.Get("rule") != "Disk space" || e.Labels.Get("metric") != "disk_used_ratio" || e.Labels.Get("host") != "db-1" {
		t.Errorf("event %+v", e)
	}
	if want := "Disk space on db-1 (mount=/): above 90 % now, at 91 %"; e.Data.Summary != want {
		t.Errorf("summary %q, want %q", e.Data.Summary, want)
	}
	for sub, want := range map[barograph.SubscriptionID]int{"sub_all": 2, "sub_other": 0} {
		got, err := w.db.Deliveries(t.Context(), barograph.DeliveryFilter{SubscriptionID: sub}, barograph.Page{})
		w.noError(err)
		if len(got) != want {
			t.Errorf("%d deliveries of %s, want %d", len(got), sub, want)
		}
		for _, d := range got {
			if d.EventID != e.ID || d.State != barograph.DeliveryPending || time.Since(d.NextTry).Abs() > time.Minute {
				t.Errorf("delivery %+v", d)
			}
		}
	}
	w.at("11m")
	w.sample(disk("db-1"), .8)
	w.tick()
	w.expect(starts, ends)
	if want, got := "Disk space on db-1 (mount=/): no longer above 90 %, over after 10 min; now 80 %", w.last().Data.Summary; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
	b := w.breaches()[0]
	if !b.EndedAt.Equal(w.clock.Now()) || b.EndReason != "" {
		t.Errorf("breach %+v", b)
	}
	select {
	case <-w.wakes:
	default:
		t.Error("whoever sends was not woken")
	}
}

func TestBreachIsJudgedOnArrival(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	w.run()
	w.sample(disk("db-1"), .91)
	select { // no tick: the clock stands still
	case <-w.wakes:
	case <-time.After(time.Minute):
		t.Fatal("nothing was recorded")
	}
	w.expect(starts)
}

// TestPredictions takes predictions to each of their ends.
func TestPredictions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		then   func(*world, barograph.Rule)
		events []barograph.EventType
		score  [8]int // open confirmed averted turned expired withdrawn breaches foreseen
		said   string // of the last event
		state  barograph.PredictionState
	}{
		"opened": {
			then:   func(*world, barograph.Rule) {},
			events: []barograph.EventType{opens},
			score:  [8]int{1},
			said:   "Disk space on db-1 (mount=/): above 90 % expected in 29 h (Sun 20:00 – Mon 16:00 UTC), 90 % sure; now 80 %",
			state:  barograph.PredictionOpen,
		},
		"updated": {
			then: func(w *world, r barograph.Rule) {
				w.at("2h")
				w.forecast(r, disk("db-1"), .8, .95, 1, 2, 3)
			},
			events: []barograph.EventType{opens, updates},
			score:  [8]int{1},
			said:   "Disk space on db-1 (mount=/): above 90 % now expected in 2 h (Sun 03:00 – 05:00 UTC), 95 % sure; now 80 %",
			state:  barograph.PredictionOpen,
		},
		"confirmed": {
			then: func(w *world, _ barograph.Rule) {
				w.at("32h")
				w.sample(disk("db-1"), .91)
			},
			events: []barograph.EventType{opens, starts, confirms},
			score:  [8]int{0, 1, 0, 0, 0, 0, 1, 1},
			said:   "Disk space on db-1 (mount=/): above 90 % as predicted, warned 31 h ahead; now 91 %",
			state:  barograph.PredictionConfirmed,
		},
		"averted": {
			then: func(w *world, r barograph.Rule) {
				w.at("5h")
				w.sample(disk("db-1"), .3)
				w.forecast(r, disk("db-1"), .3, .05, 60, 65, 70)
				w.forecast(r, disk("db-1"), .3, .03, 60, 65, 70)
			},
			events: []barograph.EventType{opens, averts},
			score:  [8]int{0, 0, 1, 1, 0, 0, 0, 0},
			said:   "Disk space on db-1 (mount=/): above 90 % averted, the probability fell to 3 %; now 30 %",
			state:  barograph.PredictionAverted,
		},
		"expired": {
			then: func(w *world, _ barograph.Rule) {
				for h := 13; h <= 61; h += 12 {
					w.at(fmt.Sprintf("%dh", h))
					w.sample(disk("db-1"), .82)
					w.tick()
				}
			},
			events: []barograph.EventType{opens, expires},
			score:  [8]int{0, 0, 0, 0, 1, 0, 0, 0},
			said:   "Disk space on db-1 (mount=/): above 90 % did not come, false alarm: the announced time passed and the limit was kept; now 82 %",
			state:  barograph.PredictionExpired,
		},
		"withdrawn": {
			then:   func(w *world, _ barograph.Rule) { w.at("25h") },
			events: []barograph.EventType{opens, withdraws},
			score:  [8]int{0, 0, 0, 0, 0, 1, 0, 0},
			said:   "Disk space on db-1 (mount=/): prediction withdrawn, no samples for 24 h",
			state:  barograph.PredictionWithdrawn,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := diskRule()
			w := newWorld(t, r)
			w.sample(disk("db-1"), .8)
			w.predict(r, disk("db-1"))
			tc.then(w, r)
			w.tick()
			w.expect(tc.events...)
			w.wantScore(tc.score)
			if got := w.last().Data.Summary; got != tc.said {
				t.Errorf("said %q, want %q", got, tc.said)
			}
			if p := w.predictions()[0]; p.State != tc.state || (p.CloseReason == "") != (p.State == barograph.PredictionOpen) {
				t.Errorf("prediction %+v", p)
			}
		})
	}
}

// TestDiskFillsAndStaysFull: the warning comes true, and nothing says that it
// is over while the disk is full.
func TestDiskFillsAndStaysFull(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	s := disk("db-1")
	for h := range 120 {
		w.at(fmt.Sprintf("%dh", h))
		value := min(1, .5+.01*float64(h)) // crosses at 41 h, full at 50 h
		w.sample(s, value)
		if left := 41 - h; left > 0 {
			w.forecast(r, s, value, .9, left-3, left, left+3)
		} else {
			w.noError(w.engine.Forecasted(t.Context(), r, []barograph.Forecast{{
				Series: s, State: barograph.StateAlreadyBreached, MadeAt: w.clock.Now(), Value: value, Reason: "it is crossed",
			}}))
		}
		w.tick()
	}
	w.expect(opens, starts, confirms)
	w.wantScore([8]int{0, 1, 0, 0, 0, 0, 1, 1})
	p, b := w.predictions()[0], w.breaches()[0]
	if p.Lead != b.Lead || p.BreachID != b.ID || b.PredictionID != p.ID || b.Lead.Std() != 40*time.Hour {
		t.Errorf("prediction %+v of breach %+v", p, b)
	}
	if !b.EndedAt.IsZero() {
		t.Errorf("breach ended at %s", b.EndedAt)
	}
}

// TestForTakesItsTime: what must last is told when it lasted, and says since when.
func TestForTakesItsTime(t *testing.T) {
	t.Parallel()
	r := diskRule()
	r.For = barograph.Duration(2 * time.Hour)
	w := newWorld(t, r)
	w.sample(disk("db-1"), .95)
	w.at("1h59m")
	w.sample(disk("db-1"), .95)
	w.at("2h0m5s")
	w.tick()
	w.expect() // nothing says that it is crossed still
	w.at("2h0m10s")
	w.sample(disk("db-1"), .95)
	w.tick()
	w.expect(starts)
	if e, at := w.last(), worldStart().Add(2*time.Hour); !e.Time.Equal(at) || !e.Data.Breach.StartedAt.Equal(worldStart()) {
		t.Errorf("event of %s tells of a breach since %s", e.Time, e.Data.Breach.StartedAt)
	}
}

// TestOldSamplesStartNothingAtAStart: a series that fell silent long before a
// restart, as that of a renamed host, is no news, unless its breach was open.
func TestOldSamplesStartNothingAtAStart(t *testing.T) {
	t.Parallel()
	r := diskRule()
	r.For = barograph.Duration(30 * time.Minute)
	w := newWorld(t, r)
	for m := range 60 {
		w.at(fmt.Sprintf("%dm", m))
		w.unjudged(disk("renamed"), .95)
		w.unjudged(disk("db-1"), .5)
	}
	w.at("1h16m")
	w.unjudged(disk("db-1"), .95)
	w.restart(0)
	w.expect()
	w.at("1h20m")
	w.sample(disk("renamed"), .95)
	w.tick()
	w.expect(starts)
}

func TestRuleChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*barograph.Rule)
		want   []barograph.EventType // beyond the opened prediction and the started breach
		reason string
	}{
		"limit raised": {
			change: func(r *barograph.Rule) { r.Limit = .99 },
			want:   []barograph.EventType{ends, withdraws}, reason: "the rule was changed",
		},
		"limit raised, but not enough": {
			change: func(r *barograph.Rule) { r.Limit = .92 },
			want:   []barograph.EventType{ends, withdraws, starts}, reason: "the rule was changed",
		},
		"other series": {
			change: func(r *barograph.Rule) { r.Series.Metric = "inodes_used_ratio" },
			want:   []barograph.EventType{ends, withdraws}, reason: "the rule was changed",
		},
		"words only": {change: func(r *barograph.Rule) {
			r.Name, r.Severity, r.Annotations = "Disks", barograph.SeverityCritical, map[string]string{"runbook": "on {{.Rule}}"}
		}},
		"probabilities and bounds": {change: func(r *barograph.Rule) {
			zero := 0.0
			r.OpenAt, r.CloseAt, r.Bounds = .95, .1, &barograph.Bounds{Min: &zero}
		}},
		"disabled": {
			change: func(r *barograph.Rule) { r.Enabled = false },
			want:   []barograph.EventType{ends, withdraws}, reason: "the rule was removed or disabled",
		},
		"deleted": {want: []barograph.EventType{ends, withdraws}, reason: "the rule was removed or disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := diskRule()
			w := newWorld(t, r)
			w.sample(disk("db-1"), .8)
			w.predict(r, disk("db-1"))
			w.sample(disk("db-2"), .95)
			w.tick()
			w.expect(opens, starts)
			if tc.change != nil {
				tc.change(&r)
				w.noError(w.db.UpdateRule(t.Context(), r))
			} else {
				w.noError(w.db.DeleteRule(t.Context(), r.ID))
			}
			w.clock.Move(time.Minute)
			w.tick()
			got := map[barograph.EventType]int{}
			for _, e := range w.events()[2:] {
				got[e.Type]++
			}
			want := map[barograph.EventType]int{}
			for _, k := range tc.want {
				want[k]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("events of the change (-want +got):\n%s", diff)
			}
			if p := w.predictions()[0]; p.CloseReason != tc.reason {
				t.Errorf("prediction closed because %q, want %q", p.CloseReason, tc.reason)
			}
			for _, b := range w.breaches() {
				if !b.EndedAt.IsZero() && b.EndReason != tc.reason {
					t.Errorf("breach ended because %q, want %q", b.EndReason, tc.reason)
				}
			}
			if len(tc.want) == 0 { // what stayed open goes on under the new words
				w.sample(disk("db-2"), .5)
				w.tick()
				e := w.last()
				if e.Type != ends || e.Data.Rule.Name != r.Name || e.Severity != r.Severity || len(e.Data.Annotations) != len(r.Annotations) {
					t.Errorf("event %+v", e)
				}
			}
		})
	}
}

func TestNewRuleJudgesWhatIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sample(disk("db-1"), .95)
	w.at("5m")
	w.noError(w.db.CreateRule(t.Context(), diskRule()))
	w.tick()
	w.expect(starts)
	if b := w.breaches()[0]; !b.StartedAt.Equal(worldStart()) {
		t.Errorf("breach since %s", b.StartedAt)
	}
}

func TestForecastsOfAnotherRuleAreDropped(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	w.sample(disk("db-1"), .8)
	old := r
	old.Limit = .85
	w.predict(old, disk("db-1"))
	unknown := r
	unknown.ID = "rul_gone"
	w.predict(unknown, disk("db-1"))
	w.predict(r, barograph.Series{Metric: "other"})
	w.expect()
}

func TestHostRemoved(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world) error{
		"deleted": func(w *world) error { return w.db.DeleteHost(w.t.Context(), "hst_1") },
		"renamed": func(w *world) error { return w.db.UpdateHost(w.t.Context(), barograph.Host{ID: "hst_1", Name: "db-9"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := diskRule()
			w := newWorld(t, r)
			for i := 1; i <= 2; i++ {
				w.noError(w.db.CreateHost(t.Context(), barograph.Host{
					ID: barograph.HostID(fmt.Sprintf("hst_%d", i)), Name: fmt.Sprintf("db-%d", i),
				}, barograph.KeyHash{byte(i)}))
			}
			w.tick()
			w.sample(disk("db-1"), .8)
			w.sample(disk("db-2"), .95)
			w.predict(r, disk("db-1"))
			w.noError(change(w))
			w.tick()
			w.expect(starts, opens, withdraws)
			if got := w.predictions()[0].CloseReason; !strings.Contains(got, "host was removed") {
				t.Errorf("closed because %q", got)
			}
		})
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	w.sample(disk("db-1"), .8)
	w.predict(r, disk("db-1"))  // open until the end
	w.sample(disk("db-2"), .95) // ends while the server is away
	w.sample(disk("db-3"), .95) // lasts
	w.sample(disk("db-4"), .5)  // starts while it is away
	w.tick()
	w.expect(opens, starts, starts)
	w.clock.Move(time.Minute)
	w.unjudged(disk("db-2"), .5)
	w.unjudged(disk("db-3"), .96)
	w.unjudged(disk("db-4"), .99)
	w.start()
	w.tick()
	got := map[string]barograph.EventType{}
	for _, e := range w.events()[3:] {
		got[e.Labels.Get("host")] = e.Type
	}
	if diff := cmp.Diff(map[string]barograph.EventType{"db-2": ends, "db-4": starts}, got); diff != "" {
		t.Fatalf("events of the restart (-want +got):\n%s", diff)
	}
	w.clock.Move(time.Second)
	w.sample(disk("db-3"), .97)
	w.restart(time.Minute - time.Second)
	if n := len(w.events()); n != 5 {
		t.Fatalf("%d events after another restart, want 5", n)
	}
	w.sample(disk("db-1"), .91)
	w.tick()
	if e := w.last(); e.Type != confirms || e.Data.Prediction.Lead.Std() != 2*time.Minute {
		t.Errorf("last event %+v", e)
	}
	w.wantScore([8]int{0, 1, 0, 0, 0, 0, 4, 1})
}

func TestRestartWithoutTheRule(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	w.sample(disk("db-1"), .8)
	w.predict(r, disk("db-1"))
	w.sample(disk("db-2"), .95)
	w.tick()
	w.noError(w.db.DeleteRule(t.Context(), r.ID))
	w.clock.Move(time.Minute)
	w.start()
	w.tick()
	w.expect(opens, starts, withdraws, ends)
	for _, e := range w.events()[2:] {
		if e.Data.Rule != nil || !strings.Contains(e.Data.Summary, "while the server was down") {
			t.Errorf("event %+v", e)
		}
	}
	w.wantScore([8]int{0, 0, 0, 0, 0, 1, 1, 0})
}

// TestTwoOpenPredictions: should the database ever hold two of one series, none
// is forgotten.
func TestTwoOpenPredictions(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	w.sample(disk("db-1"), .8)
	w.predict(r, disk("db-1"))
	twin := w.predictions()[0]
	twin.ID = "prd_00000000000000000000000000"
	w.noError(w.db.Record(t.Context(), barograph.Change{Predictions: []barograph.Prediction{twin}}))
	w.clock.Move(time.Minute)
	w.start()
	w.tick()
	w.expect(opens, withdraws)
	if p := w.last().Data.Prediction; p.ID != twin.ID || p.CloseReason != "there is a newer one" {
		t.Errorf("withdrawn is %s because %q, want the older", p.ID, p.CloseReason)
	}
	w.wantScore([8]int{1, 0, 0, 0, 0, 1, 0, 0})
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	w.db.fail(errDown, nil)
	var want []barograph.EventType
	for m := range 20 {
		w.clock.Set(worldStart().Add(time.Duration(m) * time.Minute))
		w.sample(disk("db-1"), []float64{.95, .5}[m%2])
		want = append(want, []barograph.EventType{starts, ends}[m%2])
		w.tick()
	}
	w.expect()
	if n := w.log.count("events could not be recorded"); n != 1 {
		t.Errorf("the failure was logged %d times, want once", n)
	}
	w.db.fail(nil, nil)
	w.tick()
	w.expect(want...)
	for _, b := range w.breaches() {
		if b.EndedAt.IsZero() {
			t.Errorf("breach %s is open: order was lost", b.ID)
		}
	}
	if w.log.count("events are recorded again") != 1 {
		t.Error("the recovery was not logged")
	}
}

// TestJudgingGoesOnWhileRecordingFails: what is judged during a try that fails
// comes after what was tried.
func TestJudgingGoesOnWhileRecordingFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	w.sample(disk("db-1"), .95)
	w.at("1m")
	w.db.fail(nil, func(barograph.Change) error {
		w.engine.Observe([]barograph.Sample{{Series: disk("db-1"), UnixMilli: w.clock.Now().UnixMilli(), Value: .5}})
		return errDown
	})
	w.tick()
	w.db.fail(nil, nil)
	w.tick()
	w.expect(starts, ends)
	if b := w.breaches()[0]; b.EndedAt.IsZero() {
		t.Error("the breach is open: its end was recorded before its start")
	}
}

func TestStopWithDatabaseAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	stop := w.run()
	w.db.fail(errDown, nil)
	w.sample(disk("db-1"), .95)
	w.db.fail(nil, nil) // it is back in time for the last try
	stop()
	w.expect(starts)

	w.db.fail(errDown, nil)
	w.sample(disk("db-2"), .95)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.engine.Run(ctx); err == nil || !strings.Contains(err.Error(), "the last 1 changes") {
		t.Errorf("stopped with %v", err)
	}
}

// TestPoisonedChange: one change that the database refuses holds up no other,
// and those of the same thing keep their order.
func TestPoisonedChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	poisoned := func(c barograph.Change) error {
		for _, e := range c.Events {
			if e.Labels.Get("host") == "evil" && e.Type == starts {
				return fmt.Errorf("no such number: %w", errDown)
			}
		}
		return nil
	}
	w.db.fail(nil, poisoned)
	w.sample(disk("evil"), .95)
	w.tick()
	w.tick()
	w.expect() // while nothing else is recorded, the fault may be the database's
	if w.log.count("given up") != 0 {
		t.Error("given up without a proof")
	}
	for m := 1; m <= 3; m++ {
		w.clock.Set(worldStart().Add(time.Duration(m) * time.Minute))
		w.sample(disk("evil"), .5) // ends what could not start: waits behind it
		w.sample(disk(fmt.Sprintf("db-%d", m)), .95)
		w.tick()
		if m == 1 {
			w.expect(starts)
		}
	}
	w.tick()
	if n := w.log.count("given up"); n != 1 {
		t.Fatalf("given up is logged %d times, want once", n)
	}
	if w.log.count(`given up" event=evt_`) != 1 || w.log.count(`type=breach.started subject="disk_used_ratio{host=\"evil\"`) != 1 {
		t.Error("the log does not name it")
	}
	w.expect(ends, starts, starts, starts) // the order in which they were judged
	w.sample(disk("db-4"), .95)
	w.tick()
	w.expect(ends, starts, starts, starts, starts)
}

// TestUnavailableIsNotPoison: nothing is given up because the disk is full.
func TestUnavailableIsNotPoison(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	w.db.fail(nil, func(c barograph.Change) error {
		if c.Events[0].Labels.Get("host") == "db-1" {
			return barograph.Errorf(barograph.KindUnavailable, "the disk is full")
		}
		return nil
	})
	w.sample(disk("db-1"), .95)
	for m := range 10 {
		w.sample(disk(fmt.Sprintf("db-%d", m+2)), .95)
		w.tick()
	}
	w.db.fail(nil, nil)
	w.tick()
	if n := len(w.events()); n != 11 {
		t.Errorf("%d events, want 11", n)
	}
}

func TestLateSamplesAlertNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, diskRule())
	w.at("6h")
	for m := range 5 * 60 { // an agent catches up
		w.sampleAt(worldStart().Add(time.Duration(m)*time.Minute), disk("db-1"), .95)
	}
	w.tick()
	w.expect()
	w.sampleAt(w.clock.Now().Add(-14*time.Minute), disk("db-1"), .95)
	w.tick()
	w.expect(starts)
}

func TestNumbersThatAreNone(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		w.engine.Observe([]barograph.Sample{{Series: disk("db-1"), UnixMilli: w.clock.Now().UnixMilli(), Value: v}})
		w.forecast(r, disk("db-1"), v, .9, 1, 2, 3)
		w.forecast(r, disk("db-1"), v, .9, 1, 2, 3)
		w.forecast(r, disk("db-1"), .8, v, 1, 2, 3)
		w.forecast(r, disk("db-1"), .8, v, 1, 2, 3)
	}
	w.tick()
	w.expect()
}

func TestHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := func(after string) {
		t.Helper()
		w.at(after)
		w.noError(w.db.MarkSeen(t.Context(), map[barograph.HostID]time.Time{"hst_1": w.clock.Now()}))
		w.tick()
	}
	pass := func(after string) {
		t.Helper()
		w.at(after)
		w.tick()
	}
	silent, returned := barograph.EventHostSilent, barograph.EventHostReturned
	for i, name := range []string{"db-1", "never-seen"} {
		w.noError(w.db.CreateHost(t.Context(), barograph.Host{
			ID: barograph.HostID(fmt.Sprintf("hst_%d", i+1)), Name: name, Labels: barograph.NewLabels(map[string]string{"os": "debian"}),
		}, barograph.KeyHash{byte(i + 1)}))
	}
	seen("1m")
	pass("6m")
	w.expect()
	pass("6m1s")
	w.expect(silent)
	e := w.last()
	if e.Severity != barograph.SeverityCritical || e.Labels.Get("os") != "debian" || e.Data.Summary != "db-1 is silent: last heard 5 min ago" {
		t.Errorf("event %+v", e)
	}
	if h, err := w.db.Host(t.Context(), "hst_1"); err != nil || !h.SilentSince.Equal(worldStart().Add(time.Minute)) {
		t.Errorf("silent since %s, %v", h.SilentSince, err)
	}
	pass("1h")
	w.restart(time.Minute) // is told once, restart or not
	pass("2h")
	w.expect(silent)
	seen("2h1m")
	w.expect(silent, returned)
	if got := w.last().Data.Summary; got != "db-1 is back after 2 h" {
		t.Errorf("summary %q", got)
	}
	pass("2h7m")
	w.expect(silent, returned, silent)
	seen("2h8m")
	w.expect(silent, returned, silent, returned)
	w.restart(time.Hour) // nobody was there to hear it
	w.expect(silent, returned, silent, returned)
	w.clock.Move(5*time.Minute + time.Second)
	w.tick()
	w.expect(silent, returned, silent, returned, silent)
}

// TestNoHostIsSilentBecauseOfTheDatabase: what can't be read is not silence.
func TestNoHostIsSilentBecauseOfTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.noError(w.db.CreateHost(t.Context(), barograph.Host{ID: "hst_1", Name: "db-1"}, barograph.KeyHash{1}))
	w.noError(w.db.MarkSeen(t.Context(), map[barograph.HostID]time.Time{"hst_1": w.clock.Now()}))
	w.tick()
	w.db.fail(errDown, nil)
	w.at("1h")
	w.tick()
	w.db.fail(nil, nil)
	w.tick() // the host's last words are not written yet
	w.expect()
	w.at("1h6m")
	w.tick()
	w.expect(barograph.EventHostSilent)
}

// TestConcurrency: many hands at once lose nothing and mix nothing up. All
// series flip between crossing and keeping, several hands on each.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	stop := w.run()
	const hands, steps, hosts = 8, 1500, 5
	var work sync.WaitGroup
	var next atomic.Int64
	for range hands {
		work.Go(func() {
			for step := next.Add(1); step < steps; step = next.Add(1) {
				w.engine.Observe([]barograph.Sample{{
					Series:    disk(fmt.Sprintf("db-%d", step/2%hosts)),
					UnixMilli: worldStart().Add(time.Duration(step) * time.Second / 2).UnixMilli(), Value: []float64{.95, .5}[step%2],
				}})
				w.forecast(r, disk("db-0"), .8, .9, 1, 2, 3)
			}
		})
	}
	work.Go(func() {
		for i := range 20 {
			changed := r
			changed.Name = fmt.Sprintf("Disk space %d", i)
			if err := w.db.UpdateRule(t.Context(), changed); err != nil {
				t.Error(err)
			}
			w.clock.Tick()
		}
	})
	work.Wait()
	stop()
	w.clock.Set(worldStart().Add(steps * time.Second))
	for h := range hosts {
		w.sample(disk(fmt.Sprintf("db-%d", h)), .5)
	}
	w.tick()
	open := map[string]bool{}
	var lastID barograph.EventID
	for _, e := range w.events() {
		if e.ID <= lastID {
			t.Fatalf("ID %s comes after %s", e.ID, lastID)
		}
		lastID = e.ID
		host := e.Labels.Get("host")
		switch e.Type { //nolint:exhaustive // breaches alone
		case starts, ends:
			if open[host] == (e.Type == starts) {
				t.Fatalf("%s of %s comes twice", e.Type, host)
			}
			open[host] = e.Type == starts
		}
	}
	for _, b := range w.breaches() {
		if b.EndedAt.IsZero() {
			t.Errorf("breach %s of %s is still open", b.ID, b.Series)
		}
	}
	if len(w.breaches()) < hosts {
		t.Errorf("%d breaches", len(w.breaches()))
	}
}
