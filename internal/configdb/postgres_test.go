package configdb_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/configdb/pgtest"
	"github.com/barograph/barograph/internal/dbtest"
	"github.com/barograph/barograph/internal/enginetest"
)

// TestPostgres runs what both databases must do on PostgreSQL, and what only this
// one can.
func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	t.Run("Conformance", func(t *testing.T) {
		dbtest.Run(t, func(tb testing.TB) dbtest.Database {
			tb.Helper()
			return openConfig(tb, patient(server.Config(tb)))
		})
	})
	t.Run("SharedConformance", func(t *testing.T) {
		dbtest.RunServers(t, func(tb testing.TB) (one, two dbtest.Database) {
			tb.Helper()
			cfg := patient(server.Config(tb))
			return openConfig(tb, cfg), openConfig(tb, cfg)
		})
	})
	x := onPostgres{server}
	t.Run("Changes", x.testChanges)
	t.Run("Start", x.testStart)
	t.Run("Killed", x.testKilled)
	t.Run("Broken", x.testBroken)
	t.Run("Refused", x.testRefused)
	t.Run("Exhausted", x.testExhausted)
	t.Run("Turn", x.testTurn)
	t.Run("Migration", x.testMigration)
	t.Run("Schemas", x.testSchemas)
	t.Run("Sessions", func(t *testing.T) {
		db := openConfig(t, server.Config(t))
		mostSessions(t, db)
		sessionsStayBehind(t, db)
	})
}

// onPostgres is a set of tests on one server.
type onPostgres struct{ *pgtest.Server }

// patient waits as long as can be for a connection and its turn: what is right does
// not depend on how busy the machine is. What happens to the impatient, others test.
func patient(cfg configdb.Config) configdb.Config {
	cfg.BusyTimeout = barograph.Duration(time.Minute)
	return cfg
}

// impatience is for tests that wait in vain: as little as lets a busy machine connect.
const impatience = barograph.Duration(3 * time.Second)

// openConfig opens the database and closes it when the test ends.
func openConfig(tb testing.TB, cfg configdb.Config) *configdb.DB {
	tb.Helper()
	return openDeps(tb, cfg, configdb.Deps{})
}

func openDeps(tb testing.TB, cfg configdb.Config, deps configdb.Deps) *configdb.DB {
	tb.Helper()
	db, err := configdb.Open(tb.Context(), cfg, deps)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// name returns that of the configuration's database.
func name(cfg configdb.Config) string {
	text, _, _ := strings.Cut(cfg.URL.Reveal(), "?")
	return text[strings.LastIndex(text, "/")+1:]
}

// numbered returns a check of its own.
func numbered(n int) barograph.Check {
	c := sampleCheck()
	c.ID, c.Name = barograph.CheckID(fmt.Sprint("chk_", n)), fmt.Sprint("check_", n)
	return c
}

// heard waits for a change, no longer than within.
func heard(changed <-chan struct{}, within time.Duration) bool {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case <-changed:
		return true
	case <-timeout.C:
	}
	select {
	case <-changed: // both were there
		return true
	default:
		return false
	}
}

// testChanges: what one server changes the other one hears of, and once.
func (x onPostgres) testChanges(t *testing.T) {
	cfg := x.Config(t)
	one, two := openConfig(t, cfg), openConfig(t, cfg)
	mine, stop := one.Changes()
	defer stop()
	theirs, stop := two.Changes()
	defer stop()
	// soon makes changes until the other server is told of one within a second: a busy
	// machine may hold up some. In the end it is told of each.
	soon := func(first int) {
		t.Helper()
		for n := first; n < first+5; n++ {
			if err := one.CreateCheck(t.Context(), numbered(n)); err != nil {
				t.Fatal(err)
			}
			if !heard(mine, 0) {
				t.Error("its own listeners were not told at once")
			}
			if heard(theirs, time.Second) {
				return
			}
			if !heard(theirs, time.Minute) {
				t.Fatal("those of the other server were not told")
			}
		}
		t.Error("those of the other server were not told within a second")
	}
	soon(10)
	if heard(mine, 100*time.Millisecond) {
		t.Error("its own listeners were told twice")
	}
	if err := one.MarkSeen(t.Context(), map[barograph.HostID]time.Time{"hst_1": time.Now()}); err != nil {
		t.Fatal(err)
	}
	if heard(theirs, 100*time.Millisecond) {
		t.Error("told of what listeners are not told of")
	}

	// Whoever listens is sent away: what happens until it listens again is told of.
	if err := x.In(t.Context(), name(cfg), killAll); err != nil {
		t.Fatal(err)
	}
	if !heard(theirs, time.Minute) {
		t.Error("not told that something may have been missed")
	}
	soon(20)
}

const (
	killAll     = "SELECT pg_terminate_backend(pid)" + ofAll
	killAndWait = "SELECT pg_terminate_backend(pid, 5000)" + ofAll // until they have ended
	ofAll       = " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

// testStart has servers start at once on an empty database: one migrates.
func (x onPostgres) testStart(t *testing.T) {
	cfg := configdb.DefaultConfig()
	cfg.URL, cfg.Connections = x.URL(x.Create(t, "TEMPLATE template0 ENCODING 'UTF8'")), 4
	var crowd sync.WaitGroup
	for range 6 {
		crowd.Go(func() {
			db, err := configdb.Open(t.Context(), cfg, configdb.Deps{})
			if err == nil {
				err = errors.Join(db.Healthy(t.Context()), db.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
}

// testKilled: whatever connection breaks when, a change is made whole or
// not at all, and the next call works.
func (x onPostgres) testKilled(t *testing.T) {
	cfg := x.Config(t)
	db := openConfig(t, cfg)
	s := barograph.Subscription{ID: "sub_1", Name: "all", Enabled: true, Endpoints: []barograph.Endpoint{{ID: "ept_1", Kind: barograph.EndpointWebhook}}}
	if err := db.CreateSubscription(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	var enough atomic.Bool
	var killer sync.WaitGroup
	killer.Go(func() {
		for !enough.Load() {
			if err := x.In(t.Context(), name(cfg), killAll); err != nil { // to its end, or it would kill later
				t.Error(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	recorded, failed := map[barograph.EventID]bool{}, 0
	for n := range 200 {
		e := benchEvent(n)
		var change barograph.Change
		for k := range 5 {
			d := benchDelivery(5*n+k, e, s, 0)
			change.Deliveries = append(change.Deliveries, d)
		}
		change.Events = []barograph.Event{e}
		err := db.Record(t.Context(), change)
		if err != nil && barograph.KindOf(err) != barograph.KindUnavailable {
			t.Errorf("error %v, want unavailable", err)
		}
		if err != nil {
			failed++
		}
		recorded[e.ID] = err == nil
	}
	enough.Store(true)
	killer.Wait()
	// What was told to end before may do so only now, on a busy machine.
	if err := x.In(t.Context(), name(cfg), killAndWait); err != nil {
		t.Fatal(err)
	}
	if err := db.Healthy(t.Context()); err != nil {
		t.Errorf("the next call: %v", err)
	}
	t.Logf("%d of 200 failed", failed)
	for id, ok := range recorded {
		ds, err := db.Deliveries(t.Context(), barograph.DeliveryFilter{EventID: id}, barograph.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if ok && len(ds) != 5 || len(ds) != 0 && len(ds) != 5 {
			t.Errorf("event %s, recorded: %t, has %d deliveries, want 5 or none", id, ok, len(ds))
		}
	}
}

// testBroken: connections that broke while nobody used them are noticed by nobody.
func (x onPostgres) testBroken(t *testing.T) {
	cfg := x.Config(t)
	db := openConfig(t, cfg)
	for n := range 10 {
		if err := x.In(t.Context(), name(cfg), killAndWait); err != nil {
			t.Fatal(err)
		}
		if err := db.CreateCheck(t.Context(), numbered(n)); err != nil {
			t.Errorf("write %d: %v", n, err)
		}
		if checks, err := db.Checks(t.Context(), barograph.Page{}); err != nil || len(checks) != n+1 {
			t.Errorf("read %d: %d checks, error %v", n, len(checks), err)
		}
		if _, err := db.Subscriptions(t.Context(), barograph.Page{}); err != nil {
			t.Errorf("transaction %d: %v", n, err)
		}
	}
}

// testRefused: what is wrong at the start is told with the way out, and
// without the password.
func (x onPostgres) testRefused(t *testing.T) {
	const password = "wr0ng/pa:ss@word"
	good := name(x.Config(t))
	latin := x.Create(t, "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
	readOnly := x.Create(t, "")
	x.Exec(t, "ALTER DATABASE "+readOnly+" SET default_transaction_read_only = on")
	for _, c := range []struct {
		name  string
		url   barograph.Secret
		kind  barograph.Kind
		words []string
	}{
		{"no server", barograph.Secret("postgres://me:" + "s3cret@" + enginetest.FreeAddress(t) + "/db"), barograph.KindUnavailable, []string{"/db", "can't be reached", "database.url"}},
		{"no database", x.GuardedURL("no_such", pgtest.Password), barograph.KindNotFound, []string{`"no_such"`, "CREATE DATABASE"}},
		{"wrong password", x.GuardedURL(good, password), barograph.KindUnauthorized, []string{good, "password"}},
		{"no rights", x.GuardedURL(x.Create(t, "TEMPLATE template0"), pgtest.Password), barograph.KindForbidden, []string{pgtest.Guarded, "owner"}},
		{"LATIN1", x.URL(latin), barograph.KindConflict, []string{latin, "LATIN1", "UTF8"}},
		{"read-only", x.URL(readOnly), barograph.KindUnavailable, []string{readOnly, "read-only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := configdb.DefaultConfig()
			cfg.URL = c.url
			_, err := configdb.Open(t.Context(), cfg, configdb.Deps{})
			if barograph.KindOf(err) != c.kind || err == nil {
				t.Fatalf("error %v, want one of kind %s", err, c.kind)
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not name %q", err, w)
				}
			}
			for _, secret := range []string{password, "s3cret", pgtest.Password, "wr0ng"} {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, cfg), secret) {
					t.Errorf("error %q shows a password", err)
				}
			}
		})
	}
}

// testExhausted: who gets no connection is told so in time.
func (x onPostgres) testExhausted(t *testing.T) {
	cfg := x.Config(t)
	cfg.Connections, cfg.BusyTimeout = 4, impatience
	db := openConfig(t, cfg)
	for range 2 { // all that read
		conn, err := configdb.Reader(db).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	start := time.Now()
	_, err := db.Checks(t.Context(), barograph.Page{})
	if barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(fmt.Sprint(err), "database.connections") || time.Since(start) > 20*time.Second {
		t.Errorf("after %s: error %v, want unavailable that names database.connections", time.Since(start), err)
	}
}

// testTurn: who writes waits for its turn, but not for ever.
func (x onPostgres) testTurn(t *testing.T) {
	cfg := x.Config(t)
	cfg.BusyTimeout = impatience
	one, two := openConfig(t, cfg), openConfig(t, cfg)
	stuck, err := configdb.Writer(one).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stuck.ExecContext(t.Context(), configdb.TakeTurn); err != nil {
		t.Fatal(err)
	}
	err = two.CreateCheck(t.Context(), sampleCheck())
	if barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(fmt.Sprint(err), "busy_timeout") {
		t.Errorf("while another server writes: error %v, want unavailable", err)
	}
	if err := stuck.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := two.CreateCheck(t.Context(), sampleCheck()); err != nil {
		t.Error(err)
	}
}

// testMigration: a database of a newer version is refused, and what a
// migration does when it fails is undone.
func (x onPostgres) testMigration(t *testing.T) {
	cfg := x.Config(t)
	migrate := func(steps fs.FS) (string, error) {
		var log strings.Builder
		db, err := configdb.OpenWith(t.Context(), cfg, configdb.Deps{Log: slog.New(slog.NewTextHandler(&log, nil))}, steps)
		if err != nil {
			return log.String(), err
		}
		return log.String(), db.Close()
	}
	steps := func(statements string) fstest.MapFS { return later(t, statements) }
	if _, err := migrate(steps("DELETE FROM revision; INSERT INTO no_such_table VALUES (1);")); err == nil || !strings.Contains(err.Error(), "no_such_table") {
		t.Errorf("error %v, want the cause", err)
	}
	log, err := migrate(steps("ALTER TABLE checks ADD COLUMN extra TEXT;"))
	if err != nil || !strings.Contains(log, "dump of your own") {
		t.Errorf("error %v, log %s; want to be told that nothing was backed up", err, log)
	}
	if _, err := configdb.Open(t.Context(), cfg, configdb.Deps{}); barograph.KindOf(err) != barograph.KindConflict {
		t.Errorf("error %v, want conflict", err)
	}
}

// testSchemas: two that share a database by schemas do not meet.
func (x onPostgres) testSchemas(t *testing.T) {
	database := x.Create(t, "TEMPLATE template0 ENCODING 'UTF8'")
	for _, schema := range []string{"a", "b"} {
		if err := x.In(t.Context(), database, "CREATE SCHEMA "+schema); err != nil {
			t.Fatal(err)
		}
		cfg := configdb.DefaultConfig()
		cfg.URL = barograph.Secret(x.URL(database).Reveal() + "&search_path=" + schema)
		if err := openConfig(t, cfg).CreateCheck(t.Context(), sampleCheck()); err != nil {
			t.Error(err)
		}
	}
}

// TestPostgresRestart: while the server is away calls say so, and when it is back
// they work, without anything lost or opened again.
func TestPostgresRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.StartOwn(t)
	cfg := server.Config(t)
	var log safeBuilder
	db := openDeps(t, cfg, configdb.Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
	changed, stop := db.Changes()
	defer stop()
	for round, down := range []func(testing.TB){server.Stop, server.Crash} {
		if err := db.CreateCheck(t.Context(), numbered(round)); err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		for range 8 { // so that there are connections to break
			readers.Go(func() { _, _ = db.Checks(t.Context(), barograph.Page{}) })
		}
		readers.Wait()
		<-changed
		down(t)
		if err := db.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "can't be reached") {
			t.Errorf("away: health %v, want unavailable with the reason", err)
		}
		if err := db.CreateCheck(t.Context(), numbered(10+round)); barograph.KindOf(err) != barograph.KindUnavailable {
			t.Errorf("away: error %v, want unavailable", err)
		}
		server.Restart(t)
		if err := db.Healthy(t.Context()); err != nil {
			t.Errorf("back: %v", err)
		}
		checks, err := db.Checks(t.Context(), barograph.Page{})
		if err != nil || len(checks) != round+1 {
			t.Errorf("back: %d checks, error %v; want %d", len(checks), err, round+1)
		}
		if !heard(changed, time.Minute) {
			t.Error("back: not told that something may have been missed")
		}
	}
}

// safeBuilder takes what goroutines write.
type safeBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func TestRebind(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT ?":                          "SELECT $1",
		"a = ? AND b IN (?, ?)":             "a = $1 AND b IN ($2, $3)",
		"a = '?' AND b = ? AND c = 'it''?'": "a = '?' AND b = $1 AND c = 'it''?'",
		"nothing":                           "nothing",
	} {
		if got := configdb.Rebind(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestConfigURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[barograph.Secret]string{
		"postgres://u:p@h/db?sslmode=verify-full": "",
		"postgresql:///db?host=/run/postgresql":   "",
		"mysql://u:s3cret@h/db":                   "url",
		"host=h password=s3cret":                  "url",
		"postgres://u:s3cret@h:port/db":           "url",
		"postgres://u:s3cret@h/db?sslmode=maybe":  "url",
		"postgres://u:s3/cr%et@h/db":              "url",
	} {
		cfg := configdb.DefaultConfig()
		cfg.URL = url
		wantField(t, cfg, want)
	}
	cfg := configdb.DefaultConfig()
	cfg.URL = "postgres://u:s3cret@h/db?sslmode=full"
	const want = `sslmode "full" is not one of disable, allow, prefer, require, verify-ca, verify-full`
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v, want %s", err, want)
	}
	cfg = configdb.DefaultConfig()
	cfg.Path = "postgres://u:s3cret@h/db"
	wantField(t, cfg, "path")
	cfg = configdb.DefaultConfig()
	cfg.URL, cfg.Path = "postgres://h/db", "/var/lib/other.db"
	wantField(t, cfg, "path")
	cfg = configdb.DefaultConfig()
	cfg.Connections = 3
	wantField(t, cfg, "connections")
}

// wantField fails the test unless exactly this field is bad; "" is none.
func wantField(t *testing.T, cfg configdb.Config, want string) {
	t.Helper()
	err := cfg.Validate()
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok || len(e.Fields) != 1 || e.Fields[0].Field != want {
		t.Errorf("error %v, want one about %s", err, want)
	}
	if strings.Contains(fmt.Sprint(err), "s3") {
		t.Errorf("error %q shows a password", err)
	}
}
