package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

const (
	levelMetric = "fault_level"
	alarmMetric = "fault_alarm" // above 0 there is a breach
)

// fleet is a number of writers that send to a server which comes and goes. Each
// sends a batch again and again, until it is acknowledged.
type fleet struct {
	book    *book
	url     atomic.Pointer[string]
	pause   time.Duration // between two batches of one writer
	client  *http.Client
	writers sync.WaitGroup
	stop    chan struct{}
	retries atomic.Int64
	refused atomic.Int64 // answers 503

	lastRefusal atomic.Pointer[http.Header]
}

func newFleet(t *testing.T, pause time.Duration) *fleet {
	t.Helper()
	f := &fleet{book: newBook(), pause: pause, stop: make(chan struct{}), client: &http.Client{Timeout: 20 * time.Second}}
	t.Cleanup(f.client.CloseIdleConnections)
	return f
}

// start starts writers of all three kinds.
func (f *fleet) start(t *testing.T, srv *harness.Server) {
	t.Helper()
	f.use(srv)
	hostKey := srv.AddHost(t, "fault-host")
	for _, w := range []*writer{
		{name: "line-0", key: srv.Token, encode: encodeLines},
		{name: "line-1", key: srv.Token, encode: encodeLines},
		{name: "json-0", key: srv.Token, encode: encodeJSON},
		{name: "host-lines", key: hostKey, host: "fault-host", encode: encodeLines},
		{name: "host-single", key: hostKey, host: "fault-host", encode: encodeSingle, single: true},
	} {
		f.writers.Go(func() { f.write(t, w) })
	}
}

// use has the writers send to the server from now on.
func (f *fleet) use(srv *harness.Server) { f.url.Store(&srv.URL) }

// finish lets every writer have its last batch acknowledged.
func (f *fleet) finish() {
	close(f.stop)
	f.writers.Wait()
}

// writer sends as one program would.
type writer struct {
	name, host string
	key        barograph.Secret
	encode     func([]sample) (path, body string)
	single     bool // one sample a request

	clock int64 // time of the latest batch
	count int
}

// write runs one writer until the fleet is stopped.
func (f *fleet) write(t *testing.T, w *writer) {
	t.Helper()
	for {
		select {
		case <-f.stop:
			return
		case <-time.After(f.pause):
		}
		samples := w.next()
		path, body := w.encode(samples)
		if err := f.send(t.Context(), w.key, path, body); err != nil {
			t.Errorf("writer %s: %v", w.name, err)
			return
		}
		f.book.note(samples)
	}
}

// next returns the next batch: 40 levels and now and then an alarm, which goes
// up on a series of its own; every second one is down again after a while.
func (w *writer) next() []sample {
	w.clock = max(w.clock+1, time.Now().UnixMilli())
	w.count++
	of := func(metric string, n int, value float64) sample {
		return sample{series{metric, w.host, w.name, strconv.Itoa(n)}, w.clock, value}
	}
	if w.single {
		if w.count%5 == 0 {
			return []sample{of(alarmMetric, w.count, 1)}
		}
		return []sample{of(levelMetric, w.count%40, float64(w.count))}
	}
	var batch []sample
	for n := range 40 {
		batch = append(batch, of(levelMetric, n, float64(w.count*1000+n)))
	}
	switch w.count % 8 {
	case 0:
		batch = append(batch, of(alarmMetric, w.count, 1))
	case 3:
		if up := w.count - 3; up > 0 && up%16 == 0 {
			batch = append(batch, of(alarmMetric, up, 0))
		}
	}
	return batch
}

func encodeLines(samples []sample) (path, body string) {
	var b strings.Builder
	for _, s := range samples {
		fmt.Fprintf(&b, "%s,writer=%s,n=%s value=%g %d\n", s.Metric, s.Writer, s.N, s.value, s.at)
	}
	return "/api/v2/write?precision=ms", b.String()
}

func encodeJSON(samples []sample) (path, body string) {
	var items []map[string]any
	for _, s := range samples {
		items = append(items, map[string]any{"metric": s.Metric, "labels": labels(s), "time": s.at, "value": s.value})
	}
	return "/api/v1/samples", mustJSON(map[string]any{"id": fmt.Sprint(samples[0].Writer, "-", samples[0].at), "samples": items})
}

func encodeSingle(samples []sample) (path, body string) {
	s := samples[0]
	return "/api/submit", mustJSON(map[string]any{"field": s.Metric, "labels": labels(s), "time": time.UnixMilli(s.at), "value": s.value})
}

func labels(s sample) map[string]string { return map[string]string{"writer": s.Writer, "n": s.N} }

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain maps of ours
	}
	return string(text)
}

// send sends one request until it is acknowledged. A server that is away or
// says 503 is asked again, every other answer is an error.
func (f *fleet) send(ctx context.Context, key barograph.Secret, path, body string) error {
	const patience = 3 * time.Minute
	deadline := time.Now().Add(patience)
	for {
		status, answer, header, err := f.post(ctx, key, path, body)
		switch {
		case err == nil && status/100 == 2:
			return nil
		case err == nil && status == http.StatusServiceUnavailable:
			f.refused.Add(1)
			f.lastRefusal.Store(&header)
		case err == nil:
			return fmt.Errorf("POST %s: status %d: %s", path, status, answer)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("POST %s: not acknowledged for %s: status %d %s: %w", path, patience, status, answer, err)
		}
		f.retries.Add(1)
		time.Sleep(10 * time.Millisecond)
	}
}

func (f *fleet) post(ctx context.Context, key barograph.Secret, path, body string) (status int, answer []byte, header http.Header, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, *f.url.Load()+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	res, err := f.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, res.Header, err
}
