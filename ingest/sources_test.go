package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/promtsdb"
)

// step moves the clock, which is a tick. It is over when the next is waited for.
func step(c *clocktest.Clock, d time.Duration) {
	c.Move(d)
	c.Tick()
}

// upstream is a server with Prometheus's query interface, on real series.
type upstream struct {
	*httptest.Server

	store  *promtsdb.Store
	away   atomic.Bool
	mu     sync.Mutex
	header http.Header
	asked  []string // start, end and step of each question
}

func openStore(t *testing.T, clock barograph.Clock) *promtsdb.Store {
	t.Helper()
	store, err := promtsdb.Open(promtsdb.DefaultConfig(), promtsdb.Deps{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func newUpstream(t *testing.T, clock barograph.Clock) *upstream {
	t.Helper()
	u := &upstream{store: openStore(t, clock)}
	h := u.store.Handler(promtsdb.HandlerDeps{})
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u.away.Load() {
			http.Error(w, "<html>no</html>", http.StatusBadGateway)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		r2 := r.Clone(r.Context())
		r2.Body = io.NopCloser(bytes.NewReader(body))
		_ = r2.ParseForm()
		u.mu.Lock()
		u.header = r.Header.Clone()
		u.asked = append(u.asked, fmt.Sprint(r2.Form.Get("start"), " ", r2.Form.Get("end"), " ", r2.Form.Get("step")))
		u.mu.Unlock()
		if !strings.HasPrefix(r.URL.Path, "/prefix/api/v1/") {
			http.NotFound(w, r)
			return
		}
		http.StripPrefix("/prefix", h).ServeHTTP(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) questions() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	asked := u.asked
	u.asked = nil
	return asked
}

// put writes one value of each series a minute, from ≤ t ≤ to, that is its
// time in minutes.
func (u *upstream) put(t *testing.T, from, to time.Time, series ...string) {
	t.Helper()
	var samples []barograph.Sample
	for at := from; !at.After(to); at = at.Add(time.Minute) {
		for _, text := range series {
			s, err := barograph.ParseSeries(text)
			if err != nil {
				t.Fatal(err)
			}
			samples = append(samples, barograph.Sample{Series: s, UnixMilli: at.UnixMilli(), Value: float64(at.Unix() / 60)})
		}
	}
	if err := u.store.Write(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
}

type ruleList struct {
	mu    sync.Mutex
	rules []barograph.Rule
	err   error
}

func (l *ruleList) Rules(context.Context, barograph.Page) ([]barograph.Rule, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rules, l.err
}

func (l *ruleList) set(rules ...barograph.Rule) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rules = rules
}

func ruleOf(id barograph.RuleID, source, query string) barograph.Rule {
	r := barograph.Rule{ID: id, Name: "rule " + string(id), Source: source, Query: query, Enabled: true}
	r.Series = r.QuerySelector()
	return r
}

// puller runs Sources on a store, until it is stopped.
type puller struct {
	*ingest.Sources

	stop func()
}

func startSources(t *testing.T, clock *clocktest.Clock, store *promtsdb.Store, rules *ruleList, cfgs ...ingest.SourceConfig) puller {
	t.Helper()
	s, err := ingest.NewSources(cfgs, ingest.SourceOptions{
		Rules: rules, All: rules, Writer: store, Reader: store,
		Past:  func(barograph.Rule) (span, step time.Duration) { return 2 * barograph.Day, 10 * time.Minute },
		Clock: clock, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return puller{s, stop}
}

func (p puller) status(t *testing.T, rule barograph.RuleID) barograph.QueryStatus {
	t.Helper()
	all, err := p.Statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for _, q := range s.Rules {
			if q.RuleID == rule {
				return q
			}
		}
	}
	t.Fatalf("no status of %s in %v", rule, all)
	return barograph.QueryStatus{}
}

func points(t *testing.T, store *promtsdb.Store, rule barograph.Rule, now time.Time) map[string][]barograph.Point {
	t.Helper()
	found, err := store.Select(t.Context(), barograph.Query{Selector: rule.Series, From: now.Add(-3 * barograph.Day), To: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]barograph.Point{}
	for _, s := range found {
		labels := s.Series.Labels.With(barograph.QueryIDLabel, "").With(barograph.QueryRuleLabel, "")
		out[labels.String()] = s.Points
	}
	return out
}

// TestSources fetches the past and then each minute; after a start, and after a
// time in which the source was away, what is missing and no more.
func TestSources(t *testing.T) {
	t.Parallel()
	start := time.Now().Truncate(time.Hour)
	clock := clocktest.New(start.Add(20 * time.Second))
	up := newUpstream(t, clocktest.New(start.Add(4*time.Hour)))
	up.put(t, start.Add(-3*barograph.Day), start.Add(3*time.Hour), `m{host="a"}`, `m{host="b",rule_id="theirs"}`)
	up.put(t, start.Add(-2*barograph.Day), start.Add(-barograph.Day), `m{host="gone"}`)
	store := openStore(t, clock)
	rule := ruleOf("rul_1", "up", "m * 2")
	rules := &ruleList{rules: []barograph.Rule{rule, ruleOf("rul_2", "other", "m"), {ID: "rul_3", Enabled: true}}}
	cfg := ingest.SourceConfig{Name: "up", URL: up.URL + "/prefix/", Token: "s3cret", Tenant: "t1"}
	p := startSources(t, clock, store, rules, cfg)
	step(clock, 0) // the first sweep is over when it waits for this
	step(clock, 0)
	got := points(t, store, rule, start)
	if len(got) != 2 || len(got[`{host="a"}`]) != len(got[`{exported_rule_id="theirs",host="b"}`]) {
		t.Fatalf("series %d: %v", len(got), got)
	}
	// Two days, all but the last 500 minutes in steps of ten.
	a := got[`{host="a"}`]
	if first := a[0]; first.UnixMilli != start.Add(-2*barograph.Day).UnixMilli() || first.Value != 2*float64(start.Add(-2*barograph.Day).Unix()/60) {
		t.Errorf("the first point is %s %v", time.UnixMilli(first.UnixMilli), first.Value)
	}
	if n := len(a); n != (48*60-500)/10+500+1 {
		t.Errorf("%d points", n)
	}
	for i := range len(a) - 1 {
		gap := a[i+1].UnixMilli - a[i].UnixMilli
		if want := time.Minute.Milliseconds(); gap != want && (gap != 10*want || a[i+1].UnixMilli > start.Add(-500*time.Minute).UnixMilli()) {
			t.Fatalf("from %s to the next point are %d ms", time.UnixMilli(a[i].UnixMilli), gap)
		}
	}
	if up.header.Get("Authorization") != "Bearer s3cret" || up.header.Get("X-Scope-Orgid") != "t1" {
		t.Errorf("headers %v", up.header)
	}
	up.questions()

	step(clock, time.Minute)
	step(clock, 0)
	if asked := up.questions(); len(asked) != 1 {
		t.Errorf("a minute takes the questions %v", asked)
	}
	want := barograph.QueryStatus{RuleID: "rul_1", RuleName: "rule rul_1", Series: 2, Until: start.Add(time.Minute).UTC()}
	if diff := cmp.Diff(want, p.status(t, "rul_1"), cmpopts.IgnoreFields(barograph.QueryStatus{}, "Answered")); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}

	// Away for ten minutes.
	up.away.Store(true)
	for range 10 {
		step(clock, time.Minute)
	}
	step(clock, 0)
	if s := p.status(t, "rul_1"); !strings.Contains(s.Error, "502") {
		t.Errorf("while away the status is %+v", s)
	}
	before := points(t, store, rule, start)
	if n := len(before[`{host="a"}`]); n != len(a)+1 {
		t.Errorf("while away there are %d points, before %d", n, len(a)+1)
	}
	up.away.Store(false)
	step(clock, time.Minute)
	step(clock, 0)
	if s := p.status(t, "rul_1"); s.Error != "" || s.Refused != 0 {
		t.Errorf("back again the status is %+v", s)
	}

	// Another server takes over half an hour later.
	p.stop()
	up.questions()
	clock.Move(30 * time.Minute)
	p = startSources(t, clock, store, rules, cfg)
	step(clock, 0)
	step(clock, 0)
	if asked := up.questions(); len(asked) != 2 {
		t.Errorf("going on takes the questions %v", asked)
	}
	after := points(t, store, rule, start)[`{host="a"}`]
	if n := len(after); n != len(a)+1+10+1+30 {
		t.Errorf("%d points in the end, want %d", n, len(a)+42)
	}
	for i := range len(after) - 1 {
		if i >= len(a)-1 && after[i+1].UnixMilli-after[i].UnixMilli != 60_000 {
			t.Errorf("a gap after %s", time.UnixMilli(after[i].UnixMilli))
		}
	}
	if s := p.status(t, "rul_1"); s.Refused != 0 {
		t.Errorf("going on wrote again what was there: %+v", s)
	}

	// Another query makes other series, from the beginning.
	changed := ruleOf("rul_1", "up", "m * 3")
	rules.set(changed)
	step(clock, time.Minute)
	step(clock, 0)
	triple := points(t, store, changed, start)[`{host="a"}`]
	if len(triple) < len(a) || triple[0].Value != 3*float64(triple[0].UnixMilli/60_000) {
		t.Errorf("the changed query has %d points, the first %v; want its past too, and nothing of the other", len(triple), triple[0])
	}
}

// TestSourceMistakes asks what gives no series: nothing is written, the status
// says why, and whoever makes such a rule is told at once where that is certain.
func TestSourceMistakes(t *testing.T) {
	t.Parallel()
	start := time.Now().Truncate(time.Minute)
	clock := clocktest.New(start)
	up := newUpstream(t, clock)
	up.put(t, start.Add(-time.Minute), start, `m{host="a"}`, `m{host="b"}`, `m{host="c"}`)
	thief := make(chan *http.Request, 10)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { thief <- r }))
	t.Cleanup(elsewhere.Close)
	answer := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	cfgs := []ingest.SourceConfig{
		{Name: "few", URL: up.URL + "/prefix", MaxSeries: 2},
		{Name: "gone", URL: "http://127.0.0.1:1"}, // nobody
		{Name: "locked", URL: answer(401, "who are you?"), Token: "s3cret"},
		{Name: "moved", URL: answer(307, ""), Token: "s3cret"},
		{Name: "page", URL: answer(200, "<html>hello</html>")},
		{Name: "broken", URL: answer(200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[["x","1"]]}]}}`)},
		{Name: "unnamed", URL: answer(200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a.b":"c"},"values":[[1,"1"]]},{"metric":{},"values":[[1,"NaN"],[2,"+Inf"]]}]}}`)},
	}
	cases := map[string]struct{ source, query, status, field string }{
		"rul_many":    {"few", "m", "more than 2 series", "query"},
		"rul_bad":     {"few", "m{", "refuses the query", "query"},
		"rul_range":   {"few", "m[5m]", "refuses the query", "query"},
		"rul_none":    {"few", "nothing", "", ""},
		"rul_gone":    {"gone", "m", "does not answer", ""},
		"rul_locked":  {"locked", "m", "refuses the key", ""},
		"rul_moved":   {"moved", "m", "not as Prometheus does", ""},
		"rul_page":    {"page", "m", "not as Prometheus does", ""},
		"rul_broken":  {"broken", "m", "not as Prometheus does", ""},
		"rul_unnamed": {"unnamed", "m", "", ""},
		"rul_unknown": {"nobody", "m", "", "source"},
	}
	store := openStore(t, clock)
	list := &ruleList{}
	for id, c := range cases {
		list.rules = append(list.rules, ruleOf(barograph.RuleID(id), c.source, c.query))
	}
	p := startSources(t, clock, store, list, cfgs...)
	for id := range cases { // until each was asked once
		for deadline := time.Now().Add(time.Minute); id != "rul_unknown" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if s := p.status(t, barograph.RuleID(id)); s.Error != "" || !s.Answered.IsZero() {
				break
			}
		}
	}
	for id, c := range cases {
		if s := p.status(t, barograph.RuleID(id)); c.status == "" && s.Error != "" || !strings.Contains(s.Error, c.status) || strings.Contains(s.Error, "127.0.0.1") {
			t.Errorf("%s: status %+v, want %q", id, s, c.status)
		}
		err := p.Check(t.Context(), c.source, c.query)
		var fields []string
		if e, ok := errors.AsType[*barograph.Error](err); ok {
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
			}
		}
		if strings.Join(fields, " ") != c.field {
			t.Errorf("%s: checked: %v, want the field %q", id, err, c.field)
		}
	}
	if s := p.status(t, "rul_unnamed"); s.Refused == 0 || !strings.Contains(s.Reason, "a.b") {
		t.Errorf("labels of other names: %+v", s)
	}
	statuses, err := p.Statuses(t.Context())
	if err != nil || len(statuses) != 8 || statuses[5].Name != "nobody" || !strings.Contains(statuses[5].Error, "few, gone") {
		t.Errorf("statuses %+v, %v", statuses, err)
	}
	found, err := store.Select(t.Context(), barograph.Query{From: start.Add(-3 * barograph.Day), To: start.Add(time.Hour)})
	if err != nil || len(found) > 0 {
		t.Errorf("stored %v, %v", found, err)
	}
	select {
	case r := <-thief:
		t.Errorf("the key went elsewhere: %v", r.Header)
	default:
	}
}

func TestSourceConfig(t *testing.T) {
	t.Parallel()
	good := ingest.SourceConfig{Name: "prod", URL: "http://127.0.0.1:9090"}
	for name, c := range map[string]struct {
		change func(*ingest.SourceConfig)
		field  string
	}{
		"good": {func(*ingest.SourceConfig) {}, ""},
		"all": {func(c *ingest.SourceConfig) {
			c.Username, c.Password, c.Tenant, c.Interval = "u", "p", "t", barograph.Duration(time.Hour)
		}, ""},
		"no name":        {func(c *ingest.SourceConfig) { c.Name = "" }, "[1].name"},
		"same name":      {func(c *ingest.SourceConfig) { c.Name = "first" }, "[1].name"},
		"no URL":         {func(c *ingest.SourceConfig) { c.URL = "" }, "[1].url"},
		"file":           {func(c *ingest.SourceConfig) { c.URL = "file:///etc/passwd" }, "[1].url"},
		"password":       {func(c *ingest.SourceConfig) { c.URL = "http://u:p@h" }, "[1].url"},
		"query":          {func(c *ingest.SourceConfig) { c.URL = "http://h/?a=b" }, "[1].url"},
		"token and user": {func(c *ingest.SourceConfig) { c.Token, c.Username = "t", "u" }, "[1].token"},
		"no user":        {func(c *ingest.SourceConfig) { c.Password = "p" }, "[1].username"},
		"interval":       {func(c *ingest.SourceConfig) { c.Interval = barograph.Duration(100 * time.Millisecond) }, "[1].interval"},
		"odd interval":   {func(c *ingest.SourceConfig) { c.Interval = barograph.Duration(1500 * time.Millisecond) }, "[1].interval"},
		"timeout":        {func(c *ingest.SourceConfig) { c.Timeout = barograph.Duration(time.Hour) }, "[1].timeout"},
		"series":         {func(c *ingest.SourceConfig) { c.MaxSeries = -1 }, "[1].max_series"},
	} {
		cfg := good
		c.change(&cfg)
		err := ingest.ValidateSources([]ingest.SourceConfig{{Name: "first", URL: "https://h"}, cfg})
		got := ""
		if e, ok := errors.AsType[*barograph.Error](err); ok && len(e.Fields) == 1 {
			got = e.Fields[0].Field
		}
		if got != c.field || (err != nil) != (c.field != "") || err != nil && strings.Contains(err.Error(), ":p@") {
			t.Errorf("%s: %v, want %q", name, err, c.field)
		}
	}
}
