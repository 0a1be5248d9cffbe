package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/internal/configdb"
)

// syncBuffer may be written to by many.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// scrape returns the server's own metrics.
func (s *server) scrape() string {
	s.t.Helper()
	return string(s.call(barograph.RoleViewer, "GET", "/metrics", nil).want(s.t, 200).body)
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	body := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	a := s.call(barograph.RoleOperator, "POST", "/api/v1/hosts", body).want(t, 413)
	if !strings.Contains(string(a.body), "1048576") {
		t.Errorf("the limit is not named: %s", a.body)
	}
	s.call(barograph.RoleOperator, "POST", "/api/submit", body).want(t, 200) // limits itself
}

func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var b strings.Builder
	b.WriteString(`{"name":"a"`)
	for i := range 10_000 {
		fmt.Fprintf(&b, `,"x%d%s":1`, i, strings.Repeat("y", 80))
	}
	b.WriteString("}")
	if a := s.call(barograph.RoleOperator, "POST", "/api/v1/hosts", b.String()).want(t, 422); len(a.body) > 20_000 {
		t.Errorf("an answer of %d bytes", len(a.body))
	}
}

func TestPanicIsAProblem(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) {
		o.Submit = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret of the house") })
		o.PromQL = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			panic("too late for a problem")
		})
		o.LineProtocol = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	})
	a := s.call(barograph.RoleAgent, "POST", "/api/submit", `{}`).want(t, 500)
	if strings.Contains(string(a.body), "secret") || !strings.Contains(s.log.String(), "secret of the house") {
		t.Errorf("the log, not the user, is told: %s", a.body)
	}
	var p api.Problem
	a.into(t, &p)
	if id := strings.TrimPrefix(p.Instance, "urn:barograph:request:"); id == "" || !strings.Contains(s.log.String(), id) {
		t.Errorf("instance %q is not in the log", p.Instance)
	}
	r := s.request("GET", "/prometheus/api/v1/query", nil, "X-API-Key", s.keys[barograph.RoleViewer].Reveal())
	if resp, err := s.Client().Do(r); err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Error("half an answer looks like a whole one")
		}
	}
	r = s.request("POST", "/api/v2/write", "a b=1", "X-API-Key", s.keys[barograph.RoleAgent].Reveal())
	if resp, err := s.Client().Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("an aborted answer came as %d", resp.StatusCode)
	}
	if got := s.scrape(); !strings.Contains(got, `barograph_http_requests_total{route="POST /api/submit",code="500"} 1`) {
		t.Errorf("metrics: %s", got)
	}
}

// broken is a database whose disk is gone.
type broken struct{ *configdb.DB }

func (broken) Hosts(context.Context, barograph.Page) ([]barograph.Host, error) {
	return nil, errors.New("SQL logic error near /var/lib/barograph")
}

func (broken) Host(context.Context, barograph.HostID) (barograph.Host, error) {
	return barograph.Host{}, &barograph.Error{Kind: barograph.KindUnavailable, Message: "the disk is full", RetryAfter: 1500 * time.Millisecond, Err: errors.New("ENOSPC at /var")}
}

func (broken) DeleteHost(context.Context, barograph.HostID) error {
	return fmt.Errorf("delete: %w", &barograph.Error{Message: "row 7 of /var"}) // of no kind
}

func TestInternalTextStaysInside(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) { o.Hosts, o.people.Hosts = broken{}, broken{} })
	a := s.call(barograph.RoleViewer, "GET", "/api/v1/hosts", nil).want(t, 500)
	b := s.call(barograph.RoleViewer, "GET", "/api/v1/hosts/hst_1", nil).want(t, 503)
	c := s.call(barograph.RoleOperator, "DELETE", "/api/v1/hosts/hst_1", nil).want(t, 500)
	if all := string(a.body) + string(b.body) + string(c.body); strings.Contains(all, "/var") {
		t.Errorf("internal text: %s", all)
	}
	if b.header.Get("Retry-After") != "2" || !strings.Contains(string(b.body), "the disk is full") {
		t.Errorf("unavailable: %v %s", b.header, b.body)
	}
	if log := s.log.String(); !strings.Contains(log, "SQL logic error") || !strings.Contains(log, "ENOSPC") {
		t.Error("the log lacks the cause")
	}
}

// What is mounted refuses as everything else does.
func TestProblemWriter(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) {
		refuse := api.NewProblemWriter(o.Clock, o.Logger)
		o.Submit = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refuse(w, r, barograph.Errorf(barograph.KindTooLarge, "the body has more than 5 MiB"))
		})
	})
	s.call(barograph.RoleAgent, "POST", "/api/submit", `{}`).want(t, 413).golden(t, "too_large")
}

func TestHeadersForBrowsers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/healthz", "/api/v1/hosts", "/nothing"} {
		h := s.call(barograph.RoleViewer, "GET", path, nil).header
		for _, name := range []string{"X-Content-Type-Options", "Content-Security-Policy", "X-Frame-Options", "Referrer-Policy"} {
			if h.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
	}
}

func TestMountedHandlers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if a := s.call(barograph.RoleViewer, "POST", "/prometheus/api/v1/query", "query=up", "Content-Type", "application/x-www-form-urlencoded"); string(a.body) != `{"path":"/api/v1/query"}` {
		t.Errorf("PromQL got %s", a.body)
	}
	s.call(barograph.RoleAgent, "POST", "/api/v2/write?precision=s", "a b=1").want(t, 204)
	s.call("", "GET", "/ping", nil).want(t, 204)
	s.call("", "HEAD", "/api/v2/ping", nil).want(t, 204)
	s.call("", "HEAD", "/healthz", nil).want(t, 200)

	none := newServer(t, func(o *options) { o.PromQL, o.LineProtocol = nil, nil })
	none.call(barograph.RoleViewer, "GET", "/prometheus/api/v1/query", nil).want(t, 404)
	none.call(barograph.RoleAgent, "POST", "/api/v2/write", "a b=1").want(t, 404)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := api.New(api.Options{})
	for _, name := range []string{"config.burst", "Manage", "Hosts", "Audit", "Clock", "Set", "ShellEquivalent"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestServerLimits(t *testing.T) {
	t.Parallel()
	srv := api.NewServer(http.NotFoundHandler())
	if srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 30*time.Second || srv.WriteTimeout != time.Minute ||
		srv.IdleTimeout != 2*time.Minute || srv.MaxHeaderBytes != 32<<10 {
		t.Errorf("limits: %+v", srv)
	}
	s := newServer(t)
	r := s.request("GET", "/healthz", nil, "X-Long", strings.Repeat("x", 64<<10))
	if got := s.status(r); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("long header: %d", got)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	l, err := api.Listen(t.Context(), "127.0.0.1:0", 2)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	var d net.Dialer
	for range 3 {
		c, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, second := <-accepted, <-accepted
	defer second.Close()
	select {
	case <-accepted:
		t.Error("a third connection was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	(<-accepted).Close()
}

func FuzzCreate(f *testing.F) {
	s := newServer(f)
	existing := s.populate()
	paths := []string{"/api/v1/tokens", "/api/v1/silences"}
	f.Add("/api/v1/tokens", []byte(`{"name":"x","role":"viewer","expires_at":"2026-02-01T00:00:00Z"}`))
	f.Add("/api/v1/silences", []byte(`{"matchers":"{a=\"b\"}","comment":"x","recurs":{"weekdays":["mon"],"at":"02:00","duration":"1h","time_zone":"Europe/Berlin"}}`))
	for _, r := range resources() {
		paths = append(paths, r.path)
		f.Add(r.path, []byte(r.least))
		f.Add(r.path, []byte(r.other))
	}
	for _, m := range mistakes() {
		f.Add("/api/v1/subscriptions", []byte(m.document))
	}
	for path, body := range map[string]string{
		"/api/v1/subscriptions/" + existing["subscriptions"] + "/endpoints/" + existing["endpoints"] + "/rotate": `{"keep":"1h","secret":"` + firstSecret + `"}`,
		"/api/v1/subscriptions/" + existing["subscriptions"] + "/replay":                                         `{"from":"2026-01-02T03:04:05Z","to":"2026-01-02T03:04:06Z"}`,
		"/api/v1/predictions/" + existing["predictions"] + "/acknowledge":                                        `{"comment":"x"}`,
	} {
		paths = append(paths, path)
		f.Add(path[strings.LastIndexByte(path, '/'):], []byte(body)) // IDs are other ones each time
	}
	f.Fuzz(func(t *testing.T, end string, body []byte) {
		i := slices.IndexFunc(paths, func(path string) bool { return strings.HasSuffix(path, end) })
		if i < 0 || end == "" {
			t.Skip()
		}
		r := httptest.NewRequest(http.MethodPost, paths[i], bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-API-Key", s.keys[barograph.RoleAdmin].Reveal())
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %q: %d %s", paths[i], body, w.Code, w.Body)
		}
	})
}
