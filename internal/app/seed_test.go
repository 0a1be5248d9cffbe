package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/configdb/pgtest"
)

// database opens the database of a directory on which no server runs.
func database(t *testing.T, dir string) *configdb.DB {
	t.Helper()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// start starts a server and stops it again; it returns the token it would show.
func start(t *testing.T, opts app.Options) barograph.Secret {
	t.Helper()
	a, err := app.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return a.AdminToken()
}

func TestFirstStartOnlyOnce(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	if start(t, opts) == "" {
		t.Error("the first start shows no token")
	}
	db := database(t, opts.Dir)
	deleteRule(t, db, "Disk space")
	if key := start(t, opts); key != "" {
		t.Error("the second start shows a token")
	}
	if names := ruleNames(t, db); len(names) != len(app.DefaultRules())-1 {
		t.Errorf("a rule that was deleted came back: %q", names)
	}
}

// TestFirstStartCutShort leaves a database as a crash in the middle of the first
// start does: some of the defaults are there, and no token.
func TestFirstStartCutShort(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	start(t, opts)
	db := database(t, opts.Dir)
	tokens, err := db.Tokens(t.Context(), barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if err := db.DeleteToken(t.Context(), token.ID); err != nil {
			t.Fatal(err)
		}
	}
	deleteRule(t, db, "Memory")
	if start(t, opts) == "" {
		t.Error("the start after the crash shows no token")
	}
	if names := ruleNames(t, db); len(names) != len(app.DefaultRules()) {
		t.Errorf("%d rules after the repeated start, want %d: %q", len(names), len(app.DefaultRules()), names)
	}
	targets, err := db.Targets(t.Context(), barograph.Page{})
	if err != nil || len(targets) != 1 {
		t.Errorf("%d targets, %v; want 1", len(targets), err)
	}
	hosts, err := db.Hosts(t.Context(), barograph.Page{})
	if err != nil || len(hosts) != 1 {
		t.Errorf("%d hosts, %v; want 1", len(hosts), err)
	}
}

func ruleNames(t *testing.T, db *configdb.DB) (names []string) {
	t.Helper()
	rules, err := db.Rules(t.Context(), barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		names = append(names, r.Name)
	}
	return names
}

func deleteRule(t *testing.T, db *configdb.DB, name string) {
	t.Helper()
	rules, err := db.Rules(t.Context(), barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if r.Name == name {
			if err := db.DeleteRule(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTargetsFile(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	file := filepath.Join(t.TempDir(), "targets.yaml")
	opts.Config.TargetsFile = file
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("global_settings: {probes: 3, interval: 20}\ntargets: [192.0.2.1, gateway.example]\n")
	start(t, opts)
	write("targets: [192.0.2.1, 192.0.2.2]\n") // what is there stays as it is
	start(t, opts)
	type target struct {
		Name, Address     string
		Count             int
		Interval, Timeout string
	}
	var got []target
	targets, err := database(t, opts.Dir).Targets(t.Context(), barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range targets {
		got = append(got, target{x.Name, x.Address, x.Count, x.Interval.String(), x.Timeout.String()})
		if err := x.Validate(); err != nil {
			t.Error(err)
		}
	}
	want := []target{
		{"localhost", "127.0.0.1", 4, "30s", "5s"},
		{"192.0.2.1", "192.0.2.1", 3, "21.6s", "1s"},
		{"gateway.example", "gateway.example", 3, "21.6s", "1s"},
		{"192.0.2.2", "192.0.2.2", 4, "2.8s", "1s"},
	}
	byName := func(ts []target) map[string]target {
		m := map[string]target{}
		for _, x := range ts {
			m[x.Name] = x
		}
		return m
	}
	if diff := cmp.Diff(byName(want), byName(got)); diff != "" {
		t.Errorf("targets, want (-) and got (+):\n%s", diff)
	}
}

func TestBadTargetsFileSaysWhere(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	opts.Config.TargetsFile = filepath.Join(t.TempDir(), "targets.yaml")
	if err := os.WriteFile(opts.Config.TargetsFile, []byte("targets: [1.2.3.256, 'a b']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := app.New(t.Context(), opts)
	if barograph.KindOf(err) != barograph.KindInvalid || !strings.Contains(err.Error(), "targets.yaml:1:11") || !strings.Contains(err.Error(), "targets.yaml:1:22") {
		t.Errorf("start: %v, want both mistakes with their places", err)
	}
}

// TestAgentKey loses the key of the built-in agent in all ways there are: it
// gets a new one, and stays the same host.
func TestAgentKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil    func(file string) error
		wantSame bool
	}{
		"kept":    {func(string) error { return nil }, true},
		"lost":    {os.Remove, false},
		"cut off": {func(file string) error { return os.Truncate(file, 10) }, false},
		"of another database": {func(file string) error {
			return os.WriteFile(file, []byte(barograph.NewKey(barograph.RoleAgent).Reveal()), 0o600)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := options(t.TempDir())
			start(t, opts)
			file := filepath.Join(opts.Dir, "agent", "key")
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			db := database(t, opts.Dir)
			host := hostOfKey(t, db, before)
			if err := c.spoil(file); err != nil {
				t.Fatal(err)
			}
			start(t, opts)
			after, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if same := string(before) == string(after); same != c.wantSame {
				t.Errorf("the key is the same: %t, want %t", same, c.wantSame)
			}
			if now := hostOfKey(t, db, after); now != host {
				t.Errorf("host %s became %s", host, now)
			}
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("key file: %v, %v; want it readable by its owner alone", info.Mode(), err)
			}
		})
	}
}

func hostOfKey(t *testing.T, db *configdb.DB, key []byte) barograph.HostID {
	t.Helper()
	hash, err := barograph.HashKey(barograph.Secret(strings.TrimSpace(string(key))))
	if err != nil {
		t.Fatal(err)
	}
	host, err := db.HostByKey(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	return host.ID
}

func TestTokenBesideTheServer(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	create := func(ctx context.Context, name string, role barograph.Role) (barograph.Secret, error) {
		return app.CreateTokenIn(ctx, opts.Config, opts.Dir, name, role)
	}
	if key, err := create(t.Context(), "early", barograph.RoleAdmin); barograph.KindOf(err) != barograph.KindInvalid || key != "" {
		t.Errorf("before the first start: %v, want it refused", err)
	}
	if open(t, opts).AdminToken() == "" {
		t.Error("the first start shows no token")
	}
	key, err := create(t.Context(), "spare", barograph.RoleViewer)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := barograph.HashKey(key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := database(t, opts.Dir).TokenByKey(t.Context(), hash)
	if err != nil || token.Name != "spare" || token.Role != barograph.RoleViewer {
		t.Errorf("token %+v, %v", token, err)
	}
	if _, err := create(t.Context(), "odd", "emperor"); barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("a role that there is not: %v", err)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range app.DefaultRules() {
		if err := r.Validate(); err != nil || names[r.Name] {
			t.Errorf("rule %s: %v, or twice", r.Name, err)
		}
		names[r.Name] = true
		if parsed, err := barograph.ParseSelector(r.Series.String()); err != nil || parsed.String() != r.Series.String() {
			t.Errorf("rule %s: the selector %s reads back as %s, %v", r.Name, r.Series, parsed, err)
		}
	}
	for _, c := range app.DefaultChecks() {
		if err := c.Validate(); err != nil {
			t.Errorf("check %s: %v", c.Name, err)
		}
	}
}

// TestDefaultRulesDoNotCryWolf holds what ordinary machines show against the
// limits; what is worth a look must break them.
func TestDefaultRulesDoNotCryWolf(t *testing.T) {
	t.Parallel()
	rules := map[string]barograph.Rule{}
	for _, r := range app.DefaultRules() {
		rules[r.Name] = r
	}
	icmp := map[string]string{"kind": "icmp"}
	day := barograph.Day.Seconds()
	for _, c := range []struct {
		what   string
		rule   string
		labels map[string]string
		value  float64
		lasts  time.Duration
		want   bool
	}{
		{"a disk three quarters full", "Disk space", nil, .75, time.Hour, false},
		{"a full disk", "Disk space", nil, .97, time.Hour, true},
		{"a small machine that compresses a backup", "Load per CPU", nil, 2.4, 40 * time.Minute, false},
		{"an upgrade", "Load per CPU", nil, 4, 10 * time.Minute, false},
		{"a machine that no longer keeps up", "Load per CPU", nil, 8, time.Hour, true},
		{"the evening after a point release", "Pending updates", nil, 80, 14 * time.Hour, false},
		{"nobody applies updates", "Pending updates", nil, 80, 2 * barograph.Day, true},
		{"a security update that comes tonight", "Security updates pending for three days", nil, 3, 20 * time.Hour, false},
		{"an index refreshed on Mondays", "Update index out of date", nil, 6.9 * day, barograph.Day, false},
		{"an index of last month", "Update index out of date", nil, 30 * day, barograph.Day, true},
		{"a ping around the world", "Round-trip time", icmp, .31, time.Hour, false},
		{"a congested link", "Round-trip time", icmp, .9, time.Hour, true},
		{"a slow page", "Round-trip time", map[string]string{"kind": "http"}, 2, time.Hour, false},
		{"one packet of four, now and then", "Packet loss", icmp, .25, time.Minute, false},
		{"one packet of four, always", "Packet loss", icmp, .25, time.Hour, true},
		{"a service that is down", "Packet loss", map[string]string{"kind": "tcp"}, 1, time.Hour, false},
		{"a certificate of 45 days on the day of its renewal", "Certificate expires", nil, 14.5 * day, barograph.Day, false},
		{"a certificate of 90 days on the day of its renewal", "Certificate expires", nil, 29 * day, barograph.Day, false},
		{"a certificate nobody renewed", "Certificate expires", nil, 6 * day, time.Hour, true},
	} {
		r, ok := rules[c.rule]
		if !ok {
			t.Errorf("there is no rule %s", c.rule)
			continue
		}
		chosen := r.Series.Matchers.Matches(barograph.NewLabels(c.labels))
		if got := chosen && r.Operator.Crossed(c.value, r.Limit) && c.lasts >= r.For.Std(); got != c.want {
			t.Errorf("%s breaks the rule %s: %t, want %t", c.what, c.rule, got, c.want)
		}
	}
	certificate := rules["Certificate expires"]
	if foreseen := certificate.Limit + certificate.Horizon.Std().Seconds(); foreseen >= 14*day {
		t.Errorf("certificates are predicted to expire %.0f days ahead, when many are not yet due for renewal", foreseen/day)
	}
}

// TestTwoFirstStarts: of two servers that start at once on a new database one
// shows the first token, which is the only one, and what both fill it with is
// there once.
func TestTwoFirstStarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	for range 3 {
		cfg := config()
		cfg.Database = server.Config(t)
		cfg.Store.Engine, cfg.Store.InfluxDB.URL, cfg.Store.InfluxDB.Bucket = app.EngineInfluxDB, "http://127.0.0.1:1", "b" // away
		cfg.Bus.URL = "nats://127.0.0.1:1"
		var keys [2]barograph.Secret
		var both sync.WaitGroup
		for i := range keys {
			opts := app.Options{Config: cfg, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Bare: true}
			both.Go(func() {
				a, err := app.New(t.Context(), opts)
				if err != nil {
					t.Error(err)
					return
				}
				keys[i] = a.AdminToken()
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		db, err := configdb.Open(t.Context(), cfg.Database, configdb.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := db.Tokens(t.Context(), barograph.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if len(tokens) != 1 || (keys[0] == "") == (keys[1] == "") {
			t.Errorf("%d tokens; shown by the first: %v, by the second: %v", len(tokens), keys[0] != "", keys[1] != "")
		}
		if names := ruleNames(t, db); len(names) != len(app.DefaultRules()) {
			t.Errorf("rules %q", names)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
