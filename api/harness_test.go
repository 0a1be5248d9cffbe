package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/manage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// clock stands still until it is moved.
type clock struct{ offset atomic.Int64 }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (c *clock) Now() time.Time { return epoch.Add(time.Duration(c.offset.Load())) }

func (c *clock) Ticker(d time.Duration) (<-chan time.Time, func()) {
	return barograph.WallClock{}.Ticker(d)
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// bus hands what is published to those who subscribed.
type bus struct {
	subscribe  chan func(barograph.Event)
	unblocking chan struct{}
}

func newBus() *bus {
	return &bus{subscribe: make(chan func(barograph.Event), 100), unblocking: make(chan struct{})}
}

func (b *bus) Subscribe(ctx context.Context, patterns []string, fn func(barograph.Event)) error {
	b.subscribe <- func(e barograph.Event) {
		for _, p := range patterns {
			if barograph.MatchEventType(p, e.Type) {
				fn(e)
				return
			}
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

type forecasts []barograph.Forecast

func (f forecasts) Latest(_ context.Context, filter barograph.ForecastFilter) (found []barograph.Forecast, missing []string, err error) {
	return filter.Of(slices.Clone(f)), nil, nil
}

// backtests tells a backtest without series, or what it is made to tell.
type backtests func(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error)

func (b backtests) Backtest(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error) {
	if b != nil {
		return b(ctx, rule, from, to)
	}
	return barograph.Backtest{
		RuleID: rule.ID, RuleName: rule.Name, From: from, To: to, Summary: "in the last 30 days: no predictions; no breaches",
		Notes: []string{}, Predictions: []barograph.Prediction{}, Breaches: []barograph.Breach{}, Series: []barograph.SeriesHistory{},
		Score: barograph.Scorecard{RuleID: rule.ID, RuleName: rule.Name, From: from, To: to, Reliability: []barograph.ReliabilityBin{}},
		Step:  barograph.Duration(time.Hour), Steps: 720, Took: barograph.Duration(3 * time.Millisecond),
	}, nil
}

// sources are one that takes every query but those with a brace left open.
type sources struct{}

func (sources) Check(_ context.Context, source, query string) error {
	var p barograph.Problems
	if source != "prometheus" {
		p.Addf("source", "%q is not among the sources of the configuration, which are prometheus", source)
	}
	if strings.Count(query, "{") != strings.Count(query, "}") {
		p.Addf("query", "source prometheus refuses the query: parse error")
	}
	return p.Err("rule")
}

func (sources) Statuses(context.Context) (all []barograph.SourceStatus, missing []string, err error) {
	return []barograph.SourceStatus{{
		Name: "prometheus", Interval: barograph.Duration(time.Minute),
		Rules: []barograph.QueryStatus{{RuleID: "rul_1", RuleName: "errors", Series: 2, Answered: epoch, Until: epoch}},
	}, {Name: "gone", Rules: []barograph.QueryStatus{}, Error: "the configuration has no source of this name, it has prometheus"}}, []string{"server srv_2: it did not answer in time"}, nil
}

// listed are series that always have samples.
type listed []string

func (l listed) Series(_ context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	for _, text := range l {
		s, err := barograph.ParseSeries(text)
		if err != nil {
			return nil, false, err
		}
		if q.Selector.Matches(s) {
			found = append(found, s)
		}
	}
	return found[:min(q.Limit, len(found))], len(found) > q.Limit, nil
}

// restorer restores rules and tells nobody.
type restorer struct{ db *configdb.DB }

func (r restorer) Restore(ctx context.Context, id barograph.RuleID) (barograph.Rule, error) {
	if err := r.db.Record(ctx, barograph.Change{Standings: []barograph.RuleStanding{{RuleID: id, At: epoch.Add(time.Hour)}}}); err != nil {
		return barograph.Rule{}, err
	}
	return r.db.Rule(ctx, id)
}

// curves are flat.
type curves struct{}

func (curves) Curve(_ context.Context, rule barograph.RuleID, series barograph.Series, level float64) (barograph.Curve, error) {
	if series.Labels.Get("host") == "gone" {
		return barograph.Curve{}, barograph.Errorf(barograph.KindNotFound, "there is nothing of %s", series)
	}
	known := 0.5
	return barograph.Curve{
		RuleID: rule, Series: series, MadeAt: epoch, Operator: barograph.Above, Limit: 0.9, Start: epoch, StepSeconds: 3600,
		History: []*float64{&known, nil}, Mean: []float64{0.5}, Lower: []float64{0.4}, Upper: []float64{0.6},
		Level: level, Models: []barograph.CurveModel{{Name: "seasonal naive", Weight: 1}},
	}, nil
}

// options are what a server of the tests is made of.
type options struct {
	api.Options

	people manage.Options // of Manage, which is made last
}

// server is the API on a real database and a real listener.
type server struct {
	*httptest.Server

	t       testing.TB
	api     *api.API
	db      *configdb.DB
	clock   *clock
	bus     *bus
	set     *metrics.Set
	log     *syncBuffer
	options api.Options
	keys    map[barograph.Role]barograph.Secret
	host    barograph.Host // whose key is keys[RoleAgent]
	router  routers.Router
}

func newServer(tb testing.TB, change ...func(*options)) *server {
	tb.Helper()
	s := &server{t: tb, clock: &clock{}, bus: newBus(), set: metrics.NewSet(), log: &syncBuffer{}, keys: map[barograph.Role]barograph.Secret{}}
	db, err := configdb.Open(tb.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: tb.TempDir(), Clock: s.clock})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	s.db = db
	o := s.defaults()
	deliver(&o, everyChannel())
	for _, c := range change {
		c(&o)
	}
	if o.Manage, err = manage.New(o.people); err != nil {
		tb.Fatal(err)
	}
	if s.api, err = api.New(o.Options); err != nil {
		tb.Fatal(err)
	}
	s.options = o.Options
	s.Server = httptest.NewUnstartedServer(s.api)
	s.Server.Config = api.NewServer(s.api)
	s.Server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Server.Start()
	tb.Cleanup(func() { s.api.Close(); s.Server.Close() })
	s.enrol()
	s.loadSpec()
	return s
}

func (s *server) defaults() options {
	taken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := barograph.IdentityFrom(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"accepted":1,"host":"`+string(id.HostID)+`"}`)
	})
	o := options{Options: api.Options{
		Config: api.DefaultConfig(),
		Hosts:  s.db, Seen: s.db, Checks: s.db, Targets: s.db, Rules: s.db, Sources: sources{},
		Series:        listed{`a{host="x"}`, `a{host="y"}`, `b{host="x"}`},
		Subscriptions: s.db, Deliveries: s.db, Silences: s.db, Audit: s.db, Events: s.db, Predictions: s.db,
		Forecasts: forecasts{}, Curves: curves{}, Scorecards: s.db, Tokens: s.db, Keys: s.db, Subscriber: s.bus,
		ShellEquivalent: func(c barograph.CollectorName) (metric, command string) {
			if c == barograph.CollectorLoad {
				return "load_per_cpu_ratio", "cut -d' ' -f1 /proc/loadavg"
			}
			return "", ""
		},
		Submit: taken, Samples: taken, PromQL: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"path":%q}`, r.URL.Path)
		}),
		LineProtocol: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		RemoteWrite: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := barograph.IdentityFrom(r.Context())
			w.Header().Set("X-Sender", id.Name)
			w.WriteHeader(http.StatusNoContent)
		}),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.set.WritePrometheus(w) }),
		Backups: noBackup(),
		Clock:   s.clock, Set: s.set,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}}
	o.people = s.people(o.Logger)
	return o
}

// people is what people do on the server's database.
func (s *server) people(logger *slog.Logger) manage.Options {
	var secrets atomic.Int64
	return manage.Options{
		Hosts: s.db, HostKeys: s.db, Checks: s.db, Targets: s.db, Rules: s.db, Sources: sources{}, Restorer: restorer{s.db},
		Backtester: backtests(nil), Subscriptions: s.db, Secrets: s.db, Events: s.db, Silences: s.db, Warnings: s.db, Tokens: s.db,
		NewWebhookSecret: func() barograph.Secret {
			if secrets.Add(1) == 1 {
				return firstSecret
			}
			return alerting.NewWebhookSecret()
		},
		Clock: s.clock, Logger: logger,
	}
}

// enrol makes a key for each role.
func (s *server) enrol() {
	s.t.Helper()
	for _, role := range []barograph.Role{barograph.RoleViewer, barograph.RoleOperator, barograph.RoleAdmin} {
		s.keys[role] = s.token(string(role), role, time.Time{})
	}
	key := barograph.NewKey(barograph.RoleAgent)
	hash, err := barograph.HashKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.host = barograph.Host{
		ID: barograph.HostID(barograph.NewID("hst", epoch.Add(-time.Hour))), Name: "web-1",
		Labels: barograph.NewLabels(map[string]string{"os": "debian"}), CreatedAt: epoch,
	}
	if err := s.db.CreateHost(context.Background(), s.host, hash); err != nil {
		s.t.Fatal(err)
	}
	s.keys[barograph.RoleAgent] = key
}

func (s *server) token(name string, role barograph.Role, expires time.Time) barograph.Secret {
	s.t.Helper()
	key := barograph.NewKey(role)
	hash, err := barograph.HashKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	token := barograph.Token{
		ID: barograph.TokenID(barograph.NewID("tok", epoch)), Name: name, Role: role, Prefix: barograph.KeyPrefix(key), ExpiresAt: expires,
	}
	if err := s.db.CreateToken(context.Background(), token, hash); err != nil {
		s.t.Fatal(err)
	}
	return key
}

func loadSpec(tb testing.TB) *openapi3.T {
	tb.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

// specRouter finds the operation of a request in openapi.yaml; it is made once,
// since every server of the tests needs it.
var specRouter = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

func (s *server) loadSpec() {
	s.t.Helper()
	var err error
	if s.router, err = specRouter(); err != nil {
		s.t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call makes a request as the bearer of the role's key, and checks that the
// answer is what openapi.yaml says. A nil body sends none.
func (s *server) call(role barograph.Role, method, path string, body any, headers ...string) answer {
	s.t.Helper()
	r := s.request(method, path, body, headers...)
	if key := s.keys[role]; key != "" {
		r.Header.Set("Authorization", "Bearer "+key.Reveal())
	}
	return s.do(r)
}

func (s *server) request(method, path string, body any, headers ...string) *http.Request {
	s.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, s.URL+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func (s *server) do(r *http.Request) answer {
	s.t.Helper()
	resp, err := s.Client().Transport.RoundTrip(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, body}
	s.conforms(r, a)
	return a
}

// conforms checks the answer against openapi.yaml. Every refusal is a problem.
func (s *server) conforms(r *http.Request, a answer) {
	s.t.Helper()
	if a.status >= 400 && a.status != http.StatusServiceUnavailable && r.Method != http.MethodHead {
		var p api.Problem
		if err := json.Unmarshal(a.body, &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" || p.Status != a.status {
			s.t.Errorf("%s %s: %d is not a problem: %s %s", r.Method, r.URL, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	plain := r.Clone(r.Context())
	plain.URL.Scheme, plain.URL.Host, plain.Host = "", "", ""
	route, params, err := s.router.FindRoute(plain)
	if err != nil {
		return // not in the document
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: plain, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		s.t.Errorf("%s %s: answer does not conform: %v\n%s", r.Method, r.URL, err, a.body)
	}
}

// want fails unless the answer has the status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	if a.status != status {
		tb.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

func (a answer) into(tb testing.TB, v any) {
	tb.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		tb.Fatalf("%v: %s", err, a.body)
	}
}

var (
	ids  = regexp.MustCompile(`\b(hst|chk|tgt|rul|sub|ept|tok|evt|prd|brc|dlv|sil|aud|req)_[0-9a-z]{26}\b`)
	keys = regexp.MustCompile(`\bbaro_([a-z]{3})_[0-9A-Za-z]{36}\b`)
	cuts = regexp.MustCompile(`\bbaro_([a-z]{3})_[0-9A-Za-z]{7}\b`)
)

// golden compares the answer's body, without what is random, with a file.
func (a answer) golden(tb testing.TB, name string) {
	tb.Helper()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, a.body, "", "  "); err != nil {
		tb.Fatalf("%v: %s", err, a.body)
	}
	got := ids.ReplaceAllString(strings.TrimSpace(pretty.String())+"\n", "${1}_ID")
	got = keys.ReplaceAllString(got, "baro_${1}_KEY")
	got = cuts.ReplaceAllString(got, "baro_${1}_CUT")
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
