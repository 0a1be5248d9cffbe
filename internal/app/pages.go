package app

import (
	"net/http"
	"os"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/probes"
	"github.com/barograph/barograph/web"
)

// addPages adds the pages. They read what the API reads, and have done what it
// has done, by the same.
func (a *App) addPages(p *parts, resources *api.API) (*web.Site, error) {
	others := peers{p.servers, p.events}
	site, err := web.New(web.Options{
		Config: a.cfg.Web, Version: a.version,
		Manage: p.manage, Hosts: p.db, Checks: p.db, Targets: p.db, Rules: p.db, Sources: wholeSources{p.sources, others},
		Series: p.store, Samples: p.store, Subscriptions: p.db, Deliveries: p.db, Silences: p.db, Events: p.db, Predictions: p.db,
		Forecasts: wholeForecasts{others, p.forecaster}, Curves: p.curves, Scorecards: p.db, Tokens: p.db, Audit: p.db,
		Runs: a.addRuns(), RunFiles: probes.ConfigFiles{Dir: a.cfg.Web.Configs},
		AgentScript: agent.Script(), Stations: resources.Stations, ReadTargets: a.readTargets,
		Server:   func() (string, int) { return serverName(p.servers.ID()), len(p.servers.Others()) },
		Sessions: p.db, SignIn: resources.SignIn,
		Subscriber: p.events, Clock: a.clock, Logger: a.log, Set: a.metrics,
	})
	if err != nil {
		return nil, err
	}
	a.life.add("pages", site.Run)
	return site, nil
}

// serverName is what people know a server by: the machine, and the identifier by
// which messages name it.
func serverName(id string) string {
	if machine, err := os.Hostname(); err == nil {
		return machine + " (" + id + ")"
	}
	return id
}

// readTargets returns the targets of a targets file.
func (a *App) readTargets(name string, data []byte) ([]barograph.Target, error) {
	file, err := probes.ParseTargetsFile(name, data)
	if err != nil {
		return nil, err
	}
	targets := make([]barograph.Target, 0, len(file.Targets))
	for _, address := range file.Targets {
		targets = append(targets, a.targetOf(file, address))
	}
	return targets, nil
}

// front sends each request to the API or to the pages.
type front struct {
	resources *api.API
	pages     *web.Site
}

var _ http.Handler = front{}

// ServeHTTP answers a request.
func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if forPrograms(r.URL.Path) {
		f.resources.ServeHTTP(w, r)
		return
	}
	f.pages.ServeHTTP(w, r)
}

// forPrograms reports whether the path is one that programs use.
func forPrograms(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/ping":
		return true
	}
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/prometheus/")
}

// close ends what would keep a shutdown waiting.
func (f front) close() {
	f.resources.Close()
	f.pages.Close()
}
