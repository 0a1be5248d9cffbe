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
// A write is acknowledged by the server before Write returns. Matchers, range
// and roll-up run on the server; no text of a user reaches a Flux program
// unescaped. New needs no server: Healthy says whether it is there and lets us in.
package influx

import (
	"context"
	"fmt"
	"io"
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
	Metrics *metrics.Set // nil: no metrics
}

// Store is a bucket of an InfluxDB server. It may be used concurrently.
type Store struct {
	cfg     Config
	http    *http.Client
	service influxhttp.Service
	metrics storeMetrics
}

var (
	_ barograph.SampleWriter = (*Store)(nil)
	_ barograph.SampleReader = (*Store)(nil)
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
	authorization := ""
	if cfg.Token != "" {
		authorization = "Token " + cfg.Token.Reveal()
	}
	base := strings.TrimSuffix(cfg.URL, "/") + "/"
	return &Store{
		cfg: cfg, http: client,
		service: influxhttp.NewService(base, authorization, influxhttp.DefaultOptions().SetHTTPClient(client)),
		metrics: newStoreMetrics(deps.Metrics),
	}, nil
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

// Close closes idle connections.
func (s *Store) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// Healthy asks the server to write nothing and to read a little, which takes
// the same address, token and bucket as real work. Its error says which of
// them is wrong: KindUnavailable (away), KindUnauthorized or KindForbidden
// (token), KindNotFound (bucket).
func (s *Store) Healthy(ctx context.Context) error {
	err := s.post(ctx, s.writeURL(), http.Header{}, strings.NewReader(""), drop)
	// Servers before 2.1 refuse an empty write, after they looked at token and bucket.
	if err != nil && barograph.KindOf(err) != barograph.KindInvalid {
		return fmt.Errorf("check InfluxDB at %s: %w", s.cfg.URL, err)
	}
	probe := "from(bucket: " + fluxString(s.cfg.Bucket) + ") |> range(start: -1s) |> limit(n: 1)"
	_, err = s.query(ctx, probe)
	if err != nil {
		return fmt.Errorf("check InfluxDB at %s: %w", s.cfg.URL, err)
	}
	return nil
}

func (s *Store) writeURL() string {
	v := url.Values{"bucket": {s.cfg.Bucket}, "org": {s.cfg.Org}, "precision": {"ms"}}
	return s.service.ServerAPIURL() + "write?" + v.Encode()
}

func (s *Store) queryURL() string {
	return s.service.ServerAPIURL() + "query?" + url.Values{"org": {s.cfg.Org}}.Encode()
}

// post sends one request and has read read the answer, all within the timeout.
func (s *Store) post(ctx context.Context, to string, header http.Header, body io.Reader, read func(io.Reader) error) error {
	timeout := barograph.Errorf(barograph.KindUnavailable, "InfluxDB gave no answer within %s", s.cfg.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout.Std(), timeout)
	defer cancel()
	var readErr error
	failure := s.service.DoPostRequest(ctx, to, body,
		func(r *http.Request) {
			maps.Copy(r.Header, header)
		},
		func(r *http.Response) error {
			defer func() { _ = r.Body.Close() }() // read to its end or of no more use
			readErr = read(r.Body)
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
		written:      set.NewCounter("barograph_influx_samples_written_total"),
		refused:      set.NewCounter("barograph_influx_samples_refused_total"),
		writeErrors:  set.NewCounter(`barograph_influx_errors_total{op="write"}`),
		readErrors:   set.NewCounter(`barograph_influx_errors_total{op="select"}`),
		writeSeconds: set.NewHistogram(`barograph_influx_duration_seconds{op="write"}`),
		readSeconds:  set.NewHistogram(`barograph_influx_duration_seconds{op="select"}`),
	}
}
