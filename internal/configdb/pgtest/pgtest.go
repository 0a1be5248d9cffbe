// Package pgtest runs PostgreSQL for tests, and makes empty databases on it.
//
//	server := pgtest.Start(t)
//	cfg := server.Config(t) // of a database that nobody else has
//	db, err := configdb.Open(ctx, cfg, configdb.Deps{})
//
// It runs the program of the machine in a new directory, without waiting for its
// disk: what a test needs of a crash, Crash does. BAROGRAPH_TEST_POSTGRES_URL names
// a server that runs already, by an address of somebody who may make databases
// there; tests that stop it are skipped then. Without either, tests are skipped, as
// package enginetest says.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/enginetest"
)

// Server is a PostgreSQL of tests.
type Server struct {
	url      url.URL
	folder   string              // "": it is somebody else's
	process  *enginetest.Process // nil then
	template sync.Once
}

// template is a database that is up to date; copying it is faster than making one.
const template = "barograph_template"

// Guarded is a user who has to show a password; all others need none.
const (
	Guarded  = "guarded"
	Password = "s3cret/of?the@database"
)

// Start starts a server, which ends with the test. Options are settings, as
// "max_connections=20".
func Start(tb testing.TB, options ...string) *Server {
	tb.Helper()
	if text := enginetest.Env("BAROGRAPH_TEST_POSTGRES_URL"); text != "" {
		u, err := url.Parse(text)
		if err != nil {
			tb.Fatal("BAROGRAPH_TEST_POSTGRES_URL is no address") // which would show its password
		}
		return &Server{url: *u}
	}
	return start(tb, options)
}

// StartOwn is Start for tests that stop the server: one of somebody else's is not
// for them.
func StartOwn(tb testing.TB, options ...string) *Server {
	tb.Helper()
	if enginetest.Env("BAROGRAPH_TEST_POSTGRES_URL") != "" {
		tb.Skip("the server of BAROGRAPH_TEST_POSTGRES_URL is not this test's to stop")
	}
	return start(tb, options)
}

// debian is where Debian keeps what is in no PATH.
const debian = "/usr/lib/postgresql/*/bin"

func start(tb testing.TB, options []string) *Server {
	tb.Helper()
	folders, _ := filepath.Glob(debian) // the pattern is right
	initdb := enginetest.Program(tb, "initdb", "BAROGRAPH_TEST_INITDB", folders...)
	address := enginetest.FreeAddress(tb)
	s := &Server{url: url.URL{
		Scheme: "postgres", User: url.User("postgres"), Host: address, Path: "/postgres", RawQuery: "sslmode=disable",
	}}
	s.makeFolder(tb, initdb)
	_, port, _ := net.SplitHostPort(address) // FreeAddress made it
	args := []string{
		"-D", s.folder, "-F", "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "log_min_messages=panic",
	}
	for _, option := range options {
		args = append(args, "-c", option)
	}
	s.process = enginetest.StartWith(tb, asPostgres(tb), s.ready, filepath.Join(filepath.Dir(initdb), "postgres"), args...)
	tb.Cleanup(func() { s.Stop(tb) })
	s.Exec(tb, "CREATE ROLE "+Guarded+" LOGIN PASSWORD '"+Password+"'")
	return s
}

// makeFolder makes the directory of the database, with who may come in.
func (s *Server) makeFolder(tb testing.TB, initdb string) {
	tb.Helper()
	folder, err := os.MkdirTemp("", "pgtest") //nolint:usetesting // a test's own may lie where user postgres may not enter
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(folder) }) // what is left lies in a directory for that
	s.folder = filepath.Join(folder, "data")
	cmd := exec.CommandContext(tb.Context(), initdb, "-D", s.folder, //nolint:gosec // the program of this machine
		"-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-A", "trust")
	cmd.Dir = folder
	if change := asPostgres(tb); change != nil {
		change(cmd)
		id := cmd.SysProcAttr.Credential
		if err := os.Chown(folder, int(id.Uid), int(id.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	rules := "host all " + Guarded + " 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
	if err := os.WriteFile(filepath.Join(s.folder, "pg_hba.conf"), []byte(rules), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// asPostgres returns what has a program run as user postgres, if this is root:
// PostgreSQL refuses that.
func asPostgres(tb testing.TB) func(*exec.Cmd) {
	tb.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		enginetest.Missing(tb, "PostgreSQL does not run as root, and there is no user postgres")
		return nil
	}
	var credential syscall.Credential
	if _, err := fmt.Sscan(who.Uid+" "+who.Gid, &credential.Uid, &credential.Gid); err != nil {
		tb.Fatal(err)
	}
	return func(cmd *exec.Cmd) {
		cmd.Dir = os.TempDir()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &credential}
	}
}

func (s *Server) ready(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Stop stops the server as an operator does: who is connected is sent away.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	s.end(tb, syscall.SIGINT)
}

// Crash stops it at once, and leaves it to the next start to clean up.
func (s *Server) Crash(tb testing.TB) {
	tb.Helper()
	s.end(tb, syscall.SIGQUIT)
}

func (s *Server) end(tb testing.TB, how os.Signal) {
	tb.Helper()
	lock := filepath.Join(s.folder, "postmaster.pid")
	if _, err := os.Stat(lock); err != nil {
		return // it has ended already
	}
	s.process.Signal(tb, how)
	again, patience := time.NewTicker(10*time.Millisecond), time.NewTimer(30*time.Second)
	defer again.Stop()
	defer patience.Stop()
	for {
		select {
		case <-patience.C:
			tb.Fatal("PostgreSQL does not stop")
		case <-again.C:
		}
		if _, err := os.Stat(lock); errors.Is(err, fs.ErrNotExist) {
			s.process.Kill() // it is ending: this waits for it
			return
		}
	}
}

// Restart starts the server, which was stopped, again.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.process.Start(tb)
}

// URL is the address of the database.
func (s *Server) URL(database string) barograph.Secret {
	u := s.url
	u.Path = "/" + database
	return barograph.Secret(u.String())
}

// GuardedURL is the address of the database for the user who shows the password.
func (s *Server) GuardedURL(database, password string) barograph.Secret {
	u := s.url
	u.Path, u.User = "/"+database, url.UserPassword(Guarded, password)
	return barograph.Secret(u.String())
}

// Config returns the configuration of a new database, without anything in it.
func (s *Server) Config(tb testing.TB) configdb.Config {
	tb.Helper()
	cfg := configdb.DefaultConfig()
	cfg.URL = s.URL(s.Create(tb, ""))
	return cfg
}

// Create makes a database and returns its name; one without options is up to date,
// one with has no tables yet. It goes when the test ends.
func (s *Server) Create(tb testing.TB, options string) (name string) {
	tb.Helper()
	if options == "" {
		s.template.Do(func() { s.makeTemplate(tb) })
		options = "TEMPLATE " + template
	}
	name = barograph.NewID("test", time.Now())
	s.Exec(tb, "CREATE DATABASE "+name+" "+options)
	if s.process == nil {
		tb.Cleanup(func() { s.Exec(tb, "DROP DATABASE "+name+" WITH (FORCE)") })
	}
	return name
}

// makeTemplate makes the template with an order of texts that is not that of
// their bytes, where the server has one: nothing may depend on it.
func (s *Server) makeTemplate(tb testing.TB) {
	tb.Helper()
	options := "TEMPLATE template0 ENCODING 'UTF8'"
	if s.process != nil {
		options += " LOCALE_PROVIDER icu ICU_LOCALE 'en'"
	}
	s.Exec(tb, "DROP DATABASE IF EXISTS "+template)
	s.Exec(tb, "CREATE DATABASE "+template+" "+options)
	cfg := configdb.DefaultConfig()
	cfg.URL = s.URL(template)
	db, err := configdb.Open(tb.Context(), cfg, configdb.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
}

// Exec runs a statement as who may do everything.
func (s *Server) Exec(tb testing.TB, statement string) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context()) // clean-ups use it too
	if err := s.In(ctx, "postgres", statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// In runs a statement in the database.
func (s *Server) In(ctx context.Context, database, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database).Reveal())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	if err != nil {
		err = fmt.Errorf("in %s: %w", database, err)
	}
	return errors.Join(err, conn.Close(ctx))
}
