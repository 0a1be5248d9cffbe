package configdb_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/configdb/pgtest"
)

// line is a way to a server that can go silent, as when a machine is lost or an
// address moves to another one: what is sent gets lost, and nobody says so.
type line struct {
	net.Listener

	target string
	lost   atomic.Int64 // how often it went silent: older connections are
	stop   atomic.Pointer[string]
	ended  context.Context
	pipes  sync.WaitGroup
}

// newLine returns a line to the server, and the configuration that goes by it.
func newLine(t *testing.T, cfg configdb.Config) (*line, configdb.Config) {
	t.Helper()
	u, err := url.Parse(cfg.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &line{Listener: listener, target: u.Host, ended: ended}
	l.pipes.Go(l.accept)
	t.Cleanup(func() {
		end()
		_ = l.Close()
		l.pipes.Wait()
	})
	u.Host = l.Addr().String()
	query := u.Query()
	query.Set("idle_in_transaction_session_timeout", "1000") // for the server to give up a turn
	u.RawQuery = query.Encode()
	cfg.URL, cfg.BusyTimeout = barograph.Secret(u.String()), impatience
	return l, cfg
}

func (l *line) accept() {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		born := l.lost.Load()
		context.AfterFunc(l.ended, func() { _, _ = client.Close(), server.Close() })
		l.pipes.Go(func() { l.pipe(server, client, born) })
		l.pipes.Go(func() { l.pipe(client, server, born) })
	}
}

func (l *line) pipe(to, from net.Conn, born int64) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if word := l.stop.Load(); word != nil && strings.Contains(strings.ToLower(string(buffer[:n])), *word) {
			l.stop.Store(nil)
			l.lost.Add(1)
		}
		if l.lost.Load() != born {
			_, _ = io.Copy(io.Discard, from)
			<-l.ended.Done() // the end gets lost too
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// dropAt makes what is connected silent at the next message with the word, which
// gets lost too.
func (l *line) dropAt(word string) { l.stop.Store(&word) }

func TestPostgresSilent(t *testing.T) {
	t.Parallel()
	x := onPostgres{pgtest.Start(t)}
	t.Run("Work", x.testSilent)
	t.Run("Start", x.testSilentStart)
	t.Run("Listener", x.testSilentListener)
}

// testSilent: a server that says nothing any more holds up nothing for long, and
// what was asked of it is not made twice.
func (x onPostgres) testSilent(t *testing.T) {
	t.Parallel()
	const limit = 6 * time.Second // which a machine that stands still does not take by itself
	for _, c := range []struct {
		word    string // of the message that is lost
		act     func(context.Context, *configdb.DB) error
		unknown bool // whether it was made
	}{
		{"insert into checks", func(ctx context.Context, db *configdb.DB) error { return db.CreateCheck(ctx, numbered(1)) }, false},
		{"commit\x00", func(ctx context.Context, db *configdb.DB) error { return db.CreateCheck(ctx, numbered(1)) }, true},
		{"from checks", func(ctx context.Context, db *configdb.DB) error {
			_, err := db.Checks(ctx, barograph.Page{})
			return err
		}, false},
		{"from subscriptions", func(ctx context.Context, db *configdb.DB) error {
			_, err := db.Subscriptions(ctx, barograph.Page{})
			return err
		}, false},
		{"from tokens", func(ctx context.Context, db *configdb.DB) error {
			return db.Configure(ctx, func(barograph.Configuration) (change barograph.ConfigurationChange, err error) { return change, nil })
		}, false},
	} {
		t.Run(strings.TrimRight(c.word, "\x00"), func(t *testing.T) {
			t.Parallel()
			l, cfg := newLine(t, x.Config(t))
			db := openConfig(t, cfg)
			configdb.Hasten(db, limit)
			var readers sync.WaitGroup
			for range 8 { // so that there are connections to lose
				readers.Go(func() { _, _ = db.Targets(t.Context(), barograph.Page{}) })
			}
			readers.Wait()
			l.dropAt(c.word)
			first := make(chan error, 1)
			begin := time.Now()
			go func() { first <- c.act(t.Context(), db) }()
			patience := time.NewTimer(time.Minute)
			defer patience.Stop()
			select {
			case err := <-first:
				if barograph.KindOf(err) != barograph.KindUnavailable || strings.Contains(fmt.Sprint(err), "look whether it is there") != c.unknown {
					t.Errorf("after %s: error %v, want unavailable; unknown whether it was made: %t", time.Since(begin), err, c.unknown)
				}
			case <-patience.C:
				t.Fatal("it waits for an answer still")
			}
			begin = time.Now()
			if err := db.CreateCheck(t.Context(), numbered(2)); err != nil {
				t.Errorf("the next write, after %s: %v", time.Since(begin), err)
			}
			if _, err := db.Checks(t.Context(), barograph.Page{}); err != nil {
				t.Errorf("the next read, after %s: %v", time.Since(begin), err)
			}
			if took := time.Since(begin); took > limit {
				t.Errorf("the next ones took %s", took)
			}
		})
	}
}

// testSilentStart: neither does one that lets us in and says nothing then.
func (x onPostgres) testSilentStart(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"server_version_num", "pg_advisory_lock", "goose_db_version", "listen barograph"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			l, cfg := newLine(t, x.Config(t))
			l.dropAt(word)
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			db, err := configdb.Open(ctx, cfg, configdb.Deps{})
			if err == nil {
				err = db.Close()
			}
			if took := time.Since(begin); barograph.KindOf(err) != barograph.KindUnavailable || took > 20*time.Second {
				t.Errorf("after %s: error %v, want unavailable", took, err)
			}
		})
	}
}

// testSilentListener: a server that hears nothing any more listens anew, although
// the first connection that it makes for that falls silent too.
func (x onPostgres) testSilentListener(t *testing.T) {
	t.Parallel()
	cfg := x.Config(t)
	l, far := newLine(t, cfg)
	near, db := openConfig(t, cfg), openConfig(t, far)
	changed, stop := db.Changes()
	defer stop()
	l.dropAt("listen barograph")
	if err := x.In(t.Context(), name(cfg), killAll); err != nil {
		t.Fatal(err)
	}
	if !heard(changed, time.Minute) {
		t.Error("not told that something may have been missed")
	}
	if err := near.CreateCheck(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	if !heard(changed, time.Minute) {
		t.Error("not told of a change")
	}
}
