package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/internal/clocktest"
)

// asked is what a backtest was asked for.
type asked struct {
	rule     barograph.Rule
	from, to time.Time
}

// newBacktestServer returns a server whose backtests are noted.
func newBacktestServer(t *testing.T) (s *server, last *asked) {
	t.Helper()
	last = &asked{}
	return newServer(t, func(o *options) {
		o.people.Backtester = backtests(func(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error) {
			*last = asked{rule, from, to}
			return backtests(nil).Backtest(ctx, rule, from, to)
		})
	}), last
}

const backtestPath = "/api/v1/rules/backtest"

func TestBacktestOfARuleThatIsNotSaved(t *testing.T) {
	t.Parallel()
	s, last := newBacktestServer(t)
	s.call(barograph.RoleOperator, "POST", backtestPath, `{"rule":{"name":"disk","series":"disk_used_ratio","operator":">","limit":0.9}}`).
		want(t, 200).golden(t, "backtest")
	want := asked{from: epoch.Add(-30 * barograph.Day), to: epoch, rule: barograph.Rule{
		Name: "disk", Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9,
		Horizon: barograph.Duration(3 * barograph.Day), OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning, Enabled: true,
	}}
	if diff := cmp.Diff(want, *last, cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	var list api.RuleList
	s.call(barograph.RoleViewer, "GET", "/api/v1/rules", nil).want(t, 200).into(t, &list)
	if len(list.Items) != 0 {
		t.Errorf("the rule was saved: %+v", list.Items)
	}
}

func TestBacktestOfASavedRule(t *testing.T) {
	t.Parallel()
	s, last := newBacktestServer(t)
	var saved barograph.Rule
	s.call(barograph.RoleOperator, "POST", "/api/v1/rules", resources()[3].least).want(t, 201).into(t, &saved)
	s.call(barograph.RoleOperator, "POST", backtestPath,
		`{"rule_id":"`+string(saved.ID)+`","from":"2025-11-01T00:00:00Z","to":"2025-12-01T00:00:00+01:00"}`).want(t, 200)
	from, to := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 11, 30, 23, 0, 0, 0, time.UTC)
	if last.rule.ID != saved.ID || last.rule.Name != saved.Name || !last.from.Equal(from) || !last.to.Equal(to) {
		t.Errorf("asked for %+v", *last)
	}
	s.call(barograph.RoleOperator, "POST", backtestPath, `{"rule_id":"`+string(saved.ID)+`","to":"2025-12-01T00:00:00Z"}`).want(t, 200)
	if got := last.to.Sub(last.from); got != 30*barograph.Day {
		t.Errorf("without from it looks at %s", got)
	}
}

func TestBacktestRefusals(t *testing.T) {
	t.Parallel()
	s, _ := newBacktestServer(t)
	const rule = `{"name":"disk","series":"disk_used_ratio","operator":">","limit":0.9}`
	for body, want := range map[string]struct {
		status int
		words  string
	}{
		`{}`:                                  {422, "rule"},
		`{"rule":` + rule + `,"rule_id":"r"}`: {422, "rule_id"},
		`{"rule_id":"rul_gone"}`:              {404, "rul_gone"},
		`{"rule_id":7}`:                       {422, "rule_id"},
		`{"rule":{"name":"disk"}}`:            {422, "rule.limit"},
		`{"rule":{"name":"disk","series":"{host=\"a\"}","operator":">","limit":1}}`:                                {422, "rule.series"},
		`{"rule":{"name":"d","series":"m","operator":">","limit":1,"horizon":"91d","open_at":0.2,"close_at":0.3}}`: {422, "rule.horizon"},
		`{"rule":` + rule + `,"from":"yesterday"}`:                                                                 {422, "from"},
		`{"rule":` + rule + `,"since":"2026-01-01T00:00:00Z"}`:                                                     {422, "since"},
		`{"rule":` + rule + `,"to":null}`:                                                                          {422, "to"},
		`{"rule":null}`:                                                                                            {422, "rule"},
		`[]`:                                                                                                       {422, "body"},
		`{"rule":` + rule + `}{"rule":` + rule + `}`:                                                               {400, "body"},
		`{"rule":`: {400, "body"},
		`{"rule":{"name":"` + strings.Repeat("x", 2<<20) + `"}}`: {413, "1048576"},
	} {
		a := s.call(barograph.RoleOperator, "POST", backtestPath, body)
		if a.status != want.status || !strings.Contains(string(a.body), want.words) {
			t.Errorf("%.120s: %d %s, want %d and %q", body, a.status, a.body, want.status, want.words)
		}
	}
}

// failures of a backtest are told to whoever asked for one, and do no harm to
// whoever saved a rule.
func TestBacktestFailures(t *testing.T) {
	t.Parallel()
	tooMuch := barograph.Problems{}
	tooMuch.Addf("from", "9 forecasts would be made")
	for name, c := range map[string]struct {
		err    error
		status int
		note   string
	}{
		"too much":    {tooMuch.Err("backtest"), 422, "invalid backtest: from: 9 forecasts would be made"},
		"unavailable": {barograph.Errorf(barograph.KindUnavailable, "the store is away"), 503, "the store is away"},
		"our fault":   {errors.New("secret words"), 500, "it failed; the server's log tells more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(o *options) {
				o.people.Backtester = backtests(func(context.Context, barograph.Rule, time.Time, time.Time) (barograph.Backtest, error) {
					return barograph.Backtest{}, c.err
				})
			})
			a := s.call(barograph.RoleOperator, "POST", backtestPath, `{"rule":`+resources()[3].least+`}`).want(t, c.status)
			if strings.Contains(string(a.body), "secret") {
				t.Errorf("told too much: %s", a.body)
			}
			for _, save := range []func() answer{
				func() answer {
					return s.call(barograph.RoleOperator, "POST", "/api/v1/rules", resources()[3].least).want(t, 201)
				},
				func() answer {
					return s.call(barograph.RoleOperator, "PUT", s.onlyRule(), resources()[3].other).want(t, 200)
				},
			} {
				var saved struct {
					barograph.Rule

					Backtest *barograph.Backtest `json:"backtest"`
					Note     string              `json:"backtest_note"`
				}
				save().into(t, &saved)
				if saved.ID == "" || saved.Backtest != nil || saved.Note != c.note {
					t.Errorf("saved: %+v", saved)
				}
			}
		})
	}
}

func (s *server) onlyRule() string {
	s.t.Helper()
	var list api.RuleList
	s.call(barograph.RoleViewer, "GET", "/api/v1/rules", nil).want(s.t, 200).into(s.t, &list)
	if len(list.Items) != 1 {
		s.t.Fatalf("%d rules", len(list.Items))
	}
	return "/api/v1/rules/" + string(list.Items[0].ID)
}

// A backtest that takes long is cut off when a rule is saved, and goes on for
// whoever asked for it.
func TestSavingDoesNotWaitForABacktest(t *testing.T) {
	t.Parallel()
	cut := make(chan error, 1)
	s := newServer(t, func(o *options) {
		o.people.Backtester = backtests(func(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error) {
			if rule.ID == "" {
				return backtests(nil).Backtest(ctx, rule, from, to)
			}
			<-ctx.Done()
			cut <- ctx.Err()
			return barograph.Backtest{}, context.Cause(ctx)
		})
	})
	clocktest.AtMost(t, 4*time.Second, "saving", func() time.Duration {
		began := time.Now()
		a := s.call(barograph.RoleOperator, "POST", "/api/v1/rules", resources()[3].least).want(t, 201)
		took := time.Since(began)
		var saved map[string]any
		a.into(t, &saved)
		if note, _ := saved["backtest_note"].(string); saved["backtest"] != nil || !strings.Contains(note, "longer than 2s") {
			t.Errorf("backtest %v, note %q", saved["backtest"], note)
		}
		if err := <-cut; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the backtest was ended by %v", err)
		}
		s.call(barograph.RoleOperator, "DELETE", s.onlyRule(), nil).want(t, 204)
		return took
	})
}

// A backtest ends when nobody waits for it any more.
func TestBacktestEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	running, ended := make(chan bool), make(chan bool)
	s := newServer(t, func(o *options) {
		o.people.Backtester = backtests(func(ctx context.Context, _ barograph.Rule, _, _ time.Time) (barograph.Backtest, error) {
			close(running)
			select {
			case <-ctx.Done():
				close(ended)
			case <-time.After(30 * time.Second):
			}
			return barograph.Backtest{}, context.Cause(ctx)
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	r := s.request("POST", backtestPath, `{"rule":`+resources()[3].least+`}`).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+s.keys[barograph.RoleOperator].Reveal())
	go func() {
		<-running
		cancel()
	}()
	if resp, err := s.Client().Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("answered with %s", resp.Status)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Error("it goes on")
	}
}
