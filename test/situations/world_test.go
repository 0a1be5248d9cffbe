package situations_test

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/test/harness"
)

// epoch is when every script begins.
func epoch() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

// world is a whole server whose time is the script's.
type world struct {
	t      *testing.T
	script *script
	clock  *handClock
	server *harness.Server
	log    *lockedBuffer
	cfg    app.Config

	end     time.Duration
	streams []*stream
	watched []*watched
	byRule  map[barograph.RuleID]*watched
}

// stream is one series of one case on its way to the server.
type stream struct {
	*signal

	block  seriesBlock
	head   string // of its lines
	series barograph.Series
	kase   int
}

// watched is one rule of one case, and what came of it.
type watched struct {
	kase         scriptCase
	rule         barograph.Rule
	step         time.Duration // of the forecasts' grid
	end          time.Duration // of its series; what comes after is not judged
	expectations []expectation
	streams      []*stream
	seen         map[string][]sight // by series
	events       []barograph.Event  // oldest first
	predictions  []barograph.Prediction
	breaches     []barograph.Breach
}

// sight is the forecast that stood at a time.
type sight struct {
	at       time.Duration
	forecast barograph.Forecast
}

// play lets a server live through the script.
func play(t *testing.T, s *script) *world {
	t.Helper()
	w := &world{t: t, script: s, clock: newClock(epoch()), log: &lockedBuffer{}, byRule: map[barograph.RuleID]*watched{}}
	w.cfg = harness.Config()
	w.cfg.Agent.Enabled = false
	w.cfg.Store.Embedded.Durability, w.cfg.Store.Embedded.MinFreeSpace = promtsdb.DurabilityOS, 0
	w.cfg.Forecast.ReloadInterval = barograph.Duration(barograph.Day) // it is read anew at every step else
	w.cfg.Alerting.MaxSampleAge = barograph.Duration(max(w.cfg.Alerting.MaxSampleAge.Std(), 2*s.sweep))
	w.server = harness.Start(t, app.Options{
		Config: w.cfg, Bare: true, Clock: w.clock, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	w.deleteRules()
	w.prepare()
	w.clock.work(t, w.cfg.Alerting.Interval.Std(), 1) // the rules are in force, and judge nothing of before the watch
	for at := s.watch; at < w.end; at += s.sweep {
		w.advance(at)
	}
	w.clock.work(t, w.cfg.Alerting.Interval.Std(), 1) // everything is recorded
	w.collect()
	return w
}

// deleteRules leaves the server without those that it comes with.
func (w *world) deleteRules() {
	w.t.Helper()
	var rules struct{ Items []barograph.Rule }
	w.server.Call(w.t, http.MethodGet, "/api/v1/rules?limit=1000", w.server.Token, nil, &rules)
	for _, r := range rules.Items {
		w.server.Call(w.t, http.MethodDelete, "/api/v1/rules/"+string(r.ID), w.server.Token, nil, nil)
	}
}

// prepare draws all series and creates all rules.
func (w *world) prepare() {
	w.t.Helper()
	for i, c := range w.script.cases {
		first := len(w.streams)
		for _, b := range w.script.series {
			g, err := w.script.generate(b, c)
			if err != nil {
				w.t.Fatal(err)
			}
			labels := maps.Clone(b.labels)
			labels["case"] = strconv.Itoa(i)
			series := barograph.Series{Metric: b.metric, Labels: barograph.NewLabels(labels)}
			w.streams = append(w.streams, &stream{signal: g, block: b, series: series, head: lineHead(series), kase: i})
			w.end = max(w.end, g.end)
		}
		for j, b := range w.script.rules {
			w.watch(i, j, b, w.streams[first:])
		}
	}
}

// lineHead returns a series as line protocol writes it.
func lineHead(s barograph.Series) string {
	var b strings.Builder
	b.WriteString(s.Metric)
	for _, l := range s.Labels {
		fmt.Fprintf(&b, ",%s=%s", l.Name, l.Value)
	}
	return b.String()
}

func (w *world) watch(kase, index int, b ruleBlock, streams []*stream) {
	w.t.Helper()
	c := w.script.cases[kase]
	rule, err := w.script.rule(b, c, index, kase)
	if err != nil {
		w.t.Fatal(err)
	}
	body := map[string]any{
		"name": rule.Name, "series": rule.Series, "operator": rule.Operator, "limit": rule.Limit, "for": rule.For, "horizon": rule.Horizon,
	}
	if rule.Bounds != nil {
		body["bounds"] = rule.Bounds
	}
	w.server.Call(w.t, http.MethodPost, "/api/v1/rules", w.server.Token, body, &rule)
	k := &watched{kase: c, rule: rule, step: forecast.NewGrid(rule).Step, seen: map[string][]sight{}}
	for _, st := range streams {
		if rule.Series.Matches(st.series) {
			k.streams = append(k.streams, st)
			k.end = max(k.end, st.end)
		}
	}
	if k.end == 0 { // it chooses no series
		k.end = w.script.every * time.Duration(len(streams[0].values))
		k.streams = streams
	}
	for _, l := range b.body {
		e, err := parseExpectation(l, c.vars)
		if err != nil {
			w.t.Fatal(l.wrong(err))
		}
		k.expectations = append(k.expectations, e)
	}
	w.watched = append(w.watched, k)
	w.byRule[rule.ID] = k
}

// advance moves the time, sends what has come up to then, and lets everybody
// look at it.
func (w *world) advance(at time.Duration) {
	w.t.Helper()
	w.clock.set(epoch().Add(at))
	w.send(at)
	w.clock.work(w.t, w.cfg.Forecast.Interval.Std(), 2) // the forecaster, and who writes the server's own series
	w.clock.wake(w.t, w.cfg.Alerting.Interval.Std(), 1)
	var latest struct{ Items []barograph.Forecast }
	w.server.Call(w.t, http.MethodGet, "/api/v1/forecasts?limit=1000", w.server.Token, nil, &latest)
	for _, f := range latest.Items {
		if k := w.byRule[f.RuleID]; k != nil {
			series := f.Series.String()
			k.seen[series] = append(k.seen[series], sight{at, f})
		}
	}
}

// arrival is a sample that is due to be sent.
type arrival struct {
	at   time.Duration // its own time
	line string
}

// send sends what is due, the oldest first where the script doesn't say otherwise.
func (w *world) send(now time.Duration) {
	w.t.Helper()
	var due []arrival
	for _, st := range w.streams {
		due = append(due, st.due(now)...)
		w.sendWrong(st, now)
	}
	slices.SortStableFunc(due, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	if len(w.streams) > 0 && w.streams[0].shuffled {
		rand.New(rand.NewPCG(uint64(now), 0)).Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	}
	for batch := range slices.Chunk(due, 5000) {
		var b strings.Builder
		for _, a := range batch {
			b.WriteString(a.line)
		}
		w.server.Call(w.t, http.MethodPost, "/api/v2/write?precision=ms", w.server.Token, b.String(), nil)
	}
}

// due returns the samples that come after the sweep before and up to now.
func (st *stream) due(now time.Duration) []arrival {
	var out []arrival
	for ; st.sent < len(st.values) && time.Duration(st.sent)*st.every <= now; st.sent++ {
		at := time.Duration(st.sent) * st.every
		v := st.values[st.sent]
		switch {
		case math.IsNaN(v):
		case st.delay > 0 && st.sent%3 == 0:
			st.late = append(st.late, st.arrival(at, v))
		default:
			out = append(out, st.arrival(at, v))
		}
	}
	for len(st.late) > 0 && st.late[0].at+st.delay <= now {
		out = append(out, st.late[0])
		st.late = st.late[1:]
	}
	return out
}

func (st *stream) arrival(at time.Duration, v float64) arrival {
	return arrival{at, fmt.Sprintf("%s value=%s %d\n", st.head, strconv.FormatFloat(v, 'g', -1, 64), epoch().Add(at).UnixMilli())}
}

// sendWrong sends what the server has to refuse.
func (w *world) sendWrong(st *stream, now time.Duration) {
	w.t.Helper()
	for len(st.wrong) > 0 && st.wrong[0].sent <= now {
		bad := st.wrong[0]
		st.wrong = st.wrong[1:]
		body := fmt.Sprintf("%s value=%s %d\n", st.head, bad.value, epoch().Add(now+bad.ahead).UnixMilli())
		status, answer, err := w.server.Do(w.t.Context(), http.MethodPost, "/api/v2/write?precision=ms", w.server.Token, body)
		if err != nil || status/100 != 4 {
			w.t.Errorf("a sample of %s from %s ahead: status %d, %s, %v; want it refused", bad.value, bad.ahead, status, answer, err)
		}
	}
}

// collect reads what was recorded.
func (w *world) collect() {
	w.t.Helper()
	for _, k := range w.watched {
		var events struct{ Items []barograph.Event }
		var predictions struct{ Items []barograph.Prediction }
		var breaches struct{ Items []barograph.Breach }
		for path, into := range map[string]any{"events": &events, "predictions": &predictions, "breaches": &breaches} {
			w.server.Call(w.t, http.MethodGet, "/api/v1/"+path+"?limit=1000&rule_id="+url.QueryEscape(string(k.rule.ID)), w.server.Token, nil, into)
		}
		k.events, k.predictions, k.breaches = events.Items, predictions.Items, breaches.Items
		slices.Reverse(k.events)
		slices.Reverse(k.predictions)
		slices.Reverse(k.breaches)
	}
}

// crossings returns when the series begins to cross the rule's limit, for as
// long as the rule asks for.
func (k *watched) crossings(st *stream) []time.Duration {
	var out []time.Duration
	since, crossed, counted := time.Duration(0), false, false
	for i, v := range st.values {
		if math.IsNaN(v) {
			continue
		}
		at := time.Duration(i) * st.every
		if !k.rule.Operator.Crossed(v, k.rule.Limit) {
			crossed, counted = false, false
			continue
		}
		if !crossed {
			since, crossed = at, true
		}
		if !counted && at-since >= k.rule.For.Std() {
			out, counted = append(out, since), true
		}
	}
	return out
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
