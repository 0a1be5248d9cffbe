package alerting_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// Two servers judge by the rules of one database. The first is the world's
// engine.

// tenant is a server with the parts of the work that it believes to hold. It
// records by what the database says.
type tenant struct {
	*fragile

	self    barograph.Server
	changed chan struct{}

	mu   sync.Mutex
	held []barograph.Share
}

func (s *tenant) Held() []barograph.Share {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

func (s *tenant) Holds(share barograph.Share) bool {
	return slices.Contains(s.Held(), share)
}

func (s *tenant) Alone() bool { return false }

// tenantShares are what a tenant shows of itself: its store tells changes too.
type tenantShares struct{ *tenant }

func (s tenantShares) Changes() (changed <-chan struct{}, stop func()) { return s.changed, func() {} }

// Record refuses what the tenant decided for what it does not hold any more, and
// lets it know.
func (s *tenant) Record(ctx context.Context, c barograph.Change) error {
	if err := s.failure(&c); err != nil {
		return err
	}
	err := s.RecordHeld(ctx, s.self.ID, c.Shares, c)
	if barograph.KindOf(err) == barograph.KindConflict {
		s.set(nil)
	}
	return err
}

func (s *tenant) set(held []barograph.Share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
}

// takeAll takes everything, whoever has it, without a word to that one.
func (s *tenant) takeAll(tb testing.TB) {
	tb.Helper()
	var all []int
	for n := range barograph.Shares {
		all = append(all, n)
	}
	roll, err := s.Attend(tb.Context(), s.self, func(r barograph.Roll) (m barograph.Moves) {
		for _, other := range r.Servers {
			if other.ID != s.self.ID {
				m.Dead = append(m.Dead, other)
			}
		}
		m.Release, m.Take = all, all
		return m
	})
	if err != nil {
		tb.Fatal(err)
	}
	var held []barograph.Share
	for n, lease := range roll.Leases {
		held = append(held, barograph.Share{Number: n, Term: lease.Term})
	}
	s.set(held)
}

// house is a world of two servers.
type house struct {
	*world

	one, two *tenant
	second   *alerting.Engine
	reader   moody
}

// moody reads what is stored, but not what the test says.
type moody struct {
	barograph.SampleReader

	refuse func(barograph.Query) error
}

func (m *moody) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	if m.refuse != nil {
		if err := m.refuse(q); err != nil {
			return nil, err
		}
	}
	return m.SampleReader.Select(ctx, q)
}

func newHouse(t *testing.T, rules ...barograph.Rule) *house {
	t.Helper()
	for i := range rules { // they are as old as the world
		rules[i].CreatedAt, rules[i].UpdatedAt = worldStart().Add(-time.Hour), worldStart().Add(-time.Hour)
	}
	h := &house{world: newWorld(t, rules...)}
	h.one = &tenant{fragile: h.db, self: barograph.Server{ID: "srv_1", Run: "run"}}
	h.two = &tenant{fragile: h.db, self: barograph.Server{ID: "srv_2", Run: "run"}}
	h.reader.SampleReader = h.series
	h.one.takeAll(t)
	h.engine, h.second = h.newEngine(h.one), h.newEngine(h.two)
	return h
}

func (h *house) newEngine(s *tenant) *alerting.Engine {
	h.t.Helper()
	e, err := alerting.NewEngine(h.t.Context(), h.cfg, alerting.EngineOptions{
		Store: s, Reader: &h.reader, Shares: tenantShares{s}, Clock: h.clock,
		Log: slog.New(slog.NewTextHandler(h.log, nil)), Metrics: metrics.NewSet(), Recorded: func() {},
	})
	h.noError(err)
	return e
}

// handOver gives everything to one of them, and has both notice.
func (h *house) handOver(to, from *tenant) {
	h.t.Helper()
	from.set(nil)
	to.takeAll(h.t)
	h.tickBoth()
}

// sample has the first server receive one, and look at what is stored.
func (h *house) sample(series barograph.Series, value float64) {
	h.t.Helper()
	h.world.sample(series, value)
	h.follow(h.engine)
}

func (h *house) follow(e *alerting.Engine) {
	h.t.Helper()
	h.noError(alerting.FollowOnce(h.t.Context(), e))
}

func (h *house) tickBoth() {
	h.t.Helper()
	h.tick()
	alerting.Step(h.t.Context(), h.second)
}

// both has both servers see a sample, as none does: it is only more than enough.
func (h *house) both(series barograph.Series, value float64) {
	h.t.Helper()
	h.sample(series, value)
	h.second.Observe([]barograph.Sample{{Series: series, UnixMilli: h.clock.Now().UnixMilli(), Value: value}})
	h.follow(h.second)
	h.tickBoth()
}

func TestOneOfTwoJudges(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.both(disk("db-1"), .95)
	h.expect(starts)
	h.at("1m")
	h.handOver(h.two, h.one)
	h.both(disk("db-1"), .96)
	h.expect(starts)
	h.at("2m")
	h.both(disk("db-1"), .5)
	h.expect(starts, ends)
	h.at("3m")
	h.handOver(h.one, h.two)
	h.at("4m")
	h.both(disk("db-1"), .95)
	h.expect(starts, ends, starts)
	h.wantScore([8]int{0, 0, 0, 0, 0, 0, 2, 0})
}

// TestTakeOverTellsWhatNobodyJudged: what came and went before a server died,
// and was stored but not told, is told by the one that takes over; what was told
// is not told again.
func TestTakeOverTellsWhatNobodyJudged(t *testing.T) {
	t.Parallel()
	lasting := diskRule()
	lasting.ID, lasting.Name, lasting.Series.Metric, lasting.For = "rul_load", "Load", "load", barograph.Duration(10*time.Minute)
	load := barograph.Series{Metric: "load", Labels: barograph.NewLabels(map[string]string{"host": "db-1"})}
	h := newHouse(t, diskRule(), lasting)
	h.sample(disk("long"), .95) // so long that its beginning is far back
	for _, at := range []string{"10m", "20m", "30m", "40m", "50m", "1h"} {
		h.at(at)
		h.sample(disk("long"), .95)
	}
	h.sample(disk("told"), .95)
	h.at("1h1m")
	h.sample(disk("told"), .5)
	h.sample(disk("long"), .5)
	h.sample(load, 1)
	h.tick()
	h.expect(starts, starts, ends, ends)
	h.at("1h2m")
	h.unjudged(disk("told"), .97) // anew
	h.unjudged(disk("untold"), .97)
	h.at("1h3m")
	h.unjudged(disk("told"), .5)
	h.unjudged(disk("untold"), .5)
	h.at("1h4m")
	h.unjudged(load, .2)
	h.handOver(h.two, h.one)
	got := map[string]int{}
	for _, e := range h.events()[4:] {
		got[e.Labels.Get("host")+" "+string(e.Type)]++
	}
	if len(got) != 4 || got["told "+string(starts)] != 1 || got["told "+string(ends)] != 1 ||
		got["untold "+string(starts)] != 1 || got["untold "+string(ends)] != 1 {
		t.Errorf("told after taking over: %v", got)
	}
}

// TestTooLate: what a server decided is not recorded if another one took over
// meanwhile, even when it gets everything back later.
func TestTooLate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.at("1m")
	h.sample(disk("db-1"), .95) // judged, not recorded: now the server is paused
	h.two.takeAll(t)
	alerting.Step(t.Context(), h.second)
	h.expect(starts)
	h.at("2m")
	h.tick()
	h.expect(starts)
	if n := h.log.count("could not be recorded"); n > 0 {
		t.Errorf("the log complains:\n%s", h.log)
	}

	h.sample(disk("db-1"), .5) // again, but it gets everything back before it wakes
	h.one.takeAll(t)
	h.two.set(nil)
	h.at("3m")
	h.tickBoth()
	h.expect(starts, ends)
	h.two.takeAll(t)
	h.one.takeAll(t)
	h.both(disk("db-1"), .95)
	h.expect(starts, ends, starts)
}

// TestFollow: the holder judges what another server received.
func TestFollow(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.at("1m")
	h.unjudged(disk("db-1"), .95)
	h.at("1m1s")
	h.unjudged(disk("db-1"), .5)
	for range 2 {
		h.noError(alerting.FollowOnce(t.Context(), h.engine))
		h.noError(alerting.FollowOnce(t.Context(), h.second))
		h.tickBoth()
		h.expect(starts, ends)
	}
}

// TestSeriesByTwoServers: the samples of one series come in at two servers in
// turn, and are judged in the order of their time: none is missed, and none
// seems to go on.
func TestSeriesByTwoServers(t *testing.T) {
	t.Parallel()
	lasting := diskRule()
	lasting.ID, lasting.Name, lasting.Series.Metric, lasting.For = "rul_load", "Load", "load", barograph.Duration(5*time.Minute)
	load := barograph.Series{Metric: "load", Labels: barograph.NewLabels(map[string]string{"host": "db-1"})}
	h := newHouse(t, diskRule(), lasting)
	here, there := h.world.sample, h.unjudged
	for n, value := range []float64{.5, .95, .5, .5, .95} {
		h.at(fmt.Sprintf("1m%ds", n))
		by := []func(barograph.Series, float64){here, there}[n%2]
		by(disk("db-1"), value)
	}
	h.tick()
	h.expect()
	h.follow(h.engine)
	h.tick()
	h.expect(starts, ends, starts)

	for n := range 20 {
		h.at(fmt.Sprintf("%dm", 2+n))
		if n%2 == 0 {
			here(load, 1)
			continue
		}
		there(load, .1)
		h.follow(h.engine)
		h.tick()
	}
	h.expect(starts, ends, starts)
}

// TestFollowWithoutStore: what comes in here is judged also while nothing can be
// read, and before a server ends.
func TestFollowWithoutStore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.at("1m")
	h.world.sample(disk("db-1"), .95)
	h.world.sample(disk("db-2"), .95)
	h.at("1m1s")
	h.noError(h.series.Close())
	if err := alerting.FollowOnce(t.Context(), h.engine); err == nil {
		t.Fatal("a store that is closed could be read")
	}
	h.tick()
	h.expect(starts, starts)

	h.engine.Observe([]barograph.Sample{{Series: disk("db-1"), UnixMilli: h.clock.Now().UnixMilli(), Value: .5}})
	h.run()()
	h.expect(starts, starts, ends)
}

// TestFollowMany: no more samples wait than there is room for.
func TestFollowMany(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.at("1m")
	kept := barograph.Sample{Series: disk("db-1"), UnixMilli: h.clock.Now().UnixMilli(), Value: .5}
	crossed := kept
	crossed.Value, crossed.Series = .95, disk("db-2")
	h.engine.Observe([]barograph.Sample{crossed})
	h.engine.Observe(slices.Repeat([]barograph.Sample{kept}, alerting.MaxHeld))
	h.tick()
	h.expect(starts)
}

// TestFollowRuns: it does so by itself.
func TestFollowRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	defer h.run()()
	h.unjudged(disk("db-1"), .95)
	deadline := time.Now().Add(time.Minute)
	for len(h.events()) == 0 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	h.expect(starts)
}

func TestHostsOfTwoServers(t *testing.T) {
	t.Parallel()
	silent, returned := barograph.EventHostSilent, barograph.EventHostReturned
	h := newHouse(t)
	h.noError(h.db.CreateHost(t.Context(), barograph.Host{ID: "hst_1", Name: "db-1"}, barograph.KeyHash{1}))
	seen := func() {
		t.Helper()
		h.noError(h.db.MarkSeen(t.Context(), map[barograph.HostID]time.Time{"hst_1": h.clock.Now()}))
		h.tickBoth()
	}
	seen()
	h.at("6m")
	h.tickBoth()
	h.expect(silent)
	h.handOver(h.two, h.one)
	h.at("7m")
	h.tickBoth()
	h.expect(silent)
	seen()
	h.expect(silent, returned)
	h.at("8m")
	h.handOver(h.one, h.two)
	h.at("12m30s") // longer than allowed, but not since it took over
	h.tickBoth()
	h.expect(silent, returned)
	h.at("14m")
	h.tickBoth()
	h.expect(silent, returned, silent)
}

// TestWhatPeopleDoElsewhere: an acknowledgement and a restored rule are the
// whole database's, whichever server was asked.
func TestWhatPeopleDoElsewhere(t *testing.T) {
	t.Parallel()
	r := diskRule()
	r.Labels = barograph.NewLabels(map[string]string{"team": "storage"})
	h := newHouse(t, r)
	h.sample(disk("db-1"), .8)
	h.predict(r, disk("db-1"))
	h.expect(opens)
	id := string(h.predictions()[0].ID)
	h.clock.Move(time.Second)
	h.noError(h.second.Acknowledge(t.Context(), id, barograph.Acknowledgement{By: "somebody"}))
	if e := h.last(); e.Type != barograph.EventPredictionAcked || e.Labels.Get("team") != "storage" {
		t.Errorf("event %+v", e)
	}
	h.noError(h.db.CreateSubscription(t.Context(), barograph.Subscription{ID: "sub_1", Name: "all", Enabled: true, Endpoints: []barograph.Endpoint{
		{ID: "ept_1", Kind: barograph.EndpointWebhook, URL: "https://example.com"},
	}}))
	h.clock.Move(time.Second) // IDs of two servers are in order by the time alone
	h.forecast(r, disk("db-1"), .85, .95, 2, 3, 4)
	h.tick()
	if e := h.last(); e.Type != barograph.EventPredictionUpdated {
		t.Fatalf("last event %s", e.Type)
	}
	ds, err := h.db.Deliveries(t.Context(), barograph.DeliveryFilter{SubscriptionID: "sub_1"}, barograph.Page{})
	h.noError(err)
	if len(ds) != 1 || ds[0].State != barograph.DeliverySilenced {
		t.Errorf("deliveries %+v, want one that is silenced", ds)
	}
}

// TestRuleRestoredElsewhere: a demoted rule that somebody restores by way of
// another server is told one by one again.
func TestRuleRestoredElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.noError(h.db.Record(t.Context(), barograph.Change{Standings: []barograph.RuleStanding{{
		RuleID: diskRule().ID, At: h.clock.Now(), Demoted: &barograph.Demotion{At: h.clock.Now(), Scored: 20},
	}}}))
	h.at("1m")
	h.tick()
	h.sample(disk("db-1"), .8)
	h.predict(h.rule(), disk("db-1"))
	if e := h.last(); e.Type != opens || !e.Data.DigestOnly {
		t.Fatalf("event %+v of a demoted rule", e)
	}
	h.clock.Move(time.Minute)
	restored, err := h.second.Restore(t.Context(), diskRule().ID)
	h.noError(err)
	if restored.Demoted != nil {
		t.Errorf("demoted: %+v", restored.Demoted)
	}
	h.clock.Move(time.Minute)
	h.tick()
	h.sample(disk("db-2"), .8)
	h.predict(h.rule(), disk("db-2"))
	if e := h.last(); e.Type != opens || e.Data.DigestOnly {
		t.Errorf("event %+v of a restored rule", e)
	}
}

// comesAndGoes stores a crossing of a minute that nobody judges.
func (h *house) comesAndGoes(series barograph.Series) {
	h.t.Helper()
	h.at("2m")
	h.unjudged(series, .95)
	h.at("3m")
	h.unjudged(series, .5)
	h.at("4m")
}

var errTooMany = errors.New("more than may be read")

// TestOneUnreadableRule: a rule whose series can't be read costs the others
// nothing, neither when they are taken over nor later.
func TestOneUnreadableRule(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var rules []barograph.Rule
	for n := range 8 { // in whatever order they are read, the bad one comes before others
		r := diskRule()
		r.ID, r.Name = barograph.RuleID(fmt.Sprint("rul_", n)), fmt.Sprint("Rule ", n)
		if r.Series.Metric = fmt.Sprint("metric_", n); n == 0 {
			r.Series.Metric = "bad"
		}
		r.CreatedAt = worldStart().Add(-time.Hour)
		h.noError(h.db.CreateRule(t.Context(), r))
		rules = append(rules, r)
	}
	h.reader.refuse = func(q barograph.Query) error {
		if q.Selector.Metric == "bad" {
			return errTooMany
		}
		return nil
	}
	series := disk("db-1")
	for _, r := range rules[1:] {
		series.Metric = r.Series.Metric
		h.comesAndGoes(series)
	}
	h.handOver(h.two, h.one)
	h.wantCount(starts, 7)
	h.wantCount(ends, 7)

	h.at("5m")
	for _, r := range rules {
		series.Metric = r.Series.Metric
		h.unjudged(series, .95)
	}
	if err := alerting.FollowOnce(t.Context(), h.second); !errors.Is(err, errTooMany) {
		t.Errorf("error %v", err)
	}
	h.tickBoth()
	h.wantCount(starts, 14)

	alerting.AgeLate(h.second, time.Minute) // it waited for long enough
	h.tickBoth()
	h.at("6m")
	series.Metric = "bad"
	h.second.Observe([]barograph.Sample{{Series: series, UnixMilli: h.clock.Now().UnixMilli(), Value: .95}})
	_ = alerting.FollowOnce(t.Context(), h.second) // judges what came in
	h.tickBoth()
	h.wantCount(starts, 15)
}

func (h *house) wantCount(kind barograph.EventType, want int) {
	h.t.Helper()
	n := 0
	for _, e := range h.events() {
		if e.Type == kind {
			n++
		}
	}
	if n != want {
		h.t.Fatalf("%d events %s, want %d\n%s", n, kind, want, h.log)
	}
}

// TestLargeReads: where only a little can be read at once, that is followed.
func TestLargeReads(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.reader.refuse = func(q barograph.Query) error {
		if q.To.Sub(q.From) > 20*time.Minute {
			return errTooMany
		}
		return nil
	}
	h.at("1m")
	h.unjudged(disk("db-1"), .95)
	h.follow(h.engine)
	h.tick()
	h.expect(starts)
}

// TestTakeOverWithoutStore: what can't be read when a rule is taken over is
// judged once it can be, before what comes in.
func TestTakeOverWithoutStore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	away := barograph.Errorf(barograph.KindUnavailable, "the store is away")
	h.reader.refuse = func(barograph.Query) error { return away }
	h.comesAndGoes(disk("db-1"))
	h.handOver(h.two, h.one)
	h.at("5m")
	late := []barograph.Sample{{Series: disk("db-1"), UnixMilli: h.clock.Now().UnixMilli(), Value: .4}}
	h.noError(h.series.Write(t.Context(), late))
	h.second.Observe(late)
	_ = alerting.FollowOnce(t.Context(), h.second)
	h.tickBoth()
	h.expect()
	h.reader.refuse = nil
	h.tickBoth()
	h.expect(starts, ends)
}

// TestFollowLooksBackAfterFailure: after a round in which a rule could not be read, the next
// one looks as far back as samples are judged.
func TestFollowLooksBackAfterFailure(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.follow(h.engine) // the far one
	h.reader.refuse = func(barograph.Query) error { return errTooMany }
	h.comesAndGoes(disk("db-1"))
	_ = alerting.FollowOnce(t.Context(), h.engine)
	h.reader.refuse = nil
	h.at("8m")
	h.follow(h.engine)
	h.tick()
	h.expect(starts, ends)
}

// TestOrderBehindSlowClock: what a server tells after it took over sorts after
// what was told before, whatever its clock says.
func TestOrderBehindSlowClock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.at("10m")
	h.sample(disk("db-1"), .95)
	h.tick()
	h.at("8m")
	h.noError(h.series.Write(t.Context(), []barograph.Sample{
		{Series: disk("db-1"), UnixMilli: worldStart().Add(11 * time.Minute).UnixMilli(), Value: .5},
	}))
	h.handOver(h.two, h.one)
	h.expect(starts, ends)
}

// TestTakeOverOfRewordedRule: a rule that only got another name judges as it did
// before.
func TestTakeOverOfRewordedRule(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.comesAndGoes(disk("db-1"))
	r := h.rule()
	r.Name = "Another name"
	h.noError(h.db.UpdateRule(t.Context(), r))
	h.handOver(h.two, h.one)
	h.expect(starts, ends)
}

// TestRestoreInTheMoveOfARule: what somebody does is done also by a server that has
// just lost the rule and does not know it yet.
func TestRestoreInTheMoveOfARule(t *testing.T) {
	t.Parallel()
	h := newHouse(t, diskRule())
	h.noError(h.db.Record(t.Context(), barograph.Change{Standings: []barograph.RuleStanding{{
		RuleID: diskRule().ID, At: h.clock.Now(), Demoted: &barograph.Demotion{At: h.clock.Now(), Scored: 20},
	}}}))
	h.at("1m")
	h.two.takeAll(t)
	restored, err := h.engine.Restore(t.Context(), diskRule().ID)
	h.noError(err)
	if restored.Demoted != nil {
		t.Errorf("demoted: %+v", restored.Demoted)
	}
}

// TestAcknowledgedWithoutAnswer: an acknowledgement that the database took, but
// whose answer was lost, holds.
func TestAcknowledgedWithoutAnswer(t *testing.T) {
	t.Parallel()
	r := diskRule()
	w := newWorld(t, r)
	w.sample(disk("db-1"), .8)
	w.predict(r, disk("db-1"))
	id := string(w.predictions()[0].ID)
	w.db.fail(nil, func(c barograph.Change) error {
		if len(c.Acks) == 0 {
			return nil
		}
		w.noError(w.db.DB.Record(t.Context(), c))
		return barograph.Errorf(barograph.KindUnavailable, "the answer was lost")
	})
	if err := w.engine.Acknowledge(t.Context(), id, barograph.Acknowledgement{By: "somebody"}); err == nil {
		t.Fatal("no error")
	}
	w.noError(w.db.CreateSubscription(t.Context(), barograph.Subscription{ID: "sub_1", Name: "all", Enabled: true, Endpoints: []barograph.Endpoint{
		{ID: "ept_1", Kind: barograph.EndpointWebhook, URL: "https://example.com"},
	}}))
	w.clock.Move(time.Second)
	w.forecast(r, disk("db-1"), .85, .95, 2, 3, 4)
	w.tick()
	ds, err := w.db.Deliveries(t.Context(), barograph.DeliveryFilter{SubscriptionID: "sub_1"}, barograph.Page{})
	w.noError(err)
	if len(ds) != 1 || ds[0].State != barograph.DeliverySilenced {
		t.Errorf("deliveries %+v, want one that is silenced", ds)
	}
}
