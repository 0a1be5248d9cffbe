package engines_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/test/harness"
)

// newPair returns two servers at work, each of which holds half of it.
func newPair(t *testing.T) (c *crew, one, two *harness.Process) {
	t.Helper()
	c = newCrew(t, sqliteFile(t))
	c.config += "forecast: {interval: 1s}\n"
	one, two = c.start(), c.start()
	harness.Eventually(t, time.Minute, func() string {
		for _, s := range []*harness.Process{one, two} {
			if text := c.read(s, "/metrics"); !strings.Contains(text, "barograph_servers 2\n") || !strings.Contains(text, "barograph_shares_held 16\n") {
				return "a server does not hold half of the work"
			}
		}
		return ""
	})
	return c, one, two
}

func (c *crew) read(s *harness.Process, path string) string {
	c.t.Helper()
	return c.readAs(s, path, c.token)
}

// forecastPage is what one server says of forecasts.
type forecastPage struct {
	Items      []barograph.Forecast `json:"items"`
	Incomplete []string             `json:"incomplete"`
}

// ours counts those that are not about what every server measures by itself.
func (p forecastPage) ours() (n int) {
	for _, f := range p.Items {
		if strings.HasPrefix(f.Series.Metric, "load_") {
			n++
		}
	}
	return n
}

// TestServersTellTheSame: it does not matter which server is asked.
func TestServersTellTheSame(t *testing.T) {
	t.Parallel()
	c, one, two := newPair(t)
	const rules, series = 8, 30
	for n := range rules {
		one.Call(t, http.MethodPost, "/api/v1/rules", c.token, map[string]any{
			"name": fmt.Sprintf("rule %d", n), "series": fmt.Sprintf("load_%d", n), "operator": ">", "limit": 1000, "horizon": "1h",
		}, nil)
	}
	key := one.AddHost(t, "crew")
	var lines strings.Builder
	for back := range 240 {
		at := time.Now().Add(-time.Duration(back) * 30 * time.Second).UnixMilli()
		for n := range rules * series {
			value := 900 - float64(back*(n%7)) + float64((back*7919+n)%13)
			fmt.Fprintf(&lines, "load_%d,place=%d value=%g %d\n", n/series, n%series, value, at)
		}
	}
	two.Call(t, http.MethodPost, "/api/v2/write?precision=ms", key, lines.String(), nil)

	same := func(query string) forecastPage {
		t.Helper()
		path := "/api/v1/forecasts?" + query
		var text string
		var page forecastPage
		harness.Eventually(t, time.Minute, func() string { // they are made anew now and then
			text = c.read(one, path)
			if other := c.read(two, path); other != text {
				return fmt.Sprintf("%s: servers tell %d and %d bytes", path, len(text), len(other))
			}
			page = forecastPage{}
			if err := json.Unmarshal([]byte(text), &page); err != nil {
				t.Fatal(err)
			}
			if page.Incomplete != nil {
				return fmt.Sprintf("%s: incomplete: %q", path, page.Incomplete)
			}
			return ""
		})
		return page
	}
	harness.Eventually(t, time.Minute, func() string {
		var page forecastPage
		one.Call(t, http.MethodGet, "/api/v1/forecasts?limit=1000", c.token, nil, &page)
		if page.ours() != rules*series {
			return fmt.Sprintf("%d forecasts", page.ours())
		}
		return ""
	})
	all := same("limit=1000")
	if all.ours() != rules*series {
		t.Errorf("%d forecasts, want %d", all.ours(), rules*series)
	}
	inOrder := slices.IsSortedFunc(all.Items, func(a, b barograph.Forecast) int { return cmp.Compare(b.Probability, a.Probability) })
	if !inOrder || all.Items[0].Probability == 0 {
		t.Error("the forecasts are not in the order of their probability")
	}
	if page := same("limit=7"); len(page.Items) != 7 {
		t.Errorf("%d forecasts, want 7", len(page.Items))
	}
	if page := same("limit=1000&rule_id=" + string(all.Items[0].RuleID)); len(page.Items) != series {
		t.Errorf("%d forecasts of a rule, want %d", len(page.Items), series)
	}
	state := all.Items[len(all.Items)-1].State
	if page := same("limit=1000&state=" + string(state)); len(page.Items) == 0 || page.Items[0].State != state {
		t.Errorf("%d forecasts of state %s", len(page.Items), state)
	}
	for _, path := range []string{
		"/api/v1/rules", "/api/v1/predictions", "/api/v1/breaches", "/api/v1/hosts", "/api/v1/targets", "/api/v1/checks", "/api/v1/sources",
		"/api/v1/subscriptions", "/api/v1/silences", "/api/v1/events?limit=1000&to=" + time.Now().Add(-5*time.Second).UTC().Format(time.RFC3339),
	} {
		harness.Eventually(t, time.Minute, func() string { // what happens goes on
			if here, there := c.read(one, path), c.read(two, path); here != there {
				return fmt.Sprintf("%s: one tells %s\nand the other %s", path, here, there)
			}
			return ""
		})
	}

	t.Log("the other one is paused")
	var page forecastPage
	const inTime = 4 * time.Second
	clocktest.AtMost(t, inTime, "the answer without the other one", func() time.Duration {
		same("limit=1000")
		two.Suspend(t)
		began := time.Now()
		page = forecastPage{}
		one.Call(t, http.MethodGet, "/api/v1/forecasts?limit=1000", c.token, nil, &page)
		took := time.Since(began)
		two.Resume(t)
		if took <= inTime && (len(page.Incomplete) != 1 || !strings.Contains(page.Incomplete[0], "did not answer in time")) {
			t.Errorf("after %s: incomplete %q", took, page.Incomplete)
		}
		return took
	})
	if n := page.ours(); n == 0 || n >= rules*series {
		t.Errorf("%d forecasts of one server", n)
	}
	same("limit=1000")

	t.Log("it is killed")
	two.Kill()
	harness.Eventually(t, 5*time.Second, func() string { // before it is struck off
		page = forecastPage{}
		one.Call(t, http.MethodGet, "/api/v1/forecasts?limit=1000", c.token, nil, &page)
		if len(page.Incomplete) != 1 || !strings.Contains(page.Incomplete[0], "it is not on the bus") {
			return fmt.Sprintf("incomplete %q", page.Incomplete)
		}
		return ""
	})
	killed := time.Now()
	harness.Eventually(t, time.Minute, func() string {
		page = forecastPage{}
		one.Call(t, http.MethodGet, "/api/v1/forecasts?limit=1000", c.token, nil, &page)
		if page.ours() != rules*series || page.Incomplete != nil {
			return fmt.Sprintf("%d forecasts, incomplete %q", page.ours(), page.Incomplete)
		}
		return ""
	})
	t.Logf("whole again %s after a kill", time.Since(killed).Round(time.Millisecond))
}

// TestServersObeyOneAnother: what people do at one server takes effect at the one
// whose work it is.
func TestServersObeyOneAnother(t *testing.T) {
	t.Parallel()
	c, one, two := newPair(t)
	receiver := c.employ(one)
	c.say(two, 1)
	c.say(one, 200)
	c.wantBreaches(one, 1, 0)
	c.wantDelivered(receiver, crewRules)

	t.Log("breaches are taken on")
	var breaches struct{ Items []barograph.Breach }
	one.Call(t, http.MethodGet, "/api/v1/breaches?limit=100", c.token, nil, &breaches)
	for _, b := range breaches.Items {
		one.Call(t, http.MethodPost, "/api/v1/breaches/"+string(b.ID)+"/acknowledge", c.token, nil, nil)
		var seen barograph.Breach
		two.Call(t, http.MethodGet, "/api/v1/breaches/"+string(b.ID), c.token, nil, &seen)
		if seen.Acknowledged == nil {
			t.Errorf("the other server does not know who took on %s", b.ID)
		}
	}
	c.wantTold(receiver, "breach.acknowledged", crewRules)

	t.Log("a silence begins")
	var silence barograph.Silence
	one.Call(t, http.MethodPost, "/api/v1/silences", c.token, map[string]any{
		"matchers": `{rule=~"crew.*"}`, "duration": "1h", "comment": "a test",
	}, &silence)
	time.Sleep(8 * time.Second) // it is told within 2
	c.say(one, 1)
	c.wantBreaches(one, 1, 1)
	c.say(two, 200)
	c.wantBreaches(one, 2, 1)
	time.Sleep(2 * time.Second)
	c.wantTold(receiver, "breach.started", crewRules)
	two.Call(t, http.MethodDelete, "/api/v1/silences/"+string(silence.ID), c.token, nil, nil)
	c.wantTold(receiver, "breach.started", 2*crewRules) // they go on

	t.Log("an endpoint is put out of service, and tested")
	var sub barograph.Subscription
	one.Call(t, http.MethodGet, "/api/v1/subscriptions/"+string(receiver.Subscription), c.token, nil, &sub)
	endpoint := "/api/v1/subscriptions/" + string(sub.ID) + "/endpoints/" + string(sub.Endpoints[0].ID)
	one.Call(t, http.MethodPost, endpoint+"/disable", c.token, nil, nil)
	ended := c.told(receiver, "breach.ended")
	c.say(one, 1)
	c.wantBreaches(two, 2, 2)
	time.Sleep(2 * time.Second)
	if n := c.told(receiver, "breach.ended"); n != ended {
		t.Errorf("an endpoint out of service was told of %d", n-ended)
	}
	two.Call(t, http.MethodPost, endpoint+"/enable", c.token, nil, nil)
	var attempt barograph.Attempt
	one.Call(t, http.MethodPost, endpoint+"/test", c.token, nil, &attempt)
	if attempt.Error != "" {
		t.Errorf("test: %s", attempt.Error)
	}

	t.Log("events are replayed")
	var replayed struct{ Deliveries int }
	two.Call(t, http.MethodPost, "/api/v1/subscriptions/"+string(sub.ID)+"/replay", c.token, map[string]any{
		"from": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
	}, &replayed)
	if replayed.Deliveries < 2*crewRules {
		t.Errorf("%d deliveries were planned", replayed.Deliveries)
	}
	c.wantTold(receiver, "breach.ended", 2*crewRules)

	t.Log("rules, targets and checks are changed")
	var rules struct{ Items []barograph.Rule }
	one.Call(t, http.MethodGet, "/api/v1/rules?limit=100", c.token, nil, &rules)
	for _, r := range rules.Items {
		if strings.HasPrefix(r.Name, "crew") {
			one.Call(t, http.MethodPut, "/api/v1/rules/"+string(r.ID), c.token, map[string]any{
				"name": r.Name, "series": r.Series.String(), "operator": ">", "limit": 300,
			}, nil)
		}
	}
	var targets struct{ Items []barograph.Target }
	one.Call(t, http.MethodGet, "/api/v1/targets?limit=100", c.token, nil, &targets)
	for _, target := range targets.Items {
		one.Call(t, http.MethodPut, "/api/v1/targets/"+string(target.ID), c.token, map[string]any{
			"name": target.Name, "kind": target.Kind, "address": target.Address, "enabled": false,
		}, nil)
	}
	one.Call(t, http.MethodPost, "/api/v1/checks", c.token, map[string]any{
		"name": "widgets", "command": "echo 1", "interval": "1m", "timeout": "5s", "enabled": true,
	}, nil)
	if text := c.readAs(two, "/api/agent/config", c.key); !strings.Contains(text, "widgets") {
		t.Errorf("the other server has agents check %s", text)
	}
	time.Sleep(8 * time.Second)
	stopped := time.Now()
	c.say(two, 250)
	time.Sleep(2 * crewInterval)
	c.wantBreaches(one, 2, 2)
	c.say(one, 350)
	c.wantBreaches(two, 3, 2)
	for n, d := range c.doors {
		if knocks := d.since(stopped); len(knocks) > 0 {
			t.Errorf("target %d is disabled and was probed %d times", n, len(knocks))
		}
	}

	t.Log("curves and backtests")
	for _, s := range []*harness.Process{one, two} {
		var test barograph.Backtest
		s.Call(t, http.MethodPost, "/api/v1/rules/backtest", c.token, map[string]any{
			"rule": map[string]any{"name": "tried", "series": "crew_1", "operator": ">", "limit": 100},
		}, &test)
		if len(test.Breaches) != 3 {
			t.Errorf("a backtest finds %d breaches, want 3: %s", len(test.Breaches), test.Summary)
		}
	}
}

func (c *crew) readAs(s *harness.Process, path string, key barograph.Secret) string {
	c.t.Helper()
	status, text, err := s.Do(c.t.Context(), http.MethodGet, path, key, nil)
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("GET %s: status %d, %v: %s", path, status, err, text)
	}
	return string(text)
}

// told counts the events of the type about rules of the crew that arrived.
func (c *crew) told(r *harness.Receiver, kind string) int {
	times := map[barograph.EventID]bool{}
	for _, got := range r.Events() {
		if e := got.Event; string(e.Type) == kind && e.Data.Rule != nil && strings.HasPrefix(e.Data.Rule.Name, "crew") {
			times[e.ID] = true
		}
	}
	return len(times)
}

func (c *crew) wantTold(r *harness.Receiver, kind string, want int) {
	c.t.Helper()
	harness.Eventually(c.t, time.Minute, func() string {
		if got := c.told(r, kind); got != want {
			return fmt.Sprintf("%d events of type %s arrived, want %d", got, kind, want)
		}
		return ""
	})
}
