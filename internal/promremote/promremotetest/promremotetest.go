// Package promremotetest gives tests real servers that take remote write:
// VictoriaMetrics and Prometheus, started on free loopback ports and stopped
// when the test ends. The programs are looked for as enginetest does (Debian's
// packages victoria-metrics and prometheus).
package promremotetest

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/promremote"
)

// Server is a running server.
type Server struct {
	URL     string
	Process *enginetest.Process
}

// VictoriaMetrics starts an empty VictoriaMetrics that takes all that a series
// may be and has no duplicates. Further flags may follow.
func VictoriaMetrics(tb testing.TB, flags ...string) *Server {
	tb.Helper()
	program := enginetest.Program(tb, "victoria-metrics", "BAROGRAPH_TEST_VICTORIAMETRICS")
	address := enginetest.FreeAddress(tb)
	s := &Server{URL: "http://" + address}
	s.Process = enginetest.Start(tb, enginetest.Answers(s.URL+"/health"), program, append([]string{
		"-storageDataPath=" + tb.TempDir(), "-httpListenAddr=" + address, "-memory.allowedBytes=256MB",
		"-retentionPeriod=1y", "-maxLabelsPerTimeseries=65", "-dedup.minScrapeInterval=1ms",
	}, flags...)...)
	return s
}

// outOfOrder has Prometheus take samples that are older than the newest of
// their series, by as much as the conformance suite goes back.
const outOfOrder = "storage:\n  tsdb:\n    out_of_order_time_window: 2d\n"

// Prometheus starts an empty Prometheus that takes remote write, and samples up
// to two days out of order.
func Prometheus(tb testing.TB) *Server {
	tb.Helper()
	program := enginetest.Program(tb, "prometheus", "BAROGRAPH_TEST_PROMETHEUS")
	address, dir := enginetest.FreeAddress(tb), tb.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte(outOfOrder), 0o600); err != nil {
		tb.Fatal(err)
	}
	s := &Server{URL: "http://" + address}
	s.Process = enginetest.Start(tb, enginetest.Answers(s.URL+"/-/ready"), program,
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address,
		"--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=1y")
	return s
}

// Config returns the settings for the server.
func (s *Server) Config() promremote.Config {
	cfg := promremote.DefaultConfig()
	cfg.URL = s.URL
	return cfg
}

// Store is a store whose samples can be read as soon as they are written, for
// which VictoriaMetrics else takes a second.
type Store struct {
	*promremote.Store

	server *Server
}

// Open opens the server's store.
func (s *Server) Open(tb testing.TB, cfg promremote.Config) Store {
	tb.Helper()
	store, err := promremote.New(cfg, promremote.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() }) // it only closes idle connections
	return Store{store, s}
}

// Flush makes all that was written readable.
func (s *Server) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/internal/force_flush", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := new(http.Client).Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close() // Prometheus has no such thing and needs none
}

// Select flushes, then selects.
func (s Store) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	if err := s.server.Flush(ctx); err != nil {
		return nil, err
	}
	return s.Store.Select(ctx, q)
}

// Series flushes, then lists.
func (s Store) Series(ctx context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	if err := s.server.Flush(ctx); err != nil {
		return nil, false, err
	}
	return s.Store.Series(ctx, q)
}
