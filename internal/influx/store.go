// Package influx keeps series in InfluxDB: any server that speaks the v2 API
// with Flux, which is InfluxDB 2 and 1.8 with flux-enabled.
//
// A measurement is a metric, its tags are the labels, and the one field is
// called value, so that Grafana and Flux see what Barograph sees. Two details
// keep every label intact: a label whose name Influx reserves is stored as the
// tag "label:" and the name, and the few characters that line protocol can't
// carry in a tag (backslash, control characters) are stored as % and two hex
// digits. Reading undoes both.
//
// A write is acknowledged by the server before Write returns; those who write at
// the same time share requests. Matchers and range run on the server. InfluxDB 2
// rolls up as well, by Flux; 1.8, whose Flux is slow, is asked for samples by
// remote read, in pages of time. No text of a user reaches a program unescaped.
// New needs no server: Healthy says whether it is there and lets us in.
package influx

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/barograph/barograph"
)

// Deps are what a Store works with.
type Deps struct {
	HTTP    *http.Client // nil: a client of its own
	Log     *slog.Logger // nil: nobody is told
	Metrics *metrics.Set // nil: no metrics
}

// Store is a bucket of an InfluxDB server. It may be used concurrently.
type Store struct {
	cfg     Config
	http    *http.Client
	service influxhttp.Service
	log     *slog.Logger
	metrics storeMetrics
	outbox  *outbox
}

var (
	_ barograph.SampleWriter = (*Store)(nil)
	_ barograph.SampleReader = (*Store)(nil)
	_ barograph.SeriesLister = (*Store)(nil)
)

// New returns the store, without asking the server anything, so that Barograph
// starts while InfluxDB is away.
func New(cfg Config, deps Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	client := deps.HTTP
	if client == nil {
		client = &http.Client{Transport: newTransport()}
	}
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	authorization := ""
	if cfg.Token != "" {
		authorization = "Token " + cfg.Token.Reveal()
	}
	base := strings.TrimSuffix(cfg.URL, "/") + "/"
	s := &Store{
		cfg: cfg, http: client,
		service: influxhttp.NewService(base, authorization, influxhttp.DefaultOptions().SetHTTPClient(client)),
		log:     log,
		metrics: newStoreMetrics(deps.Metrics),
	}
	s.outbox = newOutbox(s)
	return s, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// Close breaks off what is being sent and closes idle connections. Nothing may be
// written any more.
func (s *Store) Close() error {
	s.outbox.close()
	s.http.CloseIdleConnections()
	return nil
}

func (s *Store) writeURL() string {
	v := url.Values{"bucket": {s.cfg.Bucket}, "org": {s.cfg.Org}, "precision": {"ms"}}
	return s.service.ServerAPIURL() + "write?" + v.Encode()
}

func (s *Store) remoteReadURL() string {
	database, policy := s.cfg.databaseAndPolicy()
	return s.service.ServerURL() + "api/v1/prom/read?" + url.Values{"db": {database}, "rp": {policy}}.Encode()
}

func (s *Store) queryURL() string {
	return s.service.ServerAPIURL() + "query?" + url.Values{"org": {s.cfg.Org}}.Encode()
}

// post sends one request and has read read the answer, all within the timeout.
func (s *Store) post(ctx context.Context, to string, header http.Header, body io.Reader, read func(io.Reader) error) error {
	return s.do(ctx, http.MethodPost, to, header, body, func(r *http.Response) error { return read(r.Body) })
}

func (s *Store) get(ctx context.Context, from string, read func(io.Reader) error) error {
	return s.ask(ctx, from, func(r *http.Response) error { return read(r.Body) })
}

// ask is get for those who want to see more than the body.
func (s *Store) ask(ctx context.Context, from string, read func(*http.Response) error) error {
	return s.do(ctx, http.MethodGet, from, nil, http.NoBody, read)
}

func (s *Store) do(ctx context.Context, method, to string, header http.Header, body io.Reader, read func(*http.Response) error) error {
	timeout := barograph.Errorf(barograph.KindUnavailable, "InfluxDB gave no answer within %s", s.cfg.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout.Std(), timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return err
	}
	maps.Copy(request.Header, header)
	// To compress takes the server longer than a local network to carry it.
	request.Header.Set("Accept-Encoding", "identity")
	var readErr error
	failure := s.service.DoHTTPRequest(request, nil, func(r *http.Response) error {
		defer func() { _ = r.Body.Close() }() // read to its end or of no more use
		readErr = read(r)
		return readErr
	})
	switch {
	case failure == nil:
		return nil
	case readErr != nil && ctx.Err() == nil:
		return explainAnswer(readErr)
	}
	return s.cfg.explain(ctx, failure)
}

func drop(r io.Reader) error {
	_, err := io.Copy(io.Discard, io.LimitReader(r, 64<<10))
	return err
}

// storeMetrics count what passes through a store.
type storeMetrics struct {
	written, refused                       *metrics.Counter
	writeErrors, readErrors, listErrors    *metrics.Counter
	writeSeconds, readSeconds, listSeconds *metrics.Histogram
}

func newStoreMetrics(set *metrics.Set) storeMetrics {
	if set == nil {
		set = metrics.NewSet()
	}
	return storeMetrics{
		written:      set.NewCounter("barograph_influx_samples_written_total"),
		refused:      set.NewCounter("barograph_influx_samples_refused_total"),
		writeErrors:  set.NewCounter(`barograph_influx_errors_total{op="write"}`),
		readErrors:   set.NewCounter(`barograph_influx_errors_total{op="select"}`),
		listErrors:   set.NewCounter(`barograph_influx_errors_total{op="series"}`),
		writeSeconds: set.NewHistogram(`barograph_influx_duration_seconds{op="write"}`),
		readSeconds:  set.NewHistogram(`barograph_influx_duration_seconds{op="select"}`),
		listSeconds:  set.NewHistogram(`barograph_influx_duration_seconds{op="series"}`),
	}
}
