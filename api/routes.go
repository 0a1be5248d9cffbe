package api

import (
	"maps"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/observe"
)

// route is one way in. A path that ends in a slash stands for all below it.
type route struct {
	method, path string
	access       access
	handler      http.Handler // nil: not served here
}

// handlers are the resources, each from its own file.
type handlers struct {
	hostHandlers
	checkHandlers
	targetHandlers
	ruleHandlers
	subscriptionHandlers
	endpointHandlers
	deliveryHandlers
	silenceHandlers
	eventHandlers
	predictionHandlers
	acknowledgementHandlers
	forecastHandlers
	curveHandlers
	seriesHandlers
	scorecardHandlers
	tokenHandlers
	auditHandlers
	agentHandlers
}

var _ StrictServerInterface = handlers{}

// routes is the one table of all ways in and of who may use them.
func (a *API) routes(o Options, v *validator) []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	resources := newResources(o, v)
	spec := func(h http.HandlerFunc) http.Handler { return http.MaxBytesHandler(v.validate(h), maxBody) }
	plain := func(h http.HandlerFunc) http.Handler { return h }
	return []route{
		{get, "/api/v1/hosts", viewer, spec(resources.ListHosts)},
		{post, "/api/v1/hosts", operator, spec(resources.CreateHost)},
		{get, "/api/v1/hosts/{id}", viewer, spec(resources.GetHost)},
		{put, "/api/v1/hosts/{id}", operator, spec(resources.ReplaceHost)},
		{del, "/api/v1/hosts/{id}", operator, spec(resources.DeleteHost)},
		{post, "/api/v1/hosts/{id}/key", operator, spec(resources.RenewHostKey)},

		{get, "/api/v1/checks", viewer, spec(resources.ListChecks)},
		{post, "/api/v1/checks", operator, spec(resources.CreateCheck)},
		{get, "/api/v1/checks/{id}", viewer, spec(resources.GetCheck)},
		{put, "/api/v1/checks/{id}", operator, spec(resources.ReplaceCheck)},
		{del, "/api/v1/checks/{id}", operator, spec(resources.DeleteCheck)},

		{get, "/api/v1/targets", viewer, spec(resources.ListTargets)},
		{post, "/api/v1/targets", operator, spec(resources.CreateTarget)},
		{get, "/api/v1/targets/{id}", viewer, spec(resources.GetTarget)},
		{put, "/api/v1/targets/{id}", operator, spec(resources.ReplaceTarget)},
		{del, "/api/v1/targets/{id}", operator, spec(resources.DeleteTarget)},

		{get, "/api/v1/rules", viewer, spec(resources.ListRules)},
		{post, "/api/v1/rules", operator, spec(resources.CreateRule)},
		{get, "/api/v1/rules/{id}", viewer, spec(resources.GetRule)},
		{put, "/api/v1/rules/{id}", operator, spec(resources.ReplaceRule)},
		{del, "/api/v1/rules/{id}", operator, spec(resources.DeleteRule)},
		{post, "/api/v1/rules/{id}/restore", operator, spec(resources.RestoreRule)},
		{post, "/api/v1/rules/backtest", operator, patient(spec(resources.BacktestRule))},

		{get, "/api/v1/rules/{id}/curves", viewer, patient(spec(resources.GetCurve))},

		{get, "/api/v1/series", viewer, patient(spec(resources.ListSeries))},
		{get, "/api/v1/sources", viewer, spec(resources.ListSources)},

		{get, "/api/v1/subscriptions", viewer, spec(resources.ListSubscriptions)},
		{post, "/api/v1/subscriptions", operator, spec(resources.CreateSubscription)},
		{get, "/api/v1/subscriptions/{id}", viewer, spec(resources.GetSubscription)},
		{put, "/api/v1/subscriptions/{id}", operator, spec(resources.ReplaceSubscription)},
		{del, "/api/v1/subscriptions/{id}", operator, spec(resources.DeleteSubscription)},
		{post, "/api/v1/subscriptions/{id}/pause", operator, spec(resources.PauseSubscription)},
		{post, "/api/v1/subscriptions/{id}/resume", operator, spec(resources.ResumeSubscription)},
		{post, "/api/v1/subscriptions/{id}/replay", operator, spec(resources.ReplaySubscription)},
		{get, "/api/v1/subscriptions/{id}/deliveries", viewer, spec(resources.ListDeliveries)},
		{get, "/api/v1/deliveries/{id}", viewer, spec(resources.GetDelivery)},

		{post, "/api/v1/subscriptions/{id}/endpoints/{endpoint_id}/test", operator, spec(resources.TestEndpoint)},
		{post, "/api/v1/subscriptions/{id}/endpoints/{endpoint_id}/rotate", operator, spec(resources.RotateSecret)},
		{post, "/api/v1/subscriptions/{id}/endpoints/{endpoint_id}/enable", operator, spec(resources.EnableEndpoint)},
		{post, "/api/v1/subscriptions/{id}/endpoints/{endpoint_id}/disable", operator, spec(resources.DisableEndpoint)},

		{get, "/api/v1/silences", viewer, spec(resources.ListSilences)},
		{post, "/api/v1/silences", operator, spec(resources.CreateSilence)},
		{get, "/api/v1/silences/{id}", viewer, spec(resources.GetSilence)},
		{put, "/api/v1/silences/{id}", operator, spec(resources.ReplaceSilence)},
		{del, "/api/v1/silences/{id}", operator, spec(resources.DeleteSilence)},

		{get, "/api/v1/events", viewer, spec(resources.ListEvents)},
		{get, "/api/v1/events/stream", viewer, spec(a.streams.ServeHTTP)},
		{get, "/api/v1/events/{id}", viewer, spec(resources.GetEvent)},
		{get, "/api/v1/predictions", viewer, spec(resources.ListPredictions)},
		{get, "/api/v1/predictions/{id}", viewer, spec(resources.GetPrediction)},
		{post, "/api/v1/predictions/{id}/acknowledge", operator, spec(resources.AcknowledgePrediction)},
		{get, "/api/v1/breaches", viewer, spec(resources.ListBreaches)},
		{get, "/api/v1/breaches/{id}", viewer, spec(resources.GetBreach)},
		{post, "/api/v1/breaches/{id}/acknowledge", operator, spec(resources.AcknowledgeBreach)},
		{get, "/api/v1/forecasts", viewer, spec(resources.ListForecasts)},
		{get, "/api/v1/scorecard", viewer, spec(resources.GetScorecard)},

		{get, "/api/v1/tokens", admin, spec(resources.ListTokens)},
		{post, "/api/v1/tokens", admin, spec(resources.CreateToken)},
		{del, "/api/v1/tokens/{id}", admin, spec(resources.DeleteToken)},

		{get, "/api/v1/audit", admin, spec(resources.ListAudit)},
		{get, "/api/v1/backup", admin, a.backups.handler()},

		{get, "/api/agent/config", agent, spec(resources.GetAgentConfig)},
		{post, "/api/submit", agent, o.Submit},
		{post, "/api/v1/samples", agent, o.Samples},
		{post, "/api/v2/write", agent, o.LineProtocol},
		{post, "/api/v1/write", agent, o.RemoteWrite},
		{get, "/api/v2/ping", open, plain(ping)},
		{get, "/ping", open, plain(ping)},

		{get, "/prometheus/", querier, promQL(o.PromQL)},
		{post, "/prometheus/", querier, promQL(o.PromQL)}, // Grafana posts forms

		{get, "/healthz", open, plain(healthz)},
		{get, "/readyz", open, readyz(a.desk)},
		{get, "/metrics", local, o.Metrics},
		{get, "/api/openapi.yaml", open, plain(openapi)},
	}
}

func newResources(o Options, v *validator) ServerInterfaceWrapper {
	m := o.Manage
	h := handlers{
		hostHandlers{o.Hosts, m.Hosts},
		checkHandlers{o.Checks, m.Checks},
		targetHandlers{o.Targets, m.Targets},
		ruleHandlers{o.Rules, m.Rules, m.Backtests},
		subscriptionHandlers{o.Subscriptions, m.Subscriptions},
		endpointHandlers{m.Subscriptions},
		deliveryHandlers{o.Deliveries, o.Subscriptions},
		silenceHandlers{o.Silences, m.Silences, o.Clock},
		eventHandlers{o.Events},
		predictionHandlers{o.Predictions},
		acknowledgementHandlers{m.Acknowledgements},
		forecastHandlers{o.Forecasts},
		curveHandlers{o.Curves},
		seriesHandlers{o.Series, o.Sources, o.Clock},
		scorecardHandlers{o.Scorecards, o.Clock},
		tokenHandlers{o.Tokens, m.Tokens},
		auditHandlers{o.Audit},
		agentHandlers{o.Hosts, o.Seen, o.Checks, o.ShellEquivalent, o.Clock, o.Logger},
	}
	v.judges = h.subscriptionHandlers.judges()
	maps.Copy(v.judges, h.ruleHandlers.judges())
	return ServerInterfaceWrapper{
		Handler: NewStrictHandlerWithOptions(h, nil, StrictHTTPServerOptions{
			RequestErrorHandlerFunc:  v.refuse,
			ResponseErrorHandlerFunc: v.failures.reject,
		}),
		ErrorHandlerFunc: v.refuse,
	}
}

func promQL(h http.Handler) http.Handler {
	if h == nil {
		return nil
	}
	return http.MaxBytesHandler(patient(http.StripPrefix("/prometheus", h)), maxBody)
}

// newRouter puts the routes behind observation and guard. What is not in the
// table is answered without looking at a key: there is nothing to protect.
func newRouter(table []route, ring *keyring, o Options) http.Handler {
	f := failures{o.Clock, o.Logger}
	watch := observe.Observer{Set: o.Set, Logger: o.Logger, Failed: f.write}
	router := mux.NewRouter().SkipClean(true) // a cleaned path would be answered with a redirect
	for _, r := range table {
		if r.handler == nil {
			continue
		}
		h := watch.Observe(r.method+" "+r.path, secure(guard(r.access, ring, f, r.handler)))
		if strings.HasSuffix(r.path, "/") {
			router.PathPrefix(r.path).Handler(h).Methods(r.method)
		} else {
			router.Handle(r.path, h).Methods(methods(r)...)
		}
	}
	router.NotFoundHandler = watch.Observe("none", secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.write(w, r, barograph.Errorf(barograph.KindNotFound, "there is nothing at this path; GET /api/openapi.yaml says what there is"))
	})))
	router.MethodNotAllowedHandler = watch.Observe("none", secure(methodNotAllowed(router)))
	return router
}

// methods of an open route include HEAD, which monitors and load balancers use.
func methods(r route) []string {
	if r.access == open && r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}

func methodNotAllowed(router *mux.Router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			var match mux.RouteMatch
			if router.Match(other, &match) && match.MatchErr == nil {
				allowed = append(allowed, method)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, Problem{
			Type: problemBaseURI + "method_not_allowed", Title: "The method does not fit",
			Status: http.StatusMethodNotAllowed, Detail: "this path takes " + strings.Join(allowed, ", "),
		})
	}
}
