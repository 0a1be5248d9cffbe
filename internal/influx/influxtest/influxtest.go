// Package influxtest gives tests a real InfluxDB: the one that
// BAROGRAPH_TEST_INFLUX_URL, _TOKEN and _ORG name, else an influxd 1.8 that it
// starts on a free loopback port and stops when the test ends.
//
// The program is looked for as enginetest does (go install
// github.com/influxdata/influxdb/cmd/influxd@v1.8.3).
package influxtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/influx"
)

// Server is a running InfluxDB.
type Server struct {
	URL     string
	Org     string              // empty for 1.8
	Token   barograph.Secret    // empty without authentication
	Process *enginetest.Process // nil where the environment names the server
	buckets atomic.Int64
}

// Option changes the server that Start starts.
type Option func(*options)

type options struct {
	admin  string
	noFlux bool
	disk   int // bytes; 0: the machine's
}

// WithAuth starts the server with authentication, and an administrator of this
// name whose password is "secret".
func WithAuth(admin string) Option { return func(o *options) { o.admin = admin } }

// WithoutFlux starts the server as it comes, without flux-enabled.
func WithoutFlux() Option { return func(o *options) { o.noFlux = true } }

// WithDisk gives the server a disk of its own of so many bytes. Where the
// machine does not let programs mount one the test is skipped.
func WithDisk(size int) Option { return func(o *options) { o.disk = size } }

// Start returns a running server. Only one that it starts itself knows options.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	var o options
	for _, option := range opts {
		option(&o)
	}
	if address := enginetest.Env("BAROGRAPH_TEST_INFLUX_URL"); address != "" && len(opts) == 0 {
		return &Server{
			URL: address, Org: enginetest.Env("BAROGRAPH_TEST_INFLUX_ORG"),
			Token: barograph.Secret(enginetest.Env("BAROGRAPH_TEST_INFLUX_TOKEN")),
		}
	}
	address, process := run(tb, o)
	s := &Server{URL: "http://" + address, Process: process}
	if o.admin != "" {
		s.statement(tb, fmt.Sprintf(`CREATE USER "%s" WITH PASSWORD 'secret' WITH ALL PRIVILEGES`, o.admin))
		s.Token = barograph.Secret(o.admin + ":secret")
	}
	return s
}

// Config returns the settings for a new, empty bucket that keeps its samples
// for the retention; 0 means for ever. It is deleted when the test ends.
func (s *Server) Config(tb testing.TB, retention time.Duration) influx.Config {
	tb.Helper()
	cfg := influx.DefaultConfig()
	cfg.URL, cfg.Org, cfg.Token = s.URL, s.Org, s.Token
	name := fmt.Sprintf("barograph_test_%d_%d", os.Getpid(), s.buckets.Add(1))
	if s.Org != "" {
		cfg.Bucket = name
		s.createBucket(tb, name, retention)
		return cfg
	}
	cfg.Bucket = name + "/kept"
	duration := "INF"
	if retention > 0 {
		duration = fmt.Sprintf("%ds", int(retention.Seconds()))
	}
	s.statement(tb, fmt.Sprintf(`CREATE DATABASE "%s" WITH DURATION %s NAME "kept"`, name, duration))
	tb.Cleanup(func() { s.statement(tb, fmt.Sprintf(`DROP DATABASE "%s"`, name)) })
	return cfg
}

func (s *Server) createBucket(tb testing.TB, name string, retention time.Duration) {
	tb.Helper()
	client := influxdb2.NewClient(s.URL, s.Token.Reveal())
	tb.Cleanup(client.Close)
	ctx := context.WithoutCancel(tb.Context()) // the bucket is deleted after the test
	org, err := client.OrganizationsAPI().FindOrganizationByName(ctx, s.Org)
	if err != nil {
		tb.Fatalf("find organization %s: %v", s.Org, err)
	}
	bucket, err := client.BucketsAPI().CreateBucketWithName(ctx, org, name, domain.RetentionRule{EverySeconds: int64(retention.Seconds())})
	if err != nil {
		tb.Fatalf("create bucket %s: %v", name, err)
	}
	tb.Cleanup(func() {
		if err := client.BucketsAPI().DeleteBucket(ctx, bucket); err != nil {
			tb.Errorf("delete bucket %s: %v", name, err)
		}
	})
}

// AddUser makes a user of InfluxDB 1.8 who may read and write the database, and
// nothing else, and returns the token.
func (s *Server) AddUser(tb testing.TB, name, database string) barograph.Secret {
	tb.Helper()
	s.statement(tb, fmt.Sprintf(`CREATE USER "%s" WITH PASSWORD 'secret'; GRANT ALL ON "%s" TO "%s"`, name, database, name))
	return barograph.Secret(name + ":secret")
}

// statement runs a statement of InfluxDB 1.8's own language.
func (s *Server) statement(tb testing.TB, text string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 30*time.Second)
	defer cancel()
	form := strings.NewReader(url.Values{"q": {text}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/query", form)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user, password, ok := strings.Cut(s.Token.Reveal(), ":"); ok {
		request.SetBasicAuth(user, password)
	}
	answer, err := new(http.Client).Do(request)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || bytes.Contains(body, []byte(`"error"`)) {
		tb.Fatalf("%s: %s %s", text, answer.Status, body)
	}
}

// run starts the program and returns its address.
func run(tb testing.TB, o options) (address string, process *enginetest.Process) {
	tb.Helper()
	dir := tb.TempDir()
	address, internal := enginetest.FreeAddress(tb), enginetest.FreeAddress(tb)
	config := filepath.Join(dir, "influxdb.conf")
	text := fmt.Sprintf(configText, internal, dir, address, o.admin != "", !o.noFlux)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	program := enginetest.Program(tb, "influxd", "BAROGRAPH_TEST_INFLUXD")
	ready := enginetest.Answers("http://" + address + "/health")
	if o.disk == 0 {
		return address, enginetest.Start(tb, ready, program, "-config", config)
	}
	return address, enginetest.Start(tb, ready, unshare(tb), "--user", "--map-root-user", "--mount", "sh", "-c",
		fmt.Sprintf(`for part in meta data wal; do mkdir -p "$0/$part"; done && mount -t tmpfs -o size=%d none "$0/wal" && exec "$1" -config "$2"`, o.disk),
		dir, program, config)
}

// unshare returns the program that lets others mount, if it may.
func unshare(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("unshare")
	if err == nil {
		err = exec.CommandContext(tb.Context(), path, "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", tb.TempDir()).Run() //nolint:gosec // found in PATH
	}
	if err != nil {
		tb.Skipf("no program may mount a disk of its own here: %v", err)
	}
	return path
}

const configText = `reporting-disabled = true
bind-address = %q
[meta]
  dir = "%[2]s/meta"
[data]
  dir = "%[2]s/data"
  wal-dir = "%[2]s/wal"
  index-version = "tsi1"
[monitor]
  store-enabled = false
[http]
  bind-address = %[3]q
  auth-enabled = %[4]t
  flux-enabled = %[5]t
  log-enabled = false
[logging]
  level = "warn"
`
