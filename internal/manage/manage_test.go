package manage_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

func TestOptionsAreNeeded(t *testing.T) {
	t.Parallel()
	_, err := manage.New(manage.Options{})
	if got := fields(err); len(got) != 21 {
		t.Errorf("%d options are named: %v", len(got), got)
	}
}

func TestHostsKeys(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	h, key, err := d.Hosts.Create(ctx, manage.HostInput{Name: "web-1"})
	if err != nil {
		t.Fatal(err)
	}
	owner := func(key barograph.Secret) barograph.HostID {
		hash := must[barograph.KeyHash](t)(barograph.HashKey(key))
		found, err := d.db.HostByKey(ctx, hash)
		if err != nil {
			return ""
		}
		return found.ID
	}
	if owner(key) != h.ID || d.forgot != 0 {
		t.Errorf("a new key is %q's, and %d were told to forget", owner(key), d.forgot)
	}
	_, renewed, err := d.Hosts.RenewKey(ctx, h.ID)
	if err != nil || owner(key) != "" || owner(renewed) != h.ID || d.forgot != 1 {
		t.Errorf("renewed: %v; the old key is %q's, the new one %q's; %d", err, owner(key), owner(renewed), d.forgot)
	}
	if got, err := d.Hosts.Replace(ctx, h.ID, manage.HostInput{Name: "web-2"}); err != nil || got.Name != "web-2" || d.forgot != 2 {
		t.Errorf("replaced: %v %v %d", got, err, d.forgot)
	}
	if err := d.Hosts.Delete(ctx, h.ID); err != nil || owner(renewed) != "" || d.forgot != 3 {
		t.Errorf("deleted: %v %d", err, d.forgot)
	}
	if err := d.Hosts.Delete(ctx, h.ID); barograph.KindOf(err) != barograph.KindNotFound || d.forgot != 3 {
		t.Errorf("deleted again: %v %d", err, d.forgot)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	token, key, err := d.Tokens.Create(ctx, manage.TokenInput{Name: "Grafana", Role: barograph.RoleViewer})
	if err != nil || token.Prefix != barograph.KeyPrefix(key) {
		t.Fatalf("%v %v", token, err)
	}
	hash := must[barograph.KeyHash](t)(barograph.HashKey(key))
	if got, err := d.db.TokenByKey(ctx, hash); err != nil || got.ID != token.ID {
		t.Errorf("%v %v", got, err)
	}
	if err := d.Tokens.Delete(ctx, token.ID); err != nil || d.forgot != 1 {
		t.Errorf("%v %d", err, d.forgot)
	}
	_, none, err := d.Tokens.Create(ctx, manage.TokenInput{Role: barograph.RoleAgent, ExpiresAt: epoch})
	if diff := cmp.Diff([]string{"expires_at", "name", "role"}, fields(err)); diff != "" || none != "" {
		t.Errorf("%v %s", none, diff)
	}
}

// What is left out is filled in.
func TestDefaults(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	const s, m = barograph.Duration(time.Second), barograph.Duration(time.Minute)
	c := must[barograph.Check](t)(d.Checks.Create(ctx, manage.CheckInput{Name: "queue", Command: "echo 1"}))
	if c.Interval != m || c.Timeout != 30*s || !c.Enabled || !c.CreatedAt.Equal(epoch) {
		t.Errorf("check: %+v", c)
	}
	short := 10 * s
	if c = must[barograph.Check](t)(d.Checks.Replace(ctx, c.ID, manage.CheckInput{Name: "queue", Command: "echo 1", Interval: &short})); c.Timeout != short {
		t.Errorf("check: a timeout of %s in an interval of %s", c.Timeout, c.Interval)
	}
	for kind, want := range map[barograph.ProbeKind]barograph.Target{
		barograph.ProbeICMP: {Interval: 30 * s, Timeout: 5 * s, Count: 4},
		barograph.ProbeDNS:  {Interval: m, Timeout: 5 * s, Count: 1},
	} {
		got := must[barograph.Target](t)(d.Targets.Create(ctx, manage.TargetInput{Name: string(kind), Kind: kind, Address: "example.com"}))
		if got.Interval != want.Interval || got.Timeout != want.Timeout || got.Count != want.Count || !got.Enabled {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	rule := must[barograph.Rule](t)(d.Rules.Create(ctx, manage.RuleInput{
		Name: "errors", Source: "prometheus", Query: "up", Operator: barograph.Above, Limit: 1,
	}))
	if rule.Horizon != 72*60*m || rule.OpenAt != 0.7 || rule.CloseAt != 0.4 || rule.Severity != barograph.SeverityWarning ||
		rule.Series.String() != rule.QuerySelector().String() {
		t.Errorf("rule: %+v", rule)
	}
	sub, secrets, err := d.Subscriptions.Create(ctx, manage.SubscriptionInput{Name: "all", Endpoints: []manage.EndpointInput{hook("")}})
	if err != nil || cmp.Diff(barograph.DefaultStorm(), sub.Storm) != "" || !sub.Enabled {
		t.Errorf("subscription: %+v %v", sub, err)
	}
	if diff := cmp.Diff([]manage.EndpointSecret{{EndpointID: sub.Endpoints[0].ID, Secret: made}}, secrets); diff != "" {
		t.Error(diff)
	}
}

func hook(id barograph.EndpointID) manage.EndpointInput {
	return manage.EndpointInput{ID: id, Kind: barograph.EndpointWebhook, URL: "https://example.com/hook?key=1"}
}

// Who gives back what was said changes nothing.
func TestInputsLeaveThingsAsTheyAre(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	check := func(before, after any, err error) {
		t.Helper()
		if diff := cmp.Diff(written(t, before), written(t, after)); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	half, off, twice := barograph.Duration(30*time.Minute), false, 2
	labels := barograph.NewLabels(map[string]string{"a": "b"})

	h, _, err := d.Hosts.Create(ctx, manage.HostInput{Name: "web-1", Labels: labels})
	after, _ := d.Hosts.Replace(ctx, h.ID, manage.InputOfHost(h))
	check(h, after, err)

	c := must[barograph.Check](t)(d.Checks.Create(ctx, manage.CheckInput{
		Name: "queue", Collector: barograph.CollectorCPU, Command: "echo", Interval: &half, Timeout: &half, Labels: labels, Enabled: &off,
	}))
	again, err := d.Checks.Replace(ctx, c.ID, manage.InputOfCheck(c))
	check(c, again, err)

	target := must[barograph.Target](t)(d.Targets.Create(ctx, manage.TargetInput{
		Name: "x", Kind: barograph.ProbeICMP, Address: "example.com", Interval: &half, Timeout: &half, Count: &twice,
		Labels: labels, Options: barograph.ProbeOptions{Method: "HEAD"}, Enabled: &off,
	}))
	probed, err := d.Targets.Replace(ctx, target.ID, manage.InputOfTarget(target))
	check(target, probed, err)

	for _, in := range []manage.RuleInput{
		{Name: "a", Series: &barograph.Selector{Metric: "x"}, For: &half, Horizon: &half, Bounds: &barograph.Bounds{}, Annotations: map[string]string{"s": "t"}},
		{Name: "b", Source: "prometheus", Query: "up", Severity: barograph.SeverityCritical, Labels: labels, Enabled: &off},
	} {
		in.Operator = barograph.Below
		rule := must[barograph.Rule](t)(d.Rules.Create(ctx, in))
		judged, err := d.Rules.Replace(ctx, rule.ID, manage.InputOfRule(rule))
		check(rule, judged, err)
	}

	sub, _, err := d.Subscriptions.Create(ctx, manage.SubscriptionInput{
		Name: "all", EventTypes: []string{"breach.*"}, MinSeverity: barograph.SeverityInfo, MinProbability: 0.5, MaxETA: half,
		Only: barograph.NewsActual, GroupBy: []string{}, GroupWait: &half, GroupInterval: &half, RepeatInterval: &half,
		SMSDailyBudget: 5, SMSOverflowTo: []string{"a@example.com"}, Enabled: &off,
		Endpoints: []manage.EndpointInput{hook(""), {Kind: barograph.EndpointShoutrrr, URL: "slack://hook:token@webhook"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	told, secrets, err := d.Subscriptions.Replace(ctx, sub.ID, manage.InputOfSubscription(sub))
	told.UpdatedAt = sub.UpdatedAt // by which changes at the same time are told apart
	check(sub, told, err)
	if len(secrets) != 0 {
		t.Errorf("new secrets: %v", secrets)
	}

	silence := must[barograph.Silence](t)(d.Silences.Create(ctx, manage.SilenceInput{
		Matchers: match(t), Comment: "work", StartsAt: epoch.Add(time.Hour), EndsAt: epoch.Add(2 * time.Hour),
	}))
	kept, err := d.Silences.Replace(ctx, silence.ID, manage.InputOfSilence(silence))
	check(silence, kept, err)
}

func written(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func match(t *testing.T) barograph.Matchers {
	t.Helper()
	var m barograph.Matchers
	if err := m.UnmarshalText([]byte(`{host="db-1"}`)); err != nil {
		t.Fatal(err)
	}
	return m
}

// All that is wrong is told at once, and what is too long is refused whichever
// way it comes.
func TestMistakes(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"host", func() error {
			_, _, err := d.Hosts.Create(ctx, manage.HostInput{Name: long})
			return err
		}, []string{"name"}},
		{"target", func() error {
			_, err := d.Targets.Create(ctx, manage.TargetInput{
				Name: "x", Kind: barograph.ProbeHTTP, Address: "https://example.com/" + long,
				Options: barograph.ProbeOptions{
					BodyMatch: strings.Repeat("x", 1025), ServerName: long, DNSServer: long + ":53",
					Expect: append(slices.Repeat([]string{"a"}, 100), long), StatusCodes: slices.Repeat([]int{200}, 101),
				},
			})
			return err
		}, []string{
			"address", "options.body_match", "options.dns_server", "options.expect", "options.expect[100]",
			"options.server_name", "options.status_codes",
		}},
		{"rule", func() error {
			many := map[string]string{}
			for name := range strings.SplitSeq("abcdefghijklmnopqrstuvwxyzABCDEFG", "") {
				many[name] = name
			}
			many["a"] = long
			_, err := d.Rules.Create(ctx, manage.RuleInput{Name: "x", Source: long, Query: "up(", Operator: barograph.Above, Annotations: many})
			return err
		}, []string{"annotations", "annotations.a", "query", "source"}},
		{"subscription", func() error {
			e := hook("ept_x")
			e.URL, e.Secret = e.URL+long, barograph.Secret(long)
			_, _, err := d.Subscriptions.Create(ctx, manage.SubscriptionInput{
				Name: "x", EventTypes: slices.Repeat([]string{"breach.*"}, 21), SMSDailyBudget: 1e6 + 1, SMSOverflowTo: []string{long + "@example.com"},
				Endpoints: []manage.EndpointInput{
					e,
					{Kind: barograph.EndpointSMS, To: []string{"+4915112345678"}, URL: "https://example.com"},
					{Kind: barograph.EndpointEmail, To: []string{long + "@example.com"}},
				},
			})
			return err
		}, []string{
			"endpoints[0].id", "endpoints[0].secret", "endpoints[0].url", "endpoints[1].kind", "endpoints[1].url", "endpoints[2].to[0]",
			"event_types", "sms_daily_budget", "sms_overflow_to[0]",
		}},
		{"silence", func() error {
			none := barograph.Duration(0)
			_, err := d.Silences.Create(ctx, manage.SilenceInput{Comment: long, Duration: &none})
			return err
		}, []string{"comment", "duration", "matchers"}},
		{"backtest of nothing", func() error {
			_, err := d.Backtests.Run(ctx, manage.BacktestInput{})
			return err
		}, []string{"rule"}},
		{"backtest of what is not known yet", func() error {
			_, err := d.Backtests.Run(ctx, manage.BacktestInput{Rule: &manage.RuleInput{Source: "prometheus", Query: "up", Operator: barograph.Above}})
			return err
		}, []string{"rule.name", "rule.source"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.do()
			if diff := cmp.Diff(c.want, fields(err)); diff != "" {
				t.Errorf("%s\n%.1000v", diff, err)
			}
			if err != nil && len(err.Error()) > 4000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestSubscriptionsEndpoints(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), as(t, barograph.RoleOperator)
	in := manage.SubscriptionInput{Name: "all", Endpoints: []manage.EndpointInput{hook("")}}
	if err := d.Subscriptions.Check(ctx, "", in); err != nil {
		t.Error(err)
	}
	sub, _, err := d.Subscriptions.Create(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	id := sub.Endpoints[0].ID
	if got := d.Subscriptions.Shown(as(t, barograph.RoleViewer), sub); got.Endpoints[0].URL != "https://example.com/…" {
		t.Errorf("a viewer is shown %s", got.Endpoints[0].URL)
	}
	if got := d.Subscriptions.Shown(ctx, sub); got.Endpoints[0].URL != hook("").URL {
		t.Errorf("an operator is shown %s", got.Endpoints[0].URL)
	}
	if err := d.Subscriptions.Check(ctx, sub.ID, manage.SubscriptionInput{Name: "all", Endpoints: []manage.EndpointInput{hook(id)}}); err != nil {
		t.Error(err)
	}
	if got, err := d.Subscriptions.SetEnabled(ctx, sub.ID, false); err != nil || got.Enabled {
		t.Errorf("paused: %v %v", got.Enabled, err)
	}
	const next = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	rotated, err := d.Subscriptions.RotateSecret(ctx, sub.ID, id, manage.RotateInput{Secret: next})
	if err != nil || rotated.Secret != next || time.Until(rotated.PreviousUntil) < 23*time.Hour {
		t.Errorf("rotated: %v %v", rotated, err)
	}
	if stored := must[barograph.Subscription](t)(d.db.Subscription(ctx, sub.ID)); stored.Endpoints[0].Secret != next || stored.Endpoints[0].PreviousSecret != made {
		t.Error("the secrets are other ones")
	}
	long := barograph.Duration(8 * barograph.Day)
	_, err = d.Subscriptions.RotateSecret(ctx, sub.ID, id, manage.RotateInput{Secret: next, Keep: &long})
	if diff := cmp.Diff([]string{"keep", "secret"}, fields(err)); diff != "" {
		t.Error(diff)
	}
	if try, err := d.Subscriptions.TestEndpoint(ctx, sub.ID, id); err != nil || try.StatusCode != http.StatusNoContent {
		t.Errorf("tested: %v %v", try, err)
	}
	if n, err := d.Subscriptions.Replay(ctx, sub.ID, manage.ReplayInput{From: epoch, EndpointID: id}); err != nil || n != 3 {
		t.Errorf("replayed: %d %v", n, err)
	}
	_, err = d.Subscriptions.Replay(ctx, sub.ID, manage.ReplayInput{From: epoch.Add(time.Hour), After: "evt_x", EndpointID: "ept_x"})
	if diff := cmp.Diff([]string{"after", "endpoint_id", "from"}, fields(err)); diff != "" {
		t.Error(diff)
	}
	if err := d.Subscriptions.Delete(ctx, sub.ID); err != nil {
		t.Error(err)
	}
}

func TestSilencesEnd(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), as(t, barograph.RoleOperator)
	hour := barograph.Duration(time.Hour)
	silence := func(start time.Time) barograph.Silence {
		return must[barograph.Silence](t)(d.Silences.Create(ctx, manage.SilenceInput{Matchers: match(t), Comment: "work", StartsAt: start, Duration: &hour}))
	}
	begun, planned := silence(time.Time{}), silence(epoch.Add(2*time.Hour))
	if begun.CreatedBy != "alice" || !begun.StartsAt.Equal(epoch) || !begun.EndsAt.Equal(epoch.Add(time.Hour)) {
		t.Errorf("made: %+v", begun)
	}
	d.clock.offset.Store(int64(time.Minute))
	for _, s := range []barograph.Silence{begun, planned} {
		if err := d.Silences.End(ctx, s.ID); err != nil {
			t.Error(err)
		}
	}
	if s, err := d.db.Silence(ctx, begun.ID); err != nil || !s.EndsAt.Equal(epoch.Add(time.Minute)) {
		t.Errorf("ended: %+v %v", s, err)
	}
	if _, err := d.db.Silence(ctx, planned.ID); barograph.KindOf(err) != barograph.KindNotFound {
		t.Errorf("removed: %v", err)
	}
	if _, err := d.Silences.Replace(ctx, begun.ID, manage.InputOfSilence(begun)); barograph.KindOf(err) != barograph.KindConflict {
		t.Errorf("changed after its end: %v", err)
	}
}

func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), as(t, barograph.RoleOperator)
	rule := must[barograph.Rule](t)(d.Rules.Create(ctx, manage.RuleInput{Name: "x", Series: &barograph.Selector{Metric: "x"}, Operator: barograph.Above}))
	p := barograph.Prediction{ID: "prd_1", RuleID: rule.ID, State: barograph.PredictionOpen, OpenedAt: epoch, Series: barograph.Series{Metric: "x"}}
	if err := d.db.Record(ctx, barograph.Change{Predictions: []barograph.Prediction{p}}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Acknowledgements.Prediction(ctx, p.ID, "mine"); err != nil || got.ID != p.ID {
		t.Errorf("%v %v", got, err)
	}
	if _, err := d.Acknowledgements.Breach(ctx, barograph.BreachID(p.ID), ""); barograph.KindOf(err) != barograph.KindNotFound {
		t.Errorf("a prediction taken on as a breach: %v", err)
	}
	if _, err := d.Acknowledgements.Prediction(ctx, p.ID, strings.Repeat("é", 1001)); !slices.Equal(fields(err), []string{"comment"}) {
		t.Errorf("a long comment: %v", err)
	}
	if diff := cmp.Diff([]barograph.Acknowledgement{{At: epoch, By: "alice", Comment: "mine"}}, d.around.acks); diff != "" {
		t.Error(diff)
	}
}

func TestBacktests(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	rule := must[barograph.Rule](t)(d.Rules.Create(ctx, manage.RuleInput{Name: "x", Series: &barograph.Selector{Metric: "x"}, Operator: barograph.Above}))
	if got := d.Backtests.AfterSaving(ctx, rule); got.Backtest == nil || got.ID != rule.ID || got.Note != "" {
		t.Errorf("after saving: %+v", got)
	}
	must[barograph.Backtest](t)(d.Backtests.Run(ctx, manage.BacktestInput{RuleID: rule.ID, From: epoch.Add(-time.Hour)}))
	if diff := cmp.Diff([]time.Duration{30 * barograph.Day, time.Hour}, d.around.tested); diff != "" {
		t.Error(diff)
	}
	for err, want := range map[error]string{
		&barograph.Error{Kind: barograph.KindUnavailable, Message: "too slow", Err: errors.New("/var")}: "too slow",
		errors.New("/var is gone"): "it failed; the server's log tells more",
	} {
		d.around.err = err
		if got := d.Backtests.AfterSaving(ctx, rule); got.Backtest != nil || got.Note != want {
			t.Errorf("after saving: %q, want %q", got.Note, want)
		}
	}
}
