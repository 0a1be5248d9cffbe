// Package promremote keeps series in any server that takes Prometheus remote
// write and answers its query API: VictoriaMetrics, alone or as a cluster,
// Mimir, Thanos, and Prometheus itself with --web.enable-remote-write-receiver.
//
//	s, err := promremote.New(cfg, promremote.Deps{Metrics: set})
//	err = s.Write(ctx, samples)
//	found, err := s.Select(ctx, query)
//
// Write returns when the server has acknowledged all samples; what that is
// worth is up to the server. One that was refused is named by a
// *barograph.PartialError. Matchers, range and roll-up run on the server, and
// no text of a user reaches a query unquoted. New needs no server: Healthy
// says whether it is there, is such a server, and lets us in.
//
// Samples whose value is no finite number, and series that others wrote there
// under names that Barograph doesn't have, are left out of what is read.
package promremote

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Deps are what a Store works with.
type Deps struct {
	HTTP    *http.Client    // nil: a client of its own
	Metrics *metrics.Set    // nil: no metrics
	Clock   barograph.Clock // nil: the wall clock
}

// Store is a server's series. It may be used concurrently.
type Store struct {
	cfg     Config
	http    *http.Client
	clock   barograph.Clock
	metrics storeMetrics
	edges   edges

	buffers sync.Pool // of *[]byte, for messages
}

var (
	_ barograph.SampleWriter = (*Store)(nil)
	_ barograph.SampleReader = (*Store)(nil)
	_ barograph.SeriesLister = (*Store)(nil)
)

// New returns the store, without asking the server anything, so that Barograph
// starts while the server is away.
func New(cfg Config, deps Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, http: &http.Client{Transport: newTransport()}, clock: deps.Clock, metrics: newStoreMetrics(deps.Metrics),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
	if deps.HTTP != nil {
		own := *deps.HTTP
		s.http = &own
	}
	// A login page at the end of a redirect would take samples with a 200.
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if s.clock == nil {
		s.clock = barograph.WallClock{}
	}
	return s, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // which costs both more time than a network between servers saves
	}
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// Healthy writes nothing and reads a little, at the same addresses and with the
// same credentials as real work. Its error says what is wrong: KindUnavailable
// (away, or not such a server), KindUnauthorized or KindForbidden (credentials),
// KindNotFound (address). A server whose disk is full may answer it as if it
// were well: that is for who writes to remember.
func (s *Store) Healthy(ctx context.Context) error {
	if err := s.sendNothing(ctx); err != nil {
		return fmt.Errorf("check remote write at %s: %w", s.cfg.writeURL(), err)
	}
	if _, err := s.readEdges(ctx); err != nil {
		return fmt.Errorf("check query API at %s: %w", s.cfg.queryURL("query"), err)
	}
	return nil
}

// storeMetrics count what passes through a store.
type storeMetrics struct {
	written, refused        *metrics.Counter
	writeErrors, readErrors *metrics.Counter
	writeSeconds            *metrics.Histogram
	readSeconds             *metrics.Histogram
}

func newStoreMetrics(set *metrics.Set) storeMetrics {
	if set == nil {
		set = metrics.NewSet()
	}
	return storeMetrics{
		written:      set.NewCounter("barograph_promremote_samples_written_total"),
		refused:      set.NewCounter("barograph_promremote_samples_refused_total"),
		writeErrors:  set.NewCounter(`barograph_promremote_errors_total{op="write"}`),
		readErrors:   set.NewCounter(`barograph_promremote_errors_total{op="select"}`),
		writeSeconds: set.NewHistogram(`barograph_promremote_duration_seconds{op="write"}`),
		readSeconds:  set.NewHistogram(`barograph_promremote_duration_seconds{op="select"}`),
	}
}
