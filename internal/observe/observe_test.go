package observe_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph/internal/observe"
)

// buffer may be written by the server while a test reads it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestObserve(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		status  int // 0: the connection is cut
		counted string
		logged  string
	}{
		{"nothing is written", func(http.ResponseWriter, *http.Request) {}, 200, "200", "status=200"},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }, 201, "201", "status=201"},
		{"a body", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, 200, "200", "status=200"},
		{"hints before the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		}, 404, "404", "status=404"},
		{"whose it is", func(w http.ResponseWriter, _ *http.Request) { observe.Identify(wrapped{w}, "alice") }, 200, "200", "identity=alice"},
		{"a panic", func(http.ResponseWriter, *http.Request) { panic("at /var/lib") }, 500, "500", `panic="at /var/lib"`},
		{"a panic in the middle", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("too late")
		}, 0, "200", `panic="too late"`},
		{"a cut on purpose", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "0", "status=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log, set := &buffer{}, metrics.NewSet()
			watch := observe.Observer{
				Set: set, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				Failed: func(w http.ResponseWriter, _ *http.Request, err error) {
					if !strings.HasPrefix(err.Error(), "panic: ") {
						t.Errorf("failed with %q", err)
					}
					w.WriteHeader(http.StatusInternalServerError)
				},
			}
			s := httptest.NewUnstartedServer(watch.Observe("GET /x", c.handler))
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			s.Start()
			t.Cleanup(s.Close)
			if got := status(t, s); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
			s.Close() // waits for the handler
			var text strings.Builder
			set.WritePrometheus(&text)
			for _, want := range []string{
				`barograph_http_requests_total{route="GET /x",code="` + c.counted + `"} 1`,
				`barograph_http_request_duration_seconds_count{route="GET /x"} 1`,
			} {
				if !strings.Contains(text.String(), want) {
					t.Errorf("no %s in\n%s", want, text.String())
				}
			}
			if !strings.Contains(log.String(), c.logged) {
				t.Errorf("no %s in\n%s", c.logged, log)
			}
		})
	}
}

// wrapped is a writer in between, as one that compresses.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// status returns that of the answer, 0 if it was cut off.
func status(t *testing.T, s *httptest.Server) int {
	t.Helper()
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); errors.Is(err, io.ErrUnexpectedEOF) {
		return 0
	}
	return resp.StatusCode
}

func TestIdentifyUnwatched(t *testing.T) {
	t.Parallel()
	observe.Identify(httptest.NewRecorder(), "alice") // it has nowhere to note it
}
