package alerting_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

// Help for the tests of storms, silences and the like: a real database, an
// engine that records events in it, and a dispatcher that sends them to
// receivers which take note. It is for synctest: its time costs nothing.

// message is what a receiver got.
type message struct {
	alerting.Notification

	at       time.Time
	to       barograph.EndpointID
	overflow bool // it came by mail though the endpoint is a phone
}

// stage is the whole way of an event.
type stage struct {
	*alerting.Dispatcher

	t      *testing.T
	db     *configdb.DB
	engine *alerting.Engine
	begin  time.Time
	stop   func()
	store  alerting.DispatchStore
	own    atomic.Int32 // how often the dispatcher said that it recorded events

	mu     sync.Mutex
	got    []message
	answer answerFunc
}

// answerFunc is what a receiver answers.
type answerFunc func(alerting.Notification, barograph.Endpoint) alerting.Outcome

func newStage(t *testing.T, subs ...barograph.Subscription) *stage {
	t.Helper()
	s := &stage{t: t, db: database(t, subs...), begin: time.Now()}
	s.store = s.db
	changes, stopChanges := s.db.Changes()
	t.Cleanup(stopChanges)
	engine, err := alerting.NewEngine(t.Context(), alerting.DefaultConfig(), alerting.EngineOptions{
		Store: s.db, Reader: noSamples{}, Changes: changes, Clock: barograph.WallClock{}, Log: slog.New(slog.DiscardHandler),
		Metrics: metrics.NewSet(), Recorded: func() { s.Wake() },
	})
	s.must(err)
	s.engine = engine
	s.restart()
	startRun(t, engine.Run)
	return s
}

// restart ends the dispatcher and begins another.
func (s *stage) restart() {
	s.t.Helper()
	if s.stop != nil {
		s.stop()
	}
	all := map[barograph.EndpointKind]alerting.Notifier{}
	for _, kind := range []barograph.EndpointKind{
		barograph.EndpointWebhook, barograph.EndpointEmail, barograph.EndpointSMS, barograph.EndpointAlertmanager,
	} {
		all[kind] = receiving{s, kind}
	}
	deps := quietDeps()
	deps.Recorded = func() { s.own.Add(1) }
	d, err := alerting.NewDispatcher(alerting.DefaultDeliveryConfig(), s.store, all, deps)
	s.must(err)
	s.Dispatcher = d
	s.stop = startRun(s.t, d.Run)
}

// receiving is the channel of one kind of endpoint.
type receiving struct {
	stage *stage
	kind  barograph.EndpointKind
}

func (r receiving) Notify(_ context.Context, n alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
	s := r.stage
	s.mu.Lock()
	defer s.mu.Unlock()
	o := ok()
	if s.answer != nil {
		o = s.answer(n, ep)
	}
	if o.Verdict == alerting.VerdictDelivered {
		s.got = append(s.got, message{at: time.Now(), to: ep.ID, Notification: n, overflow: ep.ID == "phone" && r.kind == barograph.EndpointEmail})
	}
	if r.kind == barograph.EndpointSMS {
		o.Texts = len(ep.To)
	}
	return o
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// tell records events, each by itself.
func (s *stage) tell(events ...barograph.Event) {
	s.t.Helper()
	for _, e := range events {
		_, err := s.engine.Announce(s.t.Context(), e)
		s.must(err)
	}
}

// pass lets time pass, and then some, in which what is due by then is done.
func (s *stage) pass(d time.Duration) {
	time.Sleep(d + time.Second)
	// What the others have written by now may be read.
	synctest.Wait()
}

// answers says what receivers answer from now on: nil is that all is well.
func (s *stage) answers(answer answerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// to returns what the endpoint got, and forgets it: by the second, and of one by
// the type, since what is about different things is sent side by side.
func (s *stage) to(id barograph.EndpointID) (out []message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []message
	for _, m := range s.got {
		if m.to == id {
			out = append(out, m)
		} else {
			rest = append(rest, m)
		}
	}
	s.got = rest
	slices.SortStableFunc(out, func(a, b message) int {
		return cmp.Or(a.at.Truncate(time.Second).Compare(b.at.Truncate(time.Second)), strings.Compare(string(a.Latest().Type), string(b.Latest().Type)))
	})
	return out
}

// types returns the types of the events that the endpoint got.
func (s *stage) types(id barograph.EndpointID) (out []barograph.EventType) {
	for _, m := range s.to(id) {
		for _, e := range m.Events {
			out = append(out, e.Type)
		}
	}
	return out
}

// states counts the deliveries to the endpoint.
func (s *stage) states(id barograph.EndpointID) map[barograph.DeliveryState]int {
	s.t.Helper()
	all, err := s.db.Deliveries(s.t.Context(), barograph.DeliveryFilter{EndpointID: id}, barograph.Page{})
	s.must(err)
	return states(all)
}

func readers() barograph.Endpoint {
	return barograph.Endpoint{ID: "people", Kind: barograph.EndpointEmail, To: []string{"ops@example.com"}}
}

func phone() barograph.Endpoint {
	return barograph.Endpoint{ID: "phone", Kind: barograph.EndpointSMS, To: []string{"+4915100000001", "+4915100000002"}}
}

func alertmanager() barograph.Endpoint {
	return barograph.Endpoint{ID: "am", Kind: barograph.EndpointAlertmanager, URL: "https://alerts.example.com"}
}

// stormy returns the subscription sub_1 with the usual grouping.
func stormy(eps ...barograph.Endpoint) barograph.Subscription {
	sub := subscription("sub_1", eps...)
	sub.Storm = barograph.DefaultStorm()
	return sub
}

// breachOf returns an event about a breach of its own on a host.
func breachOf(kind barograph.EventType, id, host string) barograph.Event {
	series := barograph.Series{Metric: "load_per_cpu_ratio", Labels: barograph.NewLabels(map[string]string{"host": host})}
	b := barograph.Breach{
		ID: barograph.BreachID("brc_" + id), RuleID: "rul_1", RuleName: "load", Series: series,
		Severity: barograph.SeverityCritical, StartedAt: time.Now(), Value: 3,
	}
	if kind == barograph.EventBreachEnded {
		b.EndedAt = time.Now()
	}
	return barograph.Event{
		Type: kind, Time: time.Now(), Subject: series.String(), Severity: barograph.SeverityCritical,
		Labels: series.Labels.With("rule", "load"), Data: barograph.EventData{Summary: string(kind) + " " + id, Breach: &b},
	}
}

// silence makes one of the host from now on, for so long.
func (s *stage) silence(host string, d time.Duration) barograph.Silence {
	s.t.Helper()
	var m barograph.Matchers
	s.must(m.UnmarshalText(fmt.Appendf(nil, `{host=%q}`, host)))
	silence := barograph.Silence{
		ID: barograph.SilenceID(barograph.NewID("sil", time.Now())), Matchers: m, StartsAt: time.Now(), EndsAt: time.Now().Add(d), Comment: "test",
	}
	s.must(s.db.CreateSilence(s.t.Context(), silence))
	s.pass(time.Second) // until all know it
	return silence
}
