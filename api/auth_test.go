package api_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// who may use each route: v viewer, o operator, a admin, h a host's agent,
// n nobody in particular.
func admission() map[string]string {
	table := map[string]string{
		"GET /api/v1/hosts/{id}": "voa", "PUT /api/v1/hosts/{id}": "oa", "DELETE /api/v1/hosts/{id}": "oa", "POST /api/v1/hosts/{id}/key": "oa",
		"GET /api/v1/subscriptions/{id}/deliveries": "voa",
		"GET /api/v1/events":                        "voa", "GET /api/v1/events/stream": "voa", "GET /api/v1/events/{id}": "voa",
		"GET /api/v1/predictions": "voa", "GET /api/v1/predictions/{id}": "voa",
		"GET /api/v1/breaches": "voa", "GET /api/v1/breaches/{id}": "voa",
		"GET /api/v1/forecasts": "voa", "GET /api/v1/rules/{id}/curves": "voa", "GET /api/v1/scorecard": "voa",
		"GET /api/v1/tokens": "a", "POST /api/v1/tokens": "a", "DELETE /api/v1/tokens/{id}": "a",
		"GET /api/agent/config": "h", // an operator is no host
		"POST /api/submit":      "oah", "POST /api/v1/samples": "oah", "POST /api/v2/write": "oah", "POST /api/v1/write": "oah",
		"GET /api/v1/series": "voa", "GET /api/v1/sources": "voa",
		"GET /api/v2/ping": "voahn", "GET /ping": "voahn", "GET /healthz": "voahn", "GET /readyz": "voahn", "GET /api/openapi.yaml": "voahn",
		"GET /prometheus/": "voa", "POST /prometheus/": "voa",
		"GET /metrics": "voa", // from afar, see below
	}
	for _, verb := range []string{"test", "rotate", "enable", "disable"} {
		table["POST /api/v1/subscriptions/{id}/endpoints/{endpoint_id}/"+verb] = "oa"
	}
	for _, path := range []string{"subscriptions/{id}/pause", "subscriptions/{id}/resume", "subscriptions/{id}/replay", "predictions/{id}/acknowledge", "breaches/{id}/acknowledge"} {
		table["POST /api/v1/"+path] = "oa"
	}
	table["GET /api/v1/deliveries/{id}"], table["GET /api/v1/audit"] = "voa", "a"
	table["GET /api/v1/backup"] = "a"
	table["POST /api/v1/rules/backtest"], table["POST /api/v1/rules/{id}/restore"] = "oa", "oa"
	for _, list := range []string{"hosts", "checks", "targets", "rules", "subscriptions", "silences"} {
		table["GET /api/v1/"+list] = "voa"
		table["POST /api/v1/"+list] = "oa"
		table["GET /api/v1/"+list+"/{id}"] = "voa"
		table["PUT /api/v1/"+list+"/{id}"] = "oa"
		table["DELETE /api/v1/"+list+"/{id}"] = "oa"
	}
	return table
}

func TestEveryRouteForEveryIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.keys["unknown"] = barograph.NewKey(barograph.RoleAdmin)
	ways, err := api.Ways(s.options)
	if err != nil {
		t.Fatal(err)
	}
	table := admission()
	identities := map[string]barograph.Role{
		"v": barograph.RoleViewer, "o": barograph.RoleOperator, "a": barograph.RoleAdmin, "h": barograph.RoleAgent, "n": "", "x": "unknown",
	}
	for _, way := range ways {
		admitted, ok := table[way]
		if !ok {
			t.Errorf("%s: nobody said who may use it", way)
		}
		delete(table, way)
		for letter, role := range identities {
			if way == "GET /api/v1/events/stream" && strings.Contains(admitted, letter) {
				continue // see stream_test.go
			}
			got := s.admitted(way, role)
			if want := strings.Contains(admitted+"x", letter) && (letter != "x" || strings.Contains(admitted, "n")); got != want {
				t.Errorf("%s as %q: let in %t, want %t", way, role, got, want)
			}
		}
	}
	for way := range table {
		t.Errorf("%s does not exist", way)
	}
}

// admitted reports whether the role gets past the guard.
func (s *server) admitted(way string, role barograph.Role) bool {
	method, path, _ := strings.Cut(way, " ")
	// An ID with no owner and an empty body change nothing.
	path = strings.NewReplacer("{id}", "none_0", "{endpoint_id}", "none_1").Replace(path)
	var body any
	if method == "POST" || method == "PUT" {
		body = "{}"
	}
	a := s.call(role, method, path, body, "X-Forwarded-For", "192.0.2.1")
	if a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "" {
		s.t.Errorf("%s: 401 without a challenge", way)
	}
	refused := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}
	return !slices.Contains(refused, a.status)
}

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ways, err := api.Ways(s.options)
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for path, item := range loadSpec(t).Paths.Map() {
		for method := range item.Operations() {
			if strings.HasPrefix(path, "/prometheus/") {
				path = "/prometheus/"
			}
			documented = append(documented, method+" "+path)
		}
	}
	slices.Sort(ways)
	slices.Sort(documented)
	if !slices.Equal(ways, documented) {
		t.Errorf("routes\n%s\ndocument\n%s", strings.Join(ways, "\n"), strings.Join(documented, "\n"))
	}
}

func TestKeyIsTakenFromEachHeader(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	key := s.keys[barograph.RoleViewer].Reveal()
	for header, value := range map[string]string{
		"Authorization": "Bearer " + key, "authorization": "token " + key, "X-API-Key": key,
	} {
		s.call("", "GET", "/api/v1/hosts", nil, header, value).want(t, 200)
	}
	for value, says := range map[string]string{
		"":                           "show a key",
		"Basic abc":                  "show a key",
		"Bearer abc":                 "keys begin with",
		"Bearer " + key + "x":        "checksum",
		"Bearer " + key[:40]:         "cut off",
		"Bearer " + key[:len(key)-1]: "checksum",
		"Bearer " + key + "\t":       "",
	} {
		a := s.call("", "GET", "/api/v1/hosts", nil, "Authorization", value)
		if says == "" {
			a.want(t, 200)
			continue
		}
		if a.want(t, 401); !strings.Contains(string(a.body), says) {
			t.Errorf("%q: %s", value, a.body)
		}
	}
	if strings.Contains(s.log.String(), key) {
		t.Error("a key is in the log")
	}
}

func TestMetricsFromThisMachineAndFromAfar(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.call("", "GET", "/metrics", nil).want(t, 200)
	for header, value := range map[string]string{"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "Via": "1.1 proxy"} {
		s.call("", "GET", "/metrics", nil, header, value).want(t, 401)
	}
	for _, tt := range []struct {
		remote, host string
		status       int
	}{
		{"127.0.0.1:1234", "localhost:10130", 200},
		{"127.0.0.1:1234", "[::1]:10130", 200},
		{"[::1]:1234", "127.0.0.1", 200},
		{"127.0.0.1:1234", "evil.example:10130", 401}, // led here by a name that was bound again
		{"192.0.2.1:1234", "127.0.0.1:10130", 401},
		{"@", "localhost", 401},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr, r.Host = tt.remote, tt.host
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s for %s: %d, want %d", tt.remote, tt.host, w.Code, tt.status)
		}
	}
}

func TestUnknownKeysAreSlowedDown(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) { o.Config.FailedLoginsPerMinute = 5 })
	s.call(barograph.RoleViewer, "GET", "/api/v1/hosts", nil).want(t, 200)
	for range 5 {
		s.call("", "GET", "/api/v1/hosts", nil, "X-API-Key", barograph.NewKey(barograph.RoleAdmin).Reveal()).want(t, 401)
	}
	a := s.call("", "GET", "/api/v1/hosts", nil, "X-API-Key", barograph.NewKey(barograph.RoleAdmin).Reveal()).want(t, 429)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.call("", "GET", "/api/v1/hosts", nil, "X-API-Key", "nonsense").want(t, 429)
	// Keys are not kept out by what others behind the same address do, whether
	// they were seen before or not.
	s.call(barograph.RoleViewer, "GET", "/api/v1/hosts", nil).want(t, 200)
	s.call(barograph.RoleOperator, "GET", "/api/v1/hosts", nil).want(t, 200)
	s.call(barograph.RoleAgent, "GET", "/api/agent/config", nil).want(t, 200)
}

func TestOneKeyIsSlowedDown(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) { o.Config.RequestsPerSecond, o.Config.Burst = 0.001, 3 })
	for range 3 {
		s.call(barograph.RoleViewer, "GET", "/api/v1/hosts", nil).want(t, 200)
	}
	s.call(barograph.RoleViewer, "GET", "/api/v1/hosts", nil).want(t, 429)
	s.call(barograph.RoleOperator, "GET", "/api/v1/hosts", nil).want(t, 200)
}

func TestUseOfATokenIsRecordedOnceAMinute(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	used := func() string {
		s.call(barograph.RoleViewer, "GET", "/api/v1/hosts", nil).want(t, 200)
		tokens, err := s.db.Tokens(t.Context(), barograph.Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range tokens {
			if token.Role == barograph.RoleViewer {
				return token.LastUsed.Format("15:04:05")
			}
		}
		return ""
	}
	if got := used(); got != "03:04:05" {
		t.Errorf("first use at %q", got)
	}
	for _, want := range []string{"03:04:05", "03:05:05"} {
		s.clock.advance(30 * time.Second)
		// A change of any host makes the next use of every key ask the database.
		s.call(barograph.RoleOperator, "PUT", "/api/v1/hosts/"+string(s.host.ID), `{"name":"web-1"}`).want(t, 200)
		if got := used(); got != want {
			t.Errorf("last used at %q, want %q", got, want)
		}
	}
}
