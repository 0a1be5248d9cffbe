// Package natstest runs real NATS servers for tests: one, or a cluster, on free
// loopback ports, with JetStream that syncs each write to disk.
//
//	server := natstest.Start(t)
//	cfg.URL = server.URL
//	server.Kill()
//	server.Start(t)
//
//	cluster := natstest.Cluster(t, 3)
//
// The program nats-server is looked for as enginetest does.
package natstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/enginetest"
)

// Server is a NATS server of a test.
type Server struct {
	*enginetest.Process

	Name    string
	URL     string // nats://…
	Address string // host:port
	Dir     string // what it stores

	file    string // its configuration
	fixed   string // the part of it that never changes
	monitor string
}

// Start runs a server with these lines added to its configuration.
func Start(tb testing.TB, lines ...string) *Server {
	tb.Helper()
	s := prepare(tb, "single", "", lines...)
	s.run(tb)
	s.AwaitHealthy(tb)
	return s
}

// Cluster runs a cluster of n servers and returns them when JetStream works on
// each.
func Cluster(tb testing.TB, n int, lines ...string) []*Server {
	tb.Helper()
	routes := make([]string, n)
	for i := range routes {
		routes[i] = enginetest.FreeAddress(tb)
	}
	servers := make([]*Server, n)
	for i := range servers {
		cluster := fmt.Sprintf("cluster {name: test, listen: %q, routes: [nats://%s]}\n", routes[i], strings.Join(routes, ", nats://"))
		servers[i] = prepare(tb, fmt.Sprint("n", i+1), cluster, lines...)
		servers[i].run(tb)
	}
	for _, s := range servers {
		s.AwaitHealthy(tb)
	}
	return servers
}

// URLs returns the addresses of the servers with commas between.
func URLs(servers []*Server) string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.URL
	}
	return strings.Join(all, ",")
}

func prepare(tb testing.TB, name, cluster string, lines ...string) *Server {
	tb.Helper()
	address, dir := enginetest.FreeAddress(tb), tb.TempDir()
	s := &Server{
		Name: name, URL: "nats://" + address, Address: address, Dir: filepath.Join(dir, "store"),
		file: filepath.Join(dir, "nats.conf"), monitor: enginetest.FreeAddress(tb),
	}
	s.fixed = fmt.Sprintf("server_name: %s\nlisten: %q\nhttp: %q\n%s", name, address, s.monitor, cluster)
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "jetstream") }) {
		s.fixed += fmt.Sprintf("jetstream {store_dir: %q, sync_interval: always}\n", s.Dir)
	}
	s.Configure(tb, lines...)
	return s
}

func (s *Server) run(tb testing.TB) {
	tb.Helper()
	program := enginetest.Program(tb, "nats-server", "BAROGRAPH_TEST_NATS")
	s.Process = enginetest.Start(tb, s.ready, program, "-c", s.file)
}

// ready: the monitor answers while JetStream is still being started, and clients can
// come only then.
func (s *Server) ready(ctx context.Context) error {
	if err := enginetest.Answers("http://" + s.monitor + "/varz")(ctx); err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Configure writes the server's configuration with these lines added. A server
// that runs reads it when it is sent SIGHUP.
func (s *Server) Configure(tb testing.TB, lines ...string) {
	tb.Helper()
	if err := os.WriteFile(s.file, []byte(s.fixed+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
}

const patience = time.Minute

// AwaitHealthy waits until the server says that all of it works.
func (s *Server) AwaitHealthy(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	for {
		status, err := s.health(ctx)
		if err == nil && status == http.StatusOK {
			return
		}
		if ctx.Err() != nil {
			tb.Fatalf("%s is not well after %s: %d %v\n%s", s.Name, patience, status, err, s.Said())
		}
		<-time.After(200 * time.Millisecond)
	}
}

func (s *Server) health(ctx context.Context) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.monitor+"/healthz", http.NoBody)
	if err != nil {
		return 0, err
	}
	answer, err := new(http.Client).Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
