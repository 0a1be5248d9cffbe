package alerting_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

const (
	demotes  = barograph.EventRuleDemoted
	restores = barograph.EventRuleRestored
	digests  = barograph.EventRuleDigest
)

// newStrictWorld demotes by the last five predictions, and everything is sent
// to sub_all.
func newStrictWorld(tb testing.TB) *world {
	tb.Helper()
	w := newWorld(tb, diskRule())
	w.noError(w.db.CreateSubscription(tb.Context(), subscription("sub_all", hook("ept_1", "https://example.com/"))))
	w.cfg.Demotion = alerting.DemotionConfig{Floor: .5, Predictions: 5, DigestHour: 7}
	w.start()
	w.tick()
	return w
}

// pass lets hours go by in which the series keeps the value.
func (w *world) pass(hours int, s barograph.Series, value float64) {
	w.t.Helper()
	for range hours / 5 {
		w.clock.Move(5 * time.Hour)
		w.sample(s, value)
		w.tick()
	}
}

// falseAlarm predicts what does not come.
func (w *world) falseAlarm(s barograph.Series) {
	w.t.Helper()
	w.predict(w.rule(), s)
	w.pass(65, s, .8)
}

// trueAlarm predicts what comes, and goes.
func (w *world) trueAlarm(s barograph.Series) {
	w.t.Helper()
	w.predict(w.rule(), s)
	w.pass(5, s, .95)
	w.pass(5, s, .5)
}

// heededAlarm predicts what somebody averts.
func (w *world) heededAlarm(s barograph.Series) {
	w.t.Helper()
	w.predict(w.rule(), s)
	for range 2 {
		w.clock.Move(time.Hour)
		w.sample(s, .3)
		w.forecast(w.rule(), s, .3, .1, 20, 30, 40)
		w.tick()
	}
}

func (w *world) rule() barograph.Rule {
	w.t.Helper()
	r, err := w.db.Rule(context.Background(), diskRule().ID)
	w.noError(err)
	return r
}

// sent returns the types of the events that have a delivery of the subscription,
// the first event first, from the n-th on.
func (w *world) sent(id barograph.SubscriptionID, from int) []barograph.EventType {
	w.t.Helper()
	ds, err := w.db.Deliveries(context.Background(), barograph.DeliveryFilter{SubscriptionID: id}, barograph.Page{})
	w.noError(err)
	slices.SortFunc(ds, func(a, b barograph.Delivery) int { return strings.Compare(string(a.EventID), string(b.EventID)) })
	var out []barograph.EventType
	for _, d := range ds {
		e, err := w.db.Event(context.Background(), d.EventID)
		w.noError(err)
		out = append(out, e.Type)
	}
	return out[min(from, len(out)):]
}

func (w *world) wantSent(from int, want ...barograph.EventType) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.sent("sub_all", from), cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// demote has the rule demoted; afterwards 11 events were sent.
func (w *world) demote() {
	w.t.Helper()
	for range 5 {
		w.falseAlarm(disk("db-1"))
	}
	if w.rule().Demoted == nil {
		w.t.Fatalf("five false alarms did not demote the rule\n%s", w.log)
	}
}

func TestFalseAlarmsDemoteARule(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	for range 4 {
		w.falseAlarm(disk("db-1"))
	}
	if d := w.rule().Demoted; d != nil {
		t.Fatalf("four false alarms demote: %+v", d)
	}
	w.falseAlarm(disk("db-1"))
	e, d := w.last(), w.rule().Demoted
	if e.Type != demotes || d == nil || d.Confirmed != 0 || d.Scored != 5 || !strings.Contains(d.Reason, "0 of its last 5") {
		t.Fatalf("event %+v, demotion %+v", e, d)
	}
	if want := "Rule Disk space is demoted to a daily digest: only 0 of its last 5 predictions came true"; e.Data.Summary != want {
		t.Errorf("summary %q, want %q", e.Data.Summary, want)
	}
	if e.Data.Rule == nil || e.Data.Rule.ID != "rul_disk" || e.Labels.Get("rule") != "Disk space" || e.Severity != barograph.SeverityWarning {
		t.Errorf("event %+v", e)
	}
	w.wantSent(0, opens, expires, opens, expires, opens, expires, opens, expires, opens, expires, demotes)
	w.tick()
	w.pass(10, disk("db-1"), .8)
	w.wantSent(11)
}

// TestRightPredictionsKeepARule: neither does bad luck demote it, nor what
// somebody averted.
func TestRightPredictionsKeepARule(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	for range 4 {
		w.falseAlarm(disk("db-1"))
		w.trueAlarm(disk("db-1"))
	}
	for range 6 {
		w.heededAlarm(disk("db-1"))
	}
	if got := w.score(); got[3] != 6 {
		t.Fatalf("score %v, want six that turned", got)
	}
	if d := w.rule().Demoted; d != nil {
		t.Errorf("demoted: %+v", d)
	}
}

// TestHeededRuleIsKept: where people act on most warnings, what is left over is
// no measure of the rule.
func TestHeededRuleIsKept(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	for range 5 {
		w.heededAlarm(disk("db-1"))
		w.heededAlarm(disk("db-1"))
		w.falseAlarm(disk("db-1"))
	}
	if d := w.rule().Demoted; d != nil {
		t.Fatalf("demoted: %+v", d)
	}
	for range 2 { // nobody heeds it any more
		w.falseAlarm(disk("db-1"))
	}
	if d := w.rule().Demoted; d == nil {
		t.Error("not demoted, though most of the newest were false alarms that nobody acted on")
	}
}

func TestDemotedRuleTellsADigest(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	w.demote()
	w.predict(w.rule(), disk("db-2"))
	w.forecast(w.rule(), disk("db-1"), .8, .8, 10, 15, 18)
	w.clock.Move(time.Hour)
	w.forecast(w.rule(), disk("db-1"), .8, .8, 9, 14, 17)
	w.tick()
	e := w.last()
	if e.Type != opens || !e.Data.DigestOnly {
		t.Fatalf("event %+v, want an opened prediction for the digest only", e)
	}
	w.wantSent(11)
	day := w.clock.Now().Truncate(barograph.Day)
	w.clock.Set(day.Add(barograph.Day + 6*time.Hour + 59*time.Minute))
	w.sample(disk("db-1"), .8)
	w.sample(disk("db-2"), .8)
	w.tick()
	w.wantSent(11)
	w.clock.Move(time.Minute)
	w.tick()
	w.wantSent(11, digests)
	e = w.last()
	if d := e.Data.Digest; d == nil || d.Open != 2 || d.Predictions[0].Series.Labels.Get("host") != "db-1" || d.Predictions[1].Series.Labels.Get("host") != "db-2" {
		t.Fatalf("digest %+v, want both, the soonest first", d)
	}
	for _, words := range []string{"expects 2 series above 90 %", "first db-1 (mount=/)", "80 % sure"} {
		if !strings.Contains(e.Data.Summary, words) {
			t.Errorf("summary %q lacks %q", e.Data.Summary, words)
		}
	}
	w.tick()
	w.restart(time.Hour)
	w.wantSent(11, digests)

	// A breach is told at once; the prediction's own end is not.
	w.sample(disk("db-2"), .95)
	w.tick()
	w.wantSent(11, digests, starts)
	if got := w.score(); got[1] != 1 {
		t.Errorf("score %v, want one that was confirmed: it is scored as ever", got)
	}
}

func TestEmptyDigestIsNotTold(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	w.demote()
	w.clock.Set(w.clock.Now().Truncate(barograph.Day).Add(barograph.Day + 7*time.Hour))
	w.tick()
	w.predict(w.rule(), disk("db-2"))
	w.tick()
	w.wantSent(11)
	w.clock.Move(23 * time.Hour)
	w.sample(disk("db-2"), .8)
	w.tick()
	w.wantSent(11, digests)
}

// TestDigestIsBounded: the soonest of many.
func TestDigestIsBounded(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	w.demote()
	r := w.rule()
	for round := range 2 {
		for i := range 30 {
			w.forecast(r, disk(fmt.Sprintf("web-%02d", i)), .8, .9, 39-i, 45-i, 60-i)
		}
		w.clock.Move(time.Duration(round+1) * time.Minute)
	}
	w.clock.Set(w.clock.Now().Truncate(barograph.Day).Add(barograph.Day + 7*time.Hour))
	w.tick()
	e := w.last()
	if d := e.Data.Digest; d == nil || d.Open != 30 || len(d.Predictions) != 20 || d.Predictions[0].Series.Labels.Get("host") != "web-29" {
		t.Errorf("digest %+v", d)
	}
}

// TestBegunIsToldToItsEnd: who was told that a prediction opened is told how it
// ended, though its rule is demoted by then.
func TestBegunIsToldToItsEnd(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	for range 4 {
		w.falseAlarm(disk("db-1"))
	}
	w.predict(w.rule(), disk("db-1"))
	w.pass(50, disk("db-1"), .8)
	w.predict(w.rule(), disk("db-2"))
	w.pass(15, disk("db-1"), .8)
	if w.rule().Demoted == nil {
		t.Fatal("not demoted")
	}
	w.sample(disk("db-2"), .95)
	w.tick()
	if got := w.sent("sub_all", 0); !slices.Equal(got[len(got)-2:], []barograph.EventType{starts, confirms}) {
		t.Errorf("sent %v, want the breach and the prediction's end", got)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	w.demote()
	r, err := w.engine.Restore(t.Context(), "rul_disk")
	w.noError(err)
	if r.Demoted != nil || !r.RestoredAt.Equal(w.clock.Now()) {
		t.Errorf("restored rule %+v", r)
	}
	e := w.last()
	if e.Type != restores || e.Data.Demotion == nil || e.Data.Demotion.Scored != 5 {
		t.Errorf("event %+v", e)
	}
	if r, err = w.engine.Restore(t.Context(), "rul_disk"); err != nil || r.Demoted != nil {
		t.Errorf("restored again: %+v, %v", r, err)
	}
	if _, err := w.engine.Restore(t.Context(), "rul_none"); barograph.KindOf(err) != barograph.KindNotFound {
		t.Errorf("a rule that does not exist: %v", err)
	}
	w.clock.Move(time.Hour)
	for range 4 {
		w.falseAlarm(disk("db-1"))
	}
	if w.rule().Demoted != nil {
		t.Error("demoted again by what was foretold before")
	}
	w.wantSent(11, restores, opens, expires, opens, expires, opens, expires, opens, expires)
	w.restart(time.Minute)
	w.falseAlarm(disk("db-1"))
	if d := w.rule().Demoted; d == nil || d.Scored != 5 {
		t.Errorf("five more false alarms: %+v", d)
	}
}

func TestAnotherRuleIsNotDemoted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*barograph.Rule)
		want bool
	}{
		"limit":    {func(r *barograph.Rule) { r.Limit = .97 }, true},
		"horizon":  {func(r *barograph.Rule) { r.Horizon *= 2 }, true},
		"name":     {func(r *barograph.Rule) { r.Name = "Disks" }, false},
		"severity": {func(r *barograph.Rule) { r.Severity = barograph.SeverityInfo }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStrictWorld(t)
			w.demote()
			edited := w.rule()
			c.edit(&edited)
			edited.UpdatedAt = w.clock.Now().Add(time.Second)
			w.clock.Move(time.Minute)
			w.noError(w.db.UpdateRule(t.Context(), edited))
			w.tick()
			w.tick()
			if got := w.rule().Demoted == nil; got != c.want {
				t.Errorf("restored: %t, want %t", got, c.want)
			}
			if c.want {
				w.wantSent(11, restores)
				return
			}
			w.wantSent(11)
		})
	}
}

// TestDemotionWaitsForTheDatabase: what can't be recorded is decided later, and
// nothing of it is told before.
func TestDemotionWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	w.db.fail(nil, func(c barograph.Change) error {
		if len(c.Standings) > 0 {
			return errDown
		}
		return nil
	})
	for range 5 {
		w.falseAlarm(disk("db-1"))
	}
	w.tick()
	if d := w.rule().Demoted; d != nil || w.last().Type != expires {
		t.Fatalf("demotion %+v, last event %s, though nothing could be recorded", d, w.last().Type)
	}
	if n := w.log.count("wait for the database"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if _, err := w.engine.Restore(t.Context(), "rul_disk"); err != nil {
		t.Errorf("restore of a rule that is not demoted: %v", err)
	}
	w.db.fail(nil, nil)
	w.tick()
	if d := w.rule().Demoted; d == nil || w.last().Type != demotes {
		t.Errorf("demotion %+v, last event %s", d, w.last().Type)
	}
	w.db.fail(errDown, nil)
	if _, err := w.engine.Restore(t.Context(), "rul_disk"); err == nil {
		t.Error("restored without a database")
	}
	w.db.fail(nil, nil)
	if w.rule().Demoted == nil {
		t.Error("a restoration that failed left a trace")
	}
}

// TestDemotionAfterARestart: the server was killed after the predictions were
// recorded and before the rule was judged.
func TestDemotionAfterARestart(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	for range 4 {
		w.falseAlarm(disk("db-1"))
	}
	last := w.predictions()[3]
	last.ID, last.OpenedAt = "prd_zz", last.OpenedAt.Add(time.Hour)
	w.noError(w.db.Record(t.Context(), barograph.Change{Predictions: []barograph.Prediction{last}}))
	w.tick()
	if w.rule().Demoted != nil {
		t.Fatal("demoted without a reason to look")
	}
	w.restart(time.Minute)
	if w.rule().Demoted == nil {
		t.Error("not demoted after the restart")
	}
}

// TestWhoIsToldOfRules: those who would be told of its predictions.
func TestWhoIsToldOfRules(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	selector := func(text string) barograph.Matchers {
		s, err := barograph.ParseSelector(text)
		w.noError(err)
		return s.Matchers
	}
	for id, change := range map[barograph.SubscriptionID]func(*barograph.Subscription){
		"sub_1": func(s *barograph.Subscription) { s.EventTypes = []string{"prediction.*"} },
		"sub_2": func(s *barograph.Subscription) { s.EventTypes = []string{"breach.*"} },
		"sub_3": func(s *barograph.Subscription) { s.Matchers = selector(`{host="db-2"}`) },
		"sub_4": func(s *barograph.Subscription) { s.Matchers = selector(`{host="db-3"}`) },
		"sub_5": func(s *barograph.Subscription) { s.Matchers = selector(`{rule="Memory"}`) },
		"sub_6": func(s *barograph.Subscription) { s.MinProbability = .95 },
		"sub_7": func(s *barograph.Subscription) { s.EventTypes = []string{"rule.digest"} },
		"sub_8": func(s *barograph.Subscription) { s.MinSeverity = barograph.SeverityCritical },
	} {
		s := subscription(string(id), hook("ept_"+string(id), "https://example.com/"))
		change(&s)
		w.noError(w.db.CreateSubscription(t.Context(), s))
	}
	w.demote()
	w.predict(w.rule(), disk("db-2"))
	w.clock.Set(w.clock.Now().Truncate(barograph.Day).Add(barograph.Day + 7*time.Hour))
	w.tick()
	for id, want := range map[barograph.SubscriptionID][]barograph.EventType{
		"sub_1": {demotes, digests}, "sub_2": nil, "sub_3": {demotes, digests}, "sub_4": {demotes}, "sub_5": nil,
		"sub_6": {demotes}, "sub_7": {digests}, "sub_8": nil,
	} {
		got := slices.DeleteFunc(w.sent(id, 0), func(e barograph.EventType) bool { return !strings.HasPrefix(string(e), "rule.") })
		if !slices.Equal(got, want) {
			t.Errorf("%s was told %v, want %v", id, got, want)
		}
	}
}
