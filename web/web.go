// Package web is the product's pages, for the operator who looks at a screen:
// what breaks next and why we think so, and what can be done about it. They are
// made on the server from the same small interfaces as the API; a style sheet
// and a little script come with them, and nothing from elsewhere.
//
// Use: fill in Options, call New, serve the Site, and run it beside the server;
// Close ends its streams when the server shuts down.
//
// It guarantees that
//   - nobody sees or does anything without the role that the table in routes.go
//     asks for: a route without an entry does not exist;
//   - everything can be read, and every form sent, without script;
//   - whatever a host, a label, a file or an answer says is shown as text;
//   - a form that was refused comes back as it was filled in, with what is wrong
//     beside each field;
//   - no page of another site makes anything happen here.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Options are what the pages are made of. All are needed.
type Options struct {
	Config  Config
	Version string // of the program

	Manage        *manage.Manage // what people do
	Hosts         Hosts
	Checks        Checks
	Targets       Targets
	Rules         Rules
	Sources       Sources
	Series        barograph.SeriesLister
	Samples       barograph.SampleReader
	Subscriptions Subscriptions
	Deliveries    Deliveries
	Silences      Silences
	Events        Events
	Predictions   Predictions
	Forecasts     Forecasts
	Curves        Curves
	Scorecards    Scorecards
	Tokens        Tokens
	Audit         Audit
	Runs          Runs
	RunFiles      RunFiles

	// AgentScript is agent.sh, which hosts without the agent fetch from here.
	AgentScript []byte

	// Stations returns each station with the reason why it does not work, "" if
	// it does.
	Stations func(ctx context.Context) map[string]string
	// Server returns what this server is called among those on its database, and how
	// many others there are.
	Server func() (name string, others int)
	// ReadTargets reads a targets file; what is wrong with it is told with the line.
	ReadTargets func(name string, file []byte) ([]barograph.Target, error)

	Sessions   Sessions
	SignIn     SignIn
	Subscriber barograph.Subscriber
	Clock      barograph.Clock
	Logger     *slog.Logger
	Set        *metrics.Set // where requests are counted
}

func (o Options) validate() error {
	var p barograph.Problems
	p.Merge("config", o.Config.Validate())
	for name, missing := range map[string]bool{
		"Manage": o.Manage == nil, "Hosts": o.Hosts == nil, "Checks": o.Checks == nil, "Targets": o.Targets == nil, "Rules": o.Rules == nil, "Sources": o.Sources == nil, "Series": o.Series == nil,
		"Samples": o.Samples == nil, "Subscriptions": o.Subscriptions == nil, "Deliveries": o.Deliveries == nil, "Silences": o.Silences == nil, "Events": o.Events == nil, "Predictions": o.Predictions == nil,
		"Forecasts": o.Forecasts == nil, "Curves": o.Curves == nil, "Scorecards": o.Scorecards == nil, "Tokens": o.Tokens == nil, "Audit": o.Audit == nil,
		"AgentScript": o.AgentScript == nil, "Runs": o.Runs == nil, "RunFiles": o.RunFiles == nil, "Stations": o.Stations == nil, "Server": o.Server == nil, "ReadTargets": o.ReadTargets == nil,
		"Sessions": o.Sessions == nil, "SignIn": o.SignIn == nil,
		"Subscriber": o.Subscriber == nil, "Clock": o.Clock == nil, "Logger": o.Logger == nil, "Set": o.Set == nil,
	} {
		if missing {
			p.Addf(name, "is missing")
		}
	}
	return p.Err("options of the pages")
}

// Site is the HTTP handler of all pages.
type Site struct {
	Options

	pages    *pages
	assets   *assets
	sessions *sessions
	stations *stationWatch
	live     *hub
	overview *overview
	names    metricNames
	rolledUp *rolledUp
	router   http.Handler
}

var _ http.Handler = (*Site)(nil)

// New returns the pages, or an error that names every option that is missing or
// wrong.
func New(opts Options) (*Site, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	s := &Site{Options: opts, live: newHub(opts.Subscriber, opts.Config.MaxStreams), overview: newOverview(), rolledUp: newRolledUp()}
	s.live.heard = s.overview.hear
	s.stations = &stationWatch{ask: opts.Stations}
	s.sessions = newSessions(opts.Sessions, opts.Config.SessionLength.Std(), opts.Clock, opts.Logger)
	opts.Manage.WhenKeysChange(func() {
		s.sessions.forget()
		s.live.nudge()
	})
	var err error
	if s.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("load the style sheet and the script: %w", err)
	}
	if s.pages, err = loadPages(); err != nil {
		return nil, fmt.Errorf("load the pages: %w", err)
	}
	s.router = s.newRouter()
	return s, nil
}

// ServeHTTP answers a request.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.router.ServeHTTP(w, r) }

// Run tells open pages what happens, until ctx ends.
func (s *Site) Run(ctx context.Context) error { return s.live.run(ctx) }

// Close ends all streams, for which a server's Shutdown would wait in vain. Give
// it to http.Server.RegisterOnShutdown.
func (s *Site) Close() { s.live.close() }
