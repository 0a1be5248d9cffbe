package probes_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// webServer answers as its paths say.
func webServer() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ok", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "all is well, 7 users") })
	mux.HandleFunc("HEAD /head", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("GET /slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("GET /cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "only this")
	})
	mux.HandleFunc("GET /endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
				return
			}
		}
	})
	return mux
}

func TestHTTP(t *testing.T) {
	server := httptest.NewServer(webServer())
	t.Cleanup(server.Close)
	secure := httptest.NewUnstartedServer(webServer())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	port := server.URL[strings.LastIndex(server.URL, ":")+1:]
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	env := probes.Env{RootCAs: roots, Resolver: resolverOf(startDNS(t, "web.test. A 127.0.0.1"))}

	type options = barograph.ProbeOptions
	for _, tt := range []struct {
		name, url string
		options   options
		env       probes.Env
		status    float64
		phases    string
		error     string
		unable    bool
	}{
		{name: "ok", url: server.URL + "/ok", status: 200, phases: "connect first_byte transfer"},
		{name: "by name", url: "http://web.test:" + port + "/ok", status: 200, phases: "dns connect first_byte transfer"},
		{name: "tls", url: secure.URL + "/ok", status: 200, phases: "connect tls first_byte transfer"},
		{name: "method", url: server.URL + "/head", options: options{Method: "HEAD"}, status: 200, phases: "connect first_byte transfer"},
		{name: "body matches", url: server.URL + "/ok", options: options{BodyMatch: `\d+ users`}, status: 200, phases: "connect first_byte transfer"},
		{
			name: "body does not match", url: server.URL + "/ok", options: options{BodyMatch: "error"},
			status: 200, phases: "connect first_byte transfer", error: `the body does not match "error"`,
		},
		{name: "bad expression", url: server.URL + "/ok", options: options{BodyMatch: "("}, error: "options.body_match: error parsing regexp: missing closing ): `(`", unable: true},
		{name: "status", url: server.URL + "/broken", status: 503, phases: "connect first_byte transfer", error: "status 503"},
		{name: "status that is wanted", url: server.URL + "/broken", options: options{StatusCodes: []int{500, 503}}, status: 503, phases: "connect first_byte transfer"},
		{
			name: "redirect is not followed", url: server.URL + "/moved",
			status: 302, phases: "connect first_byte transfer", error: `status 302: redirects to "/ok", which is not followed`,
		},
		{name: "endless body", url: server.URL + "/endless", status: 200, phases: "connect first_byte transfer"},
		{name: "cut body", url: server.URL + "/cut", status: 200, phases: "connect first_byte", error: "unexpected EOF"},
		{name: "no answer in time", url: server.URL + "/slow", phases: "connect", error: "no answer within 2s"},
		{name: "nobody listens", url: "http://127.0.0.1:1/", error: "connection refused"},
		{name: "unknown name", url: "http://other.test/", error: `cannot resolve "other.test": no such host`},
		{name: "unknown authority", url: secure.URL + "/ok", env: probes.Env{RootCAs: x509.NewCertPool()}, phases: "connect", error: "certificate: x509: certificate signed by unknown authority"},
		{
			name: "any certificate", url: secure.URL + "/ok", env: probes.Env{RootCAs: x509.NewCertPool()},
			options: options{InsecureSkipVerify: true}, status: 200, phases: "connect tls first_byte transfer",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.env.RootCAs == nil {
				tt.env = env
			}
			target := newTarget(barograph.ProbeHTTP, tt.url)
			target.Options = tt.options
			if strings.HasPrefix(tt.error, "no answer") {
				target.Timeout = barograph.Duration(2 * time.Second) // it has to connect within it
			}
			r := probes.NewProbers(probes.DefaultConfig(), tt.env)[barograph.ProbeHTTP].Probe(t.Context(), target)
			if r.Error != tt.error || r.Success != (tt.error == "") || r.Unable != tt.unable {
				t.Errorf("result %+v, want the error %q", r, tt.error)
			}
			if r.Success != (len(r.RTTs) == 1 && r.RTTs[0] > 0) {
				t.Errorf("round trip times %v", r.RTTs)
			}
			if got := measured(r, "probe_http_status_code"); tt.status != 0 && got != fmt.Sprint(tt.status) || tt.status == 0 && got != "" {
				t.Errorf("status code %q, want %v", got, tt.status)
			}
			if got := phasesOf(r); got != tt.phases {
				t.Errorf("phases %q, want %q", got, tt.phases)
			}
			if expires := measured(r, "probe_certificate_expires_in_seconds"); strings.HasPrefix(tt.url, "https") != (expires != "") {
				t.Errorf("certificate expires in %q", expires)
			}
		})
	}
}

// measured returns the extra measurement as text, "" if there is none.
func measured(r probes.Result, metric string) string {
	for _, m := range r.Extra {
		if m.Metric == metric {
			return fmt.Sprint(m.Value)
		}
	}
	return ""
}

func phasesOf(r probes.Result) string {
	var all []string
	for _, m := range r.Extra {
		if m.Label.Name == "phase" {
			all = append(all, m.Label.Value)
		}
	}
	return strings.Join(all, " ")
}
