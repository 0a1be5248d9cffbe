// Package influxtest gives tests a real InfluxDB: the one that
// BAROGRAPH_TEST_INFLUX_URL, _TOKEN and _ORG name, else an influxd 1.8 that it
// starts on a free loopback port and stops when the test ends.
//
// The program is looked for in BAROGRAPH_TEST_INFLUXD, PATH and the folder of
// go install (go install github.com/influxdata/influxdb/cmd/influxd@v1.8.3).
// Without one the test is skipped, unless BAROGRAPH_TEST_ENGINES is "require":
// then it fails.
package influxtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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
	"github.com/barograph/barograph/internal/influx"
)

// Server is a running InfluxDB.
type Server struct {
	URL     string
	Org     string           // empty for 1.8
	Token   barograph.Secret // empty without authentication
	buckets atomic.Int64
}

// Option changes the server that Start starts.
type Option func(*options)

type options struct{ admin string }

// WithAuth starts the server with authentication, and an administrator of this
// name whose password is "secret". A server named by the environment keeps its
// own ways.
func WithAuth(admin string) Option { return func(o *options) { o.admin = admin } }

// Start returns a running server.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()
	var o options
	for _, option := range opts {
		option(&o)
	}
	if address := env("BAROGRAPH_TEST_INFLUX_URL"); address != "" {
		return &Server{
			URL: address, Org: env("BAROGRAPH_TEST_INFLUX_ORG"), Token: barograph.Secret(env("BAROGRAPH_TEST_INFLUX_TOKEN")),
		}
	}
	program := findProgram(tb)
	s := &Server{URL: "http://" + run(tb, program, o)}
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

func findProgram(tb testing.TB) string {
	tb.Helper()
	if path := env("BAROGRAPH_TEST_INFLUXD"); path != "" {
		return path
	}
	if path, err := exec.LookPath("influxd"); err == nil {
		return path
	}
	if out, err := exec.CommandContext(tb.Context(), "go", "env", "GOPATH").Output(); err == nil {
		path := filepath.Join(strings.TrimSpace(string(out)), "bin", "influxd")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	const reason = "no influxd: install it by scripts/engines.sh, or set BAROGRAPH_TEST_INFLUXD or BAROGRAPH_TEST_INFLUX_URL"
	if env("BAROGRAPH_TEST_ENGINES") == "require" {
		tb.Fatal(reason)
	}
	tb.Skip(reason)
	return ""
}

// run starts the program and returns its address once it answers.
func run(tb testing.TB, program string, o options) string {
	tb.Helper()
	dir := tb.TempDir()
	address, internal := freeAddress(tb), freeAddress(tb)
	config := filepath.Join(dir, "influxdb.conf")
	text := fmt.Sprintf(configText, internal, dir, address, o.admin != "")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	var said bytes.Buffer
	ctx := context.WithoutCancel(tb.Context())                  // it stops below, when buckets are gone
	cmd := exec.CommandContext(ctx, program, "-config", config) //nolint:gosec // a test runs the program that its caller chose
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", program, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tb.Cleanup(func() { stop(tb, cmd, ended) })
	if err := await(tb, "http://"+address+"/health", ended); err != nil {
		stop(tb, cmd, ended)
		tb.Fatalf("%s: %v\n%s", program, err, said.String())
	}
	return address
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
  flux-enabled = true
  log-enabled = false
[logging]
  level = "warn"
`

// stop kills: an orderly end takes seconds, and the files go anyway.
func stop(tb testing.TB, cmd *exec.Cmd, ended chan error) {
	tb.Helper()
	_ = cmd.Process.Kill() // an error means that it ended already
	ended <- <-ended       // for the next to ask
}

// await returns when the address answers.
func await(tb testing.TB, address string, ended chan error) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return err
		}
		if answer, err := new(http.Client).Do(request); err == nil {
			_ = answer.Body.Close()
			return nil
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("no answer from %s: %w", address, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func env(name string) string {
	return os.Getenv(name) //nolint:forbidigo // which server a test uses is the caller's choice, not the product's
}
