package agent_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/internal/spool"
	"github.com/barograph/barograph/internal/wire"
)

// TestMain lets more tests run at once than there are processors: most of the
// time they wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// server behaves to an agent as the real one does, and remembers what came.
type server struct {
	*httptest.Server

	key barograph.Secret

	mu          sync.Mutex
	checks      []wire.Check
	answer      func(wire.Batch) (status int, body any, header http.Header) // nil: takes everything
	fetched     int
	notModified int
	refused     int // requests with a wrong key
	batches     []wire.Batch
	taken       []wire.Sample // each once
	known       map[string]bool
	submissions []wire.Submission
}

func newServer(t *testing.T, checks ...wire.Check) *server {
	t.Helper()
	s := &server{key: barograph.NewKey(barograph.RoleAgent), checks: checks, known: map[string]bool{}}
	s.Server = httptest.NewServer(s.handler())
	t.Cleanup(s.Close)
	return s
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.ConfigPath, s.config)
	mux.HandleFunc("POST "+wire.SamplesPath, s.samples)
	mux.HandleFunc("POST "+wire.SubmitPath, s.submit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Header.Get(wire.KeyHeader) != s.key.Reveal() {
			s.refused++
			http.Error(w, `{"title":"Unauthorized","detail":"no such key"}`, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *server) config(w http.ResponseWriter, r *http.Request) {
	body := encode(wire.Config{Host: "web1", Checks: s.checks})
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		s.notModified++
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.fetched++
	w.Write(body)
}

func (s *server) samples(w http.ResponseWriter, r *http.Request) {
	zip, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var b wire.Batch
	if err := json.NewDecoder(zip).Decode(&b); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.answer != nil {
		if status, body, header := s.answer(b); status != 0 {
			for name := range header {
				w.Header().Set(name, header.Get(name))
			}
			w.WriteHeader(status)
			w.Write(encode(body))
			return
		}
	}
	s.batches = append(s.batches, b)
	for _, x := range b.Samples {
		// Sending the same again changes nothing.
		if id := fmt.Sprint(x); !s.known[id] {
			s.known[id] = true
			s.taken = append(s.taken, x)
		}
	}
	w.Write(encode(wire.Result{Accepted: len(b.Samples)}))
}

func (s *server) submit(w http.ResponseWriter, r *http.Request) {
	var all []wire.Submission
	if err := json.NewDecoder(r.Body).Decode(&all); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.submissions = append(s.submissions, all...)
	w.Write(encode(wire.Result{Accepted: len(all)}))
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// with runs fn while no request is served.
func (s *server) with(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// values returns what came of one metric, in the order in which it came.
func (s *server) values(metric string) []float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []float64
	for _, x := range s.taken {
		if x.Metric == metric {
			all = append(all, x.Value)
		}
	}
	return all
}

// statuses returns what was last said about the checks; false if nothing was.
func (s *server) statuses() ([]barograph.CheckStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range slices.Backward(s.batches) {
		if b.HasStatuses {
			return b.Statuses, true
		}
	}
	return nil, false
}

// eventually waits until fn is true, and fails the test after a long time: the machine may be busy.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !fn(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
	}
}

// logBook is where an agent of a test logs to.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) count(message string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), message)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newLog(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func configFor(s *server, dir string) agent.Config {
	c := agent.DefaultConfig()
	c.Server, c.Key, c.Dir = s.URL, s.key, dir
	c.Refresh = barograph.Duration(time.Second)
	return c
}

// start runs an agent until the returned function is called, or the test ends.
func start(t *testing.T, c agent.Config) (*logBook, func()) {
	t.Helper()
	book := &logBook{}
	client, err := agent.NewHTTPClient(c)
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(c, slog.New(slog.NewTextHandler(book, nil)), client)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error("Run:", err)
			}
		case <-time.After(time.Minute):
			t.Error("Run does not end")
		}
		client.CloseIdleConnections()
		if t.Failed() {
			t.Log(book)
		}
	})
	t.Cleanup(stop)
	return book, stop
}

func command(name, command string) wire.Check {
	return wire.Check{
		Name: name, Command: command,
		Interval: barograph.Duration(time.Second), Timeout: barograph.Duration(time.Second),
	}
}

// fill puts samples into the spool of an agent that doesn't run, numbered from 0.
func fill(t *testing.T, dir string, n int, o spool.Options) {
	t.Helper()
	q, err := spool.Open(filepath.Join(dir, "spool"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for i := range n {
		if err := q.Append(encode(wire.Sample{Metric: "filled", Time: int64(i), Value: float64(i)})); err != nil {
			t.Fatal(err)
		}
	}
}
