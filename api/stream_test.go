package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// stream is an open event stream.
type stream struct {
	t       *testing.T
	resp    *http.Response
	lines   *bufio.Scanner
	publish func(barograph.Event)
}

func (s *server) stream(t *testing.T, query string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	r := s.request("GET", "/api/v1/events/stream"+query, nil, headers...).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+s.keys[barograph.RoleViewer].Reveal())
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%d %s: %s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	return &stream{t, resp, bufio.NewScanner(resp.Body), <-s.bus.subscribe}
}

// next returns the fields of the next event.
func (s *stream) next() map[string]string {
	s.t.Helper()
	fields := map[string]string{}
	for s.lines.Scan() {
		line := s.lines.Text()
		switch name, value, _ := strings.Cut(line, ": "); {
		case line == "" && len(fields) > 0:
			return fields
		case name != "":
			fields[name] = value
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return nil
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	follow := s.stream(t, "?type=breach.*&type=host.silent")
	follow.publish(event(0, barograph.EventPredictionOpened)) // not asked for
	want := event(1, barograph.EventBreachStarted)
	follow.publish(want)
	got := follow.next()
	var e barograph.Event
	if err := json.Unmarshal([]byte(got["data"]), &e); err != nil {
		t.Fatal(err)
	}
	if got["id"] != string(want.ID) || got["event"] != "breach.started" {
		t.Errorf("got %v", got)
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
}

func TestStreamResumes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var events []barograph.Event
	for i := range 450 { // more than a page
		events = append(events, event(i, barograph.EventBreachStarted))
	}
	twin := events[10]
	twin.ID = twin.ID[:14] + "zzzzzzzzzzzzzzzz" // of the same millisecond
	if err := s.db.Record(t.Context(), barograph.Change{Events: append(events, twin)}); err != nil {
		t.Fatal(err)
	}
	follow := s.stream(t, "", "Last-Event-ID", string(events[10].ID))
	follow.publish(events[449]) // it came while the past was read
	fresh := event(500, barograph.EventBreachEnded)
	follow.publish(fresh)
	want := []string{string(twin.ID)}
	for _, e := range events[11:] {
		want = append(want, string(e.ID))
	}
	want = append(want, string(fresh.ID))
	var got []string
	for range want {
		got = append(got, follow.next()["id"])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.call(barograph.RoleViewer, "GET", "/api/v1/events/stream", nil, "Last-Event-ID", "yesterday").want(t, 400)
}

func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) { o.Config.MaxStreams = 1 })
	first := s.stream(t, "")
	s.call(barograph.RoleViewer, "GET", "/api/v1/events/stream", nil).want(t, 503)
	first.resp.Body.Close()
	for begin := time.Now(); time.Since(begin) < 30*time.Second; { // until the server noticed
		if r := s.request("GET", "/api/v1/events/stream", nil, "X-API-Key", s.keys[barograph.RoleViewer].Reveal()); s.status(r) == 200 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the place of a closed stream stays taken")
}

// status returns the answer's status and drops the rest.
func (s *server) status(r *http.Request) int {
	s.t.Helper()
	resp, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	follow := s.stream(t, "")
	s.api.Close()
	for follow.lines.Scan() {
	}
	if err := follow.lines.Err(); err != nil {
		t.Error(err)
	}
}

// A client that reads nothing must not hold events back for ever.
func TestSlowClientIsDropped(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	follow := s.stream(t, "")
	big := event(1, barograph.EventBreachStarted)
	big.Data.Summary = strings.Repeat("x", 1<<20)
	for range 2000 {
		follow.publish(big) // never blocks
	}
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(s.scrape(), "barograph_http_streams 0") {
		if time.Now().After(deadline) {
			t.Fatal("the stream is still open")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !strings.Contains(s.scrape(), "barograph_http_streams_dropped_total 1") {
		t.Error("the stream was not counted as dropped")
	}
}

// pipe is a client on no network, so that synctest can hurry the clock.
type pipe struct {
	header http.Header
	text   chan string
}

func (p *pipe) Header() http.Header { return p.header }
func (p *pipe) WriteHeader(int)     {}
func (p *pipe) Flush()              {}
func (p *pipe) Write(b []byte) (int, error) {
	p.text <- string(b)
	return len(b), nil
}

// anybody has a viewer's token.
type anybody struct{ api.Keys }

func (anybody) TokenByKey(context.Context, barograph.KeyHash) (barograph.Token, error) {
	return barograph.Token{Role: barograph.RoleViewer, LastUsed: epoch}, nil
}

func TestStreamStaysAlive(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := s.options
		o.Subscriber, o.Set, o.Keys = newBus(), metrics.NewSet(), anybody{}
		a, err := api.New(o)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/api/v1/events/stream", nil).WithContext(ctx)
		r.Header.Set("X-API-Key", s.keys[barograph.RoleViewer].Reveal())
		p := &pipe{http.Header{}, make(chan string, 10)}
		done := make(chan struct{})
		go func() { defer close(done); a.ServeHTTP(p, r) }()
		if text := <-p.text; !strings.HasPrefix(text, ":") {
			t.Fatalf("the stream begins with %q", text)
		}
		start := time.Now()
		for i := 1; i <= 3; i++ {
			if text := <-p.text; !strings.HasPrefix(text, ":") || time.Since(start) != time.Duration(i)*15*time.Second {
				t.Errorf("%q after %s", text, time.Since(start))
			}
		}
		cancel()
		<-done
	})
}
