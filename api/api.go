// Package api is the product's HTTP interface: the resources under /api/v1,
// what agents and Influx clients talk to, events as they happen, and how the
// server itself does. It is written from openapi.yaml, which is also what
// requests are validated against and what GET /api/openapi.yaml returns.
//
// Use: fill in Options, call New, serve the API with NewServer on a listener
// from Listen, and Close it when the server shuts down, which ends the streams.
//
// It guarantees that
//   - nobody reads or changes anything without a key, but for the routes that
//     the table in routes.go calls open: a route without an entry does not exist;
//   - every refusal is a problem (RFC 9457) that names the field, the value and
//     what is allowed; the text of an internal error stays in the log;
//   - keys and the secrets of endpoints are shown once at most, by the request that
//     makes them;
//   - bodies, rates, connections and streams are bounded.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml openapi.yaml

// Options are what an API is made of. All are needed, but for the handlers and
// the stations: without its handler a route does not exist.
type Options struct {
	Config Config

	// Manage is what people do.
	Manage *manage.Manage

	Hosts         Hosts
	Seen          Seen
	Checks        Checks
	Targets       Targets
	Rules         Rules
	Sources       Sources
	Series        barograph.SeriesLister
	Subscriptions Subscriptions
	Deliveries    Deliveries
	Silences      Silences
	Audit         Audit
	Events        Events
	Predictions   Predictions
	Forecasts     Forecasts
	Curves        Curves
	Scorecards    Scorecards
	Tokens        Tokens
	Keys          Keys

	// Subscriber gives events as they happen.
	Subscriber barograph.Subscriber
	// ShellEquivalent returns the main metric of the built-in collector and a shell
	// command that prints it, "" and "" if there is none.
	ShellEquivalent func(barograph.CollectorName) (metric, command string)

	Submit       http.Handler // POST /api/submit
	Samples      http.Handler // POST /api/v1/samples
	LineProtocol http.Handler // POST /api/v2/write
	RemoteWrite  http.Handler // POST /api/v1/write
	PromQL       http.Handler // /prometheus/, which is taken off the path
	Metrics      http.Handler // GET /metrics
	Backups      Backups      // GET /api/v1/backup; nil: there are none

	// Stations are asked by GET /readyz, each by its name; nil means it works.
	Stations map[string]func(context.Context) error

	Clock  barograph.Clock
	Logger *slog.Logger
	Set    *metrics.Set // where the API counts its requests
}

func (o Options) validate() error {
	var p barograph.Problems
	p.Merge("config", o.Config.Validate())
	for name, missing := range map[string]bool{
		"Manage": o.Manage == nil, "Hosts": o.Hosts == nil, "Seen": o.Seen == nil, "Checks": o.Checks == nil,
		"Targets": o.Targets == nil, "Rules": o.Rules == nil, "Sources": o.Sources == nil, "Series": o.Series == nil,
		"Subscriptions": o.Subscriptions == nil, "Deliveries": o.Deliveries == nil, "Silences": o.Silences == nil,
		"Audit": o.Audit == nil, "Events": o.Events == nil, "Predictions": o.Predictions == nil,
		"Forecasts": o.Forecasts == nil, "Curves": o.Curves == nil, "Scorecards": o.Scorecards == nil,
		"Tokens": o.Tokens == nil, "Keys": o.Keys == nil, "Subscriber": o.Subscriber == nil,
		"ShellEquivalent": o.ShellEquivalent == nil, "Clock": o.Clock == nil, "Logger": o.Logger == nil, "Set": o.Set == nil,
	} {
		if missing {
			p.Addf(name, "is missing")
		}
	}
	return p.Err("options of the API")
}

// API is the HTTP handler of everything that Options hold.
type API struct {
	router  http.Handler
	streams *streams
	backups *backups
	ring    *keyring
	desk    *informationDesk
}

var _ http.Handler = (*API)(nil)

// New returns the API, or an error that names every option that is missing or
// wrong.
func New(opts Options) (*API, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	validate, err := newValidator(failures{opts.Clock, opts.Logger})
	if err != nil {
		return nil, fmt.Errorf("load openapi.yaml: %w", err)
	}
	ring := newKeyring(opts.Keys, opts.Clock, opts.Config, opts.Logger)
	opts.Manage.WhenKeysChange(ring.forget)
	a := &API{streams: newStreams(opts), backups: newBackups(opts), ring: ring, desk: newInformationDesk(opts.Stations, opts.Logger)}
	a.router = newRouter(a.routes(opts, validate), ring, opts)
	return a, nil
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Close ends all streams and backups, for which a server's Shutdown would wait in
// vain, and lets no new ones in. Give it to http.Server.RegisterOnShutdown.
func (a *API) Close() {
	a.streams.close()
	a.backups.close()
}
