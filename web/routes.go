package web

import (
	"net/http"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/observe"
)

// handler answers a request, or returns why it can't, which is then shown as a
// page. It has written nothing when it returns an error.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one page, or one thing that can be done.
type route struct {
	method, path string
	access       access
	handler      handler
}

// idOf returns the ID in the path of the request.
func idOf[ID ~string](r *http.Request) ID { return ID(mux.Vars(r)["id"]) }

// streams reports whether the answer has no end.
func (r route) streams() bool { return r.path == "/live" || r.path == "/run/watch" }

// access says who may use a route.
type access uint8

const (
	nobody    access = iota // what an entry without an access gets
	everybody               // without a look at who it is
	open                    // anybody
	viewer                  // may read
	operator                // may change things
	admin                   // may manage tokens
)

// role returns the least role that has this access; false if none has.
func (a access) role() (barograph.Role, bool) {
	switch a {
	case everybody, open, viewer:
		return barograph.RoleViewer, true
	case operator:
		return barograph.RoleOperator, true
	case admin:
		return barograph.RoleAdmin, true
	case nobody:
	}
	return "", false
}

// routes is the one table of all pages and of who may use them.
func (s *Site) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/assets/{file}", everybody, s.asset},
		{get, "/sign-in", open, s.signInPage},
		{post, "/sign-in", open, s.signIn},
		{get, "/signed-in", open, s.signedIn},
		{get, "/session", open, s.session},
		{post, "/sign-out", open, s.signOut},
		{get, "/live", viewer, s.follow},

		{get, "/", viewer, s.next},

		{get, "/targets", viewer, s.targets},
		{get, "/targets/new", operator, s.newTarget},
		{post, "/targets/new", operator, s.createTarget},
		{get, "/targets/import", operator, s.importPage},
		{post, "/targets/import", operator, s.importTargets},
		{get, "/targets/{id}", viewer, s.target},
		{get, "/targets/{id}/edit", operator, s.editTarget},
		{post, "/targets/{id}/edit", operator, s.saveTarget},
		{post, "/targets/{id}/pause", operator, s.switchTarget(false, "target-paused")},
		{post, "/targets/{id}/resume", operator, s.switchTarget(true, "target-resumed")},
		{post, "/targets/{id}/delete", operator, s.deleteTarget},

		{get, "/run", viewer, s.runPage},
		{post, "/run", operator, s.startRun},
		{post, "/run/stop", operator, s.stopRun},
		{post, "/run/clear", operator, s.clearRun},
		{get, "/run/watch", viewer, s.watchRun},
		{get, "/run/output", viewer, s.runOutput},
		{get, "/predictions", viewer, s.predictions},
		{get, "/predictions/{id}", viewer, s.prediction},
		{get, "/predictions/{id}/spark.svg", viewer, s.spark},
		{post, "/predictions/{id}/acknowledge", operator, s.acknowledgePrediction},
		{get, "/breaches/{id}", viewer, s.breach},
		{post, "/breaches/{id}/acknowledge", operator, s.acknowledgeBreach},

		{get, "/agent.sh", everybody, s.agentScript},
		{get, "/hosts", viewer, s.hosts},
		{get, "/hosts/new", operator, s.newHost},
		{post, "/hosts/new", operator, s.createHost},
		{get, "/hosts/{id}", viewer, s.host},
		{get, "/hosts/{id}/edit", operator, s.editHost},
		{post, "/hosts/{id}/edit", operator, s.saveHost},
		{post, "/hosts/{id}/key", operator, s.renewHostKey},
		{post, "/hosts/{id}/delete", operator, s.deleteHost},
		{get, "/checks", viewer, s.checks},
		{get, "/checks/new", operator, s.newCheck},
		{post, "/checks/new", operator, s.createCheck},
		{get, "/checks/preview", viewer, s.previewCheck},
		{get, "/checks/{id}", viewer, s.check},
		{get, "/checks/{id}/edit", operator, s.editCheck},
		{post, "/checks/{id}/edit", operator, s.saveCheck},
		{post, "/checks/{id}/enable", operator, s.enableCheck},
		{post, "/checks/{id}/disable", operator, s.disableCheck},
		{post, "/checks/{id}/delete", operator, s.deleteCheck},

		{get, "/rules", viewer, s.rules},
		{get, "/rules/new", operator, s.newRule},
		{post, "/rules/new", operator, s.createRule},
		{post, "/rules/preview", operator, s.previewRule},
		{get, "/rules/{id}", viewer, s.rule},
		{get, "/rules/{id}/edit", operator, s.editRule},
		{post, "/rules/{id}/edit", operator, s.saveRule},
		{post, "/rules/{id}/enable", operator, s.changeRule("rule-enabled", s.enableRule)},
		{post, "/rules/{id}/disable", operator, s.changeRule("rule-disabled", s.disableRule)},
		{post, "/rules/{id}/restore", operator, s.changeRule("rule-restored", s.restoreRule)},
		{post, "/rules/{id}/delete", operator, s.deleteRule},

		{get, "/events", viewer, s.events},
		{get, "/events.json", viewer, s.eventsJSON},
		{get, "/events/{id}.json", viewer, s.eventJSON},
		{get, "/events/{id}", viewer, s.event},

		{get, "/subscriptions", viewer, s.subscriptions},
		{get, "/subscriptions/new", operator, s.newSubscription},
		{post, "/subscriptions/new", operator, s.createSubscription},
		{get, "/subscriptions/{id}", viewer, s.subscription},
		{get, "/subscriptions/{id}/edit", operator, s.editSubscription},
		{post, "/subscriptions/{id}/edit", operator, s.saveSubscription},
		{post, "/subscriptions/{id}/pause", operator, s.setSubscription(false, "subscription-paused")},
		{post, "/subscriptions/{id}/resume", operator, s.setSubscription(true, "subscription-resumed")},
		{post, "/subscriptions/{id}/delete", operator, s.deleteSubscription},
		{get, "/subscriptions/{id}/replay", operator, s.replayPage},
		{post, "/subscriptions/{id}/replay", operator, s.replay},
		{get, "/subscriptions/{id}/deliveries/{delivery}", viewer, s.delivery},
		{post, "/subscriptions/{id}/endpoints/{endpoint}/test", operator, s.testEndpoint},
		{post, "/subscriptions/{id}/endpoints/{endpoint}/enable", operator, s.enableEndpoint},
		{post, "/subscriptions/{id}/endpoints/{endpoint}/disable", operator, s.disableEndpoint},
		{get, "/subscriptions/{id}/endpoints/{endpoint}/rotate", operator, s.rotatePage},
		{post, "/subscriptions/{id}/endpoints/{endpoint}/rotate", operator, s.rotateSecret},

		{get, "/settings", viewer, s.settings},
		{get, "/settings/tokens", admin, s.tokens},
		{get, "/settings/tokens/new", admin, s.newToken},
		{post, "/settings/tokens/new", admin, s.createToken},
		{post, "/settings/tokens/{id}/revoke", admin, s.revokeToken},
		{get, "/settings/silences", viewer, s.silences},
		{get, "/settings/silences/new", operator, s.newSilence},
		{post, "/settings/silences/new", operator, s.createSilence},
		{get, "/settings/silences/preview", viewer, s.previewSilence},
		{get, "/settings/silences/{id}", viewer, s.silence},
		{get, "/settings/silences/{id}/edit", operator, s.editSilence},
		{post, "/settings/silences/{id}/edit", operator, s.saveSilence},
		{post, "/settings/silences/{id}/end", operator, s.endSilence},
		{get, "/settings/audit", admin, s.audit},
	}
}

const maxForm = 5 << 20 // bytes of a request; a targets file has up to 4 MiB

// newRouter puts the routes behind observation and guard.
func (s *Site) newRouter() http.Handler {
	watch := observe.Observer{Set: s.Set, Logger: s.Logger, Failed: s.fail}
	router := mux.NewRouter()
	for _, r := range s.routes() {
		methods := []string{r.method}
		h := watch.Observe(r.method+" "+r.path, s.shield(s.guard(r)))
		if !r.streams() { // which has no end to wait for, and is sent line by line
			h = gzhttp.GzipHandler(h)
			if r.method == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
		router.Handle(r.path, h).Methods(methods...)
	}
	router.NotFoundHandler = watch.Observe("none", s.shield(s.recognize(s.answer(notFound))))
	router.MethodNotAllowedHandler = watch.Observe("none", s.shield(s.recognize(s.answer(s.wrongMethod(router)))))
	return router
}

// policy is what a page may load: what comes from here, and nothing inline.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// shield keeps pages of other sites out, and bounds requests.
func (s *Site) shield(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if err := sameOrigin.Check(r); err != nil {
			s.fail(w, r, barograph.Errorf(barograph.KindForbidden, "This was sent by a page of another site, so nothing was done. If it was one of ours: a proxy in between must pass on the header Host as it is."))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// recognize finds out who makes the request.
func (s *Site) recognize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := s.identify(w, r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(withVisitor(r.Context(), who)))
	})
}

// guard lets in who has the route's access.
func (s *Site) guard(route route) http.Handler {
	next := s.answer(route.handler)
	if route.access == everybody { // who may keep the answer for others, too
		return next
	}
	return s.recognize(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := visitorOf(r)
		need, known := route.access.role()
		switch {
		case route.access == open:
		case !known:
			s.fail(w, r, barograph.Errorf(barograph.KindForbidden, "Nobody may do this."))
			return
		case !who.Role.Allows(need) && !who.SignedIn && route.streams():
			w.WriteHeader(http.StatusNoContent) // by which a browser knows that there is nothing to follow
			return
		case !who.Role.Allows(need) && !who.SignedIn:
			s.toSignIn(w, r)
			return
		case !who.Role.Allows(need):
			s.fail(w, r, barograph.Errorf(barograph.KindForbidden, "This needs the role %s; yours is %s.", need, who.Role))
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// answer turns a handler into one that shows its errors.
func (s *Site) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}
