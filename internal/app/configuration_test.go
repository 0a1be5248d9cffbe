package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/transfer"
)

func openDB(tb testing.TB, dir string) *configdb.DB {
	tb.Helper()
	db, err := configdb.Open(tb.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func id[S ~string](prefix string) S { return S(barograph.NewID(prefix, time.Now())) }

func hash(tb testing.TB, role barograph.Role) (barograph.Secret, barograph.KeyHash) {
	tb.Helper()
	key := barograph.NewKey(role)
	h, err := barograph.HashKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return key, h
}

// fill puts one of everything into the database, each with all its fields, named
// by name and described by text. It returns the keys of the token and the host.
//
//go:fix inline
func fill(tb testing.TB, db *configdb.DB, name, text string) (token, agent barograph.Secret) {
	tb.Helper()
	ctx := tb.Context()
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	labels := barograph.NewLabels(map[string]string{"os": text, "role": "web"})
	matchers := barograph.Matchers{must(barograph.NewMatcher("os", barograph.MatchEqual, text))(tb), must(barograph.NewMatcher("role", barograph.MatchRegexp, "w.*|\\d"))(tb)}
	agent, agentHash := hash(tb, barograph.RoleAgent)
	check(db.CreateHost(ctx, barograph.Host{ID: id[barograph.HostID]("hst"), Name: name, Labels: labels}, agentHash))
	check(db.CreateHost(ctx, barograph.Host{ID: id[barograph.HostID]("hst"), Name: name + " without a key"}, barograph.KeyHash{}))
	check(db.CreateCheck(ctx, barograph.Check{
		ID: id[barograph.CheckID]("chk"), Name: "os_updates", Command: "echo " + strings.ReplaceAll(text, "\x00", "") + "\necho 2", Interval: barograph.Duration(90 * time.Second),
		Timeout: barograph.Duration(1500 * time.Millisecond), Labels: labels, Matchers: matchers,
	}))
	check(db.CreateCheck(ctx, barograph.Check{
		ID: id[barograph.CheckID]("chk"), Name: "cpu", Collector: barograph.CollectorCPU, Interval: barograph.Duration(time.Hour), Timeout: barograph.Duration(time.Second), Enabled: true,
	}))
	check(db.CreateTarget(ctx, barograph.Target{
		ID: id[barograph.TargetID]("tgt"), Name: name, Kind: barograph.ProbeHTTP, Address: "https://example.com/?q=1", Interval: barograph.Duration(time.Minute),
		Timeout: barograph.Duration(time.Second), Count: 1, Labels: labels, Enabled: true,
		Options: barograph.ProbeOptions{Method: "HEAD", StatusCodes: []int{200, 204}, BodyMatch: "a|b", InsecureSkipVerify: true, ServerName: "x", DNSServer: "192.0.2.1:53", DNSType: "MX", Expect: []string{text}},
	}))
	check(db.CreateRule(ctx, barograph.Rule{
		ID: id[barograph.RuleID]("rul"), Name: name, Series: barograph.Selector{Metric: "disk_used_ratio", Matchers: matchers}, Operator: barograph.AtLeast, Limit: 1e-7, For: barograph.Duration(5 * time.Minute),
		Horizon: barograph.Duration(7 * barograph.Day), OpenAt: 0.7, CloseAt: 0.25, Bounds: &barograph.Bounds{Min: new(-1.5), Max: new(1e21)},
		Severity: barograph.SeverityCritical, Labels: labels, Annotations: map[string]string{"summary": "It is {{.Value}}.\n\n\tTwo lines: " + strings.NewReplacer("{{", "", "}}", "").Replace(text)},
	}))
	asked := barograph.Rule{
		ID: id[barograph.RuleID]("rul"), Name: name + " asked", Source: "prometheus", Query: "sum by (job) (up{job=\"" + "a\"})", Operator: barograph.Below, Limit: 1,
		OpenAt: 0.7, CloseAt: 0.4, Severity: barograph.SeverityInfo, Enabled: true,
	}
	asked.Series = asked.QuerySelector()
	check(db.CreateRule(ctx, asked))
	check(db.CreateSubscription(ctx, barograph.Subscription{
		ID: id[barograph.SubscriptionID]("sub"), Name: name, EventTypes: []string{"prediction.*", "breach.started"}, Matchers: matchers, Only: barograph.NewsPredicted,
		MinSeverity: barograph.SeverityWarning, MinProbability: 0.9, MaxETA: barograph.Duration(barograph.Day), Storm: barograph.Storm{GroupBy: []string{"rule", "host"}},
		SMSDailyBudget: 5, SMSOverflowTo: []string{"ops@example.com"}, Enabled: true,
		Endpoints: []barograph.Endpoint{
			{ID: id[barograph.EndpointID]("ept"), Kind: barograph.EndpointWebhook, URL: "https://example.com/hook?a=b#c", Format: barograph.FormatAlertmanager, Secret: alerting.NewWebhookSecret(), PreviousSecret: alerting.NewWebhookSecret(), PreviousSecretUntil: time.Now().Add(time.Hour)},
			{ID: id[barograph.EndpointID]("ept"), Kind: barograph.EndpointEmail, To: []string{"a@example.com", "b@example.com"}},
			{ID: id[barograph.EndpointID]("ept"), Kind: barograph.EndpointSMS, To: []string{"+4915112345678"}, Health: barograph.EndpointHealth{Disabled: true, DisabledReason: text, DisabledAt: time.Now()}},
			{ID: id[barograph.EndpointID]("ept"), Kind: barograph.EndpointAlertmanager, URL: "https://alerts.example.com", Secret: "user:password"},
			{ID: id[barograph.EndpointID]("ept"), Kind: barograph.EndpointShoutrrr, URL: "slack://", Secret: "slack://hook:T00000000-B00000000-XXXXXXXXXXXXXXXXXXXXXXXX@webhook"},
		},
	}))
	check(db.CreateSilence(ctx, barograph.Silence{
		ID: id[barograph.SilenceID]("sil"), Matchers: matchers, StartsAt: time.Now().Truncate(time.Microsecond), EndsAt: time.Now().Add(time.Hour), Comment: "why: " + text, CreatedBy: name,
		Recurs: &barograph.Recurs{Weekdays: []string{"mon", "sun"}, At: "02:00", Duration: barograph.Duration(time.Hour), TimeZone: "Europe/Berlin"},
	}))
	token, tokenHash := hash(tb, barograph.RoleOperator)
	check(db.CreateToken(ctx, barograph.Token{ID: id[barograph.TokenID]("tok"), Name: name, Role: barograph.RoleOperator, Prefix: barograph.KeyPrefix(token), ExpiresAt: time.Now().Add(time.Hour)}, tokenHash))
	return token, agent
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// everywhere has all channels set up, and the source that fill's rule asks.
func everywhere() app.Config {
	cfg := app.DefaultConfig()
	cfg.Delivery.Email.Host = "mail.example.com"
	cfg.Delivery.SMS.AccountSID, cfg.Delivery.SMS.AuthToken, cfg.Delivery.SMS.From = "AC1", "token", "+4915112345678"
	cfg.Sources = []ingest.SourceConfig{{Name: "prometheus", URL: "http://127.0.0.1:9090"}}
	return cfg
}

func importInto(ctx context.Context, dir string, text []byte, change func(*app.Importer)) (transfer.Plan, error) {
	i := app.Importer{Config: everywhere(), Dir: dir, File: "x.yaml", Text: text, Agree: func(transfer.Plan) error { return nil }}
	if change != nil {
		change(&i)
	}
	return i.Run(ctx)
}

// TestExportComesBack is the promise: what was exported, imported elsewhere and
// exported again is the same to the byte, and all keys are good there.
func TestExportComesBack(t *testing.T) {
	t.Parallel()
	texts := hostileTexts()
	for _, name := range []string{"plain", "null", "newlines", "returns", "NEL", "NUL", "trailing space", "emoji", "random 1", "random 2"} { // FuzzExport has them all
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := texts[name]
			from, to := t.TempDir(), t.TempDir()
			key, agent := fill(t, openDB(t, from), "the name: #1 'quoted' \"twice\" -", text)
			first, err := app.Export(t.Context(), app.DefaultConfig(), from, true)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := importInto(t.Context(), to, first, nil); err != nil {
				t.Fatalf("%v in\n%s", err, first)
			}
			second, err := app.Export(t.Context(), app.DefaultConfig(), to, true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(first), string(second)); diff != "" {
				t.Errorf("another export (-first +second):\n%s", diff)
			}
			db := openDB(t, to)
			checkKeys(t, db, key, agent)
			again, err := importInto(t.Context(), to, first, nil)
			if err != nil || again.Count(transfer.Keep) != len(again.Steps) {
				t.Errorf("importing the same again does something: %v, %v", again.Steps, err)
			}
			// And nothing but what changes by itself is missing.
			if diff := cmp.Diff(plain(t, openDB(t, from)), plain(t, db)); diff != "" {
				t.Errorf("another configuration:\n%s", diff)
			}
		})
	}
}

func checkKeys(t *testing.T, db *configdb.DB, key, agent barograph.Secret) {
	t.Helper()
	h, err := barograph.HashKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.TokenByKey(t.Context(), h); err != nil {
		t.Errorf("the token: %v", err)
	}
	if h, err = barograph.HashKey(agent); err != nil {
		t.Fatal(err)
	}
	if _, err := db.HostByKey(t.Context(), h); err != nil {
		t.Errorf("the host's key: %v", err)
	}
}

// plain returns the configuration as text without what changes by itself.
func plain(t *testing.T, db *configdb.DB) map[string]any {
	t.Helper()
	c, err := db.Configuration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	forget(all)
	for _, s := range c.Subscriptions {
		for _, e := range s.Endpoints {
			all[string(e.ID)] = []any{e.Secret.Reveal(), e.PreviousSecret.Reveal(), e.PreviousSecretUntil}
		}
	}
	return all
}

func forget(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"created_at", "updated_at", "last_seen", "last_used", "disabled_at"} {
			delete(v, name)
		}
		for _, sub := range v {
			forget(sub)
		}
	case []any:
		for _, sub := range v {
			forget(sub)
		}
	}
}

func hostileTexts() map[string]string {
	texts := map[string]string{
		"plain": "debian", "empty-like": "~", "null": "null", "yes": "yes", "number": "0x10", "date": "2026-01-02", "colon": "a: b", "hash": "a #b",
		"quotes": `"'` + "`", "braces": "{a: [b]}", "anchor": "&a *b", "tag": "!!binary x", "leading newline": "\n0", "newlines": "a\n\n b\n\tc\n", "tabs": "\ta\t", "returns": "a\r\nb\r",
		"leading space": " a", "trailing space": "a ", "only space": "  ", "NEL": "a\u0085b", "line separator": "a\u2028b\u2029", "BOM": "\ufeffa", "NUL": "a\x00b", "escapes": "\x1b[31m\x07",
		"emoji": "🌩️", "right to left": "\u202eabc", "backslash": `\n\x00`, "percent": "%YAML 1.1", "dashes": "---", "dots": "...", "question": "? a", "long": strings.Repeat("word ", 150),
		"merge": "<<", "tilde key": "~: x", "octal": "0777", "infinity": ".inf", "private": "\ue000\U000f0000", "noncharacter": "\uffff\ufffe",
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 10 {
		var b strings.Builder
		for range 40 {
			b.WriteRune([]rune(" \t\n\r:#-{}[]\"'!&*|>%@`,?~\\\x00\x01\u0085\u2028äb1")[rng.IntN(32)])
		}
		texts[fmt.Sprintf("random %d", n)] = b.String()
	}
	return texts
}

func FuzzExport(f *testing.F) {
	for _, text := range hostileTexts() {
		f.Add("name", text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		h := barograph.Host{Name: name}
		if h.Validate() != nil || !utf8.ValidString(text) || len(text) > 500 || text == "" {
			return
		}
		c := barograph.Configuration{
			Hosts:    []barograph.KeyedHost{{Host: barograph.Host{ID: "hst_01j1m3w9d5q0v8r2k7t4y6b9ce", Name: name, Labels: barograph.NewLabels(map[string]string{"a": text})}}},
			Checks:   []barograph.Check{{ID: "chk_01j1m3w9d5q0v8r2k7t4y6b9ce", Name: "c", Command: text}},
			Silences: []barograph.Silence{{ID: "sil_01j1m3w9d5q0v8r2k7t4y6b9ce", Comment: text, CreatedBy: name}},
		}
		out, err := transfer.Encode(c, true)
		if err != nil {
			t.Fatalf("%q, %q: %v", name, text, err)
		}
		if _, err := transfer.Decode(out); err != nil {
			t.Fatalf("%q, %q: %v", name, text, err)
		}
	})
}

// Without secrets there are none, and the rest is the same.
func TestExportWithoutSecrets(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), t.TempDir()
	db := openDB(t, from)
	fill(t, db, "n", "x")
	text, err := app.Export(t.Context(), app.DefaultConfig(), from, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.Configuration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{fmt.Sprintf("%x", c.Hosts[0].Key), fmt.Sprintf("%x", c.Tokens[0].Key), "user:password", "T00000000"}
	for _, e := range c.Subscriptions[0].Endpoints[:1] {
		secrets = append(secrets, e.Secret.Reveal(), e.PreviousSecret.Reveal())
	}
	for _, s := range secrets {
		if strings.Contains(string(text), s) || s == "" {
			t.Errorf("the export holds %q", s)
		}
	}
	_, err = importInto(t.Context(), to, text, nil)
	if barograph.KindOf(err) != barograph.KindInvalid || !strings.Contains(err.Error(), "endpoints[4].secret: line ") {
		t.Errorf("an import that lacks the URL of a service: %v", err)
	}
	whole := strings.Replace(string(text), "url: slack://", "url: slack://hook:T00000000-B00000000-XXXXXXXXXXXXXXXXXXXXXXXX@webhook", 1)
	plan, err := importInto(t.Context(), to, []byte(whole), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Secrets) != 2 || !strings.HasPrefix(plan.Secrets[0].Secret.Reveal(), "whsec_") || !strings.HasPrefix(plan.Secrets[1].Secret.Reveal(), "baro_opr_") {
		t.Errorf("made %v", plan.Secrets)
	}
	second, err := app.Export(t.Context(), app.DefaultConfig(), to, false)
	if err != nil {
		t.Fatal(err)
	}
	// A token that got a new key has another beginning.
	diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(string(second), "\n"))
	if strings.Count(diff, "\n+") > 1 || strings.Count(diff, "\n-") > 1 || !strings.Contains(diff, "prefix") {
		t.Errorf("another export:\n%s", diff)
	}
}

func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	if _, err := app.Export(t.Context(), app.DefaultConfig(), t.TempDir(), false); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("an export of a directory without a database: %v", err)
	}
	dir := t.TempDir()
	openDB(t, dir)
	text, err := app.Export(t.Context(), app.DefaultConfig(), dir, false)
	if err != nil || !strings.HasSuffix(string(text), "version: 1\n") {
		t.Errorf("%v, %s", err, text)
	}
}
