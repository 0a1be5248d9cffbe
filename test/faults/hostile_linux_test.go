package faults_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// TestHostileReceivers has a hundred receivers at once do what would hold up the
// server or fill its memory. Each of its tries must end in time, the server must
// not grow, and when the receivers have come to their senses, all is delivered.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	const (
		receivers  = 100
		each       = 20 // endpoints of a subscription
		freeWithin = 15 * time.Second
		slack      = time.Second // of a busy machine
		mostMemory = 10 << 20
	)
	polite := quick(10, 50) // events, until the server has the size that it needs
	installed := install(t)
	installed.Config = calm + `
log: {level: warn}
api: {requests_per_second: 1e6, burst: 1000000}
delivery:
  allow_http: true
  allow_networks: [127.0.0.0/8]
  concurrency: 400
  retry_schedule: [8s, ` + waits(49) + `]
`
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	h := newHostile(t)
	var ids []barograph.SubscriptionID
	for n := range receivers / each {
		ids = append(ids, h.subscribe(t, &process.Server, n, each))
	}
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	a := newAlarms(fleet, &process.Server, "hostile")
	var before int64
	for n := range polite {
		a.raise(t, 1)
		harness.Eventually(t, time.Minute, func() string {
			if got, want := h.delivered.Load(), int64(receivers*(n+1)); got < want {
				return fmt.Sprintf("%d of %d deliveries arrived at polite receivers", got, want)
			}
			return ""
		})
		before = max(before, memory(t, process))
	}

	h.hostile.Store(true)
	a.raise(t, 1)
	var after int64
	for end := time.Now().Add(quick(freeWithin, time.Minute)); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		after = max(after, memory(t, process))
	}
	h.hostile.Store(false)
	harness.Eventually(t, freeWithin+slack, func() string {
		if n := h.now.Load(); n > 0 {
			return fmt.Sprintf("%d receivers still hold a try up", n)
		}
		return ""
	})
	if most := h.most.Load(); most < receivers/2 {
		t.Errorf("at most %d receivers were hostile at a time, that proves nothing", most)
	}
	if quick(false, true) { // it takes a while until the last is tried again
		h.awaitAll(t, process, ids, receivers*(polite+1))
	}
	longest, sent, tries := h.longest(), h.sent.Load(), h.tries.Load()
	figures.row(t, longest <= freeWithin+slack, fmt.Sprintf("a try at one of %d hostile receivers ends", receivers),
		fmt.Sprintf("after %s at most, %d tries", round(longest), tries), "≤ 15s")
	figures.row(t, after-before <= mostMemory, fmt.Sprintf("memory for %d hostile receivers, %d of them at once", receivers, h.most.Load()),
		fmt.Sprintf("%.1f MB more than the %.1f MB with polite ones", float64(after-before)/1e6, float64(before)/1e6), "≤ 10 MB")
	if most := int64(16 << 20); sent > most {
		t.Errorf("a flood got %d MB through, at most %d MB of buffers were expected", sent>>20, most>>20)
	}
	checkLog(t, process.Log())
}

// memory returns the anonymous memory of the process: files that are mapped are
// the kernel's to drop.
func memory(t *testing.T, process *harness.Process) int64 {
	t.Helper()
	u, err := harness.ReadUsage(process.PID())
	if err != nil {
		t.Fatal(err)
	}
	return u.RSS - u.FileRSS
}

// hostile is a number of receivers behind one address. They begin politely.
type hostile struct {
	listener  net.Listener
	hostile   atomic.Bool
	ended     chan struct{}
	delivered atomic.Int64 // to polite ones
	tries     atomic.Int64 // at hostile ones
	now, most atomic.Int64 // hostile at the same time
	sent      atomic.Int64 // the most that one got through

	mu   sync.Mutex
	held time.Duration // the longest that one held a try up
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{listener: l, ended: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { h.serve(conn) })
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { close(h.ended); l.Close() })
	return h
}

// subscribe subscribes that many receivers, whose paths say what they do when
// they are hostile.
func (h *hostile) subscribe(t *testing.T, srv *harness.Server, n, count int) barograph.SubscriptionID {
	t.Helper()
	manners := []string{"silent", "drip-head", "drip-body", "flood-head", "flood-body", "never-close"}
	var endpoints []map[string]any
	for i := range count {
		url := fmt.Sprintf("http://%s/%s/%d", h.listener.Addr(), manners[i%len(manners)], n*count+i)
		endpoints = append(endpoints, map[string]any{"kind": "webhook", "url": url})
	}
	var created struct {
		Subscription barograph.Subscription `json:"subscription"`
	}
	srv.Call(t, http.MethodPost, "/api/v1/subscriptions", srv.Token, map[string]any{
		"name": fmt.Sprint("hostile ", n), "event_types": []string{"breach.*"}, "matchers": `{writer="hostile"}`, "endpoints": endpoints,
	}, &created)
	return created.Subscription.ID
}

// awaitAll waits until all is delivered, and the server knows it.
func (h *hostile) awaitAll(t *testing.T, process *harness.Process, ids []barograph.SubscriptionID, want int) {
	t.Helper()
	harness.Eventually(t, time.Minute, func() string {
		if got := h.delivered.Load(); got < int64(want) {
			return fmt.Sprintf("%d of %d deliveries arrived when all had become polite", got, want)
		}
		return ""
	})
	events := ofWriter(recorded(t, &process.Server), "hostile")
	for _, id := range ids {
		compareDeliveries(t, &process.Server, id, events, want/len(events)/len(ids))
	}
}

func (h *hostile) serve(conn net.Conn) {
	defer conn.Close()
	began := time.Now()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	if !h.hostile.Load() {
		h.delivered.Add(1)
		fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		return
	}
	h.tries.Add(1)
	raise(&h.most, h.now.Add(1))
	defer h.now.Add(-1)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn) // ends when the sender has enough
	}()
	h.misbehave(conn, path.Base(path.Dir(req.URL.Path)), gone)
	select {
	case <-gone:
		h.mu.Lock()
		h.held = max(h.held, time.Since(began))
		h.mu.Unlock()
	case <-h.ended:
		conn.Close()
		<-gone
	}
}

// misbehave does what the manner says until the sender is gone.
func (h *hostile) misbehave(conn net.Conn, manner string, gone <-chan struct{}) {
	const head = "HTTP/1.1 500 Internal Server Error\r\n"
	switch manner {
	case "silent":
	case "drip-head":
		h.drip(conn, head+"X-Long: ", gone)
	case "drip-body":
		h.drip(conn, head+"Content-Length: 1000000\r\n\r\n", gone)
	case "flood-head":
		h.flood(conn, head, []byte("X-Flood: "+string(bytes.Repeat([]byte("x"), 4000))+"\r\n"), 100<<20)
	case "flood-body":
		h.flood(conn, head+"Content-Length: 1073741824\r\n\r\n", make([]byte, 32<<10), 1<<30)
	case "never-close":
		fmt.Fprint(conn, head+"Content-Length: 10\r\n\r\nhello")
	}
}

func (h *hostile) drip(conn net.Conn, head string, gone <-chan struct{}) {
	fmt.Fprint(conn, head)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-h.ended:
			return
		case <-tick.C:
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
	}
}

func (h *hostile) flood(conn net.Conn, head string, chunk []byte, most int64) {
	sent, err := int64(0), error(nil)
	_, err = fmt.Fprint(conn, head)
	for err == nil && sent < most {
		var n int
		n, err = conn.Write(chunk)
		sent += int64(n)
	}
	raise(&h.sent, sent)
}

func (h *hostile) longest() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held
}

// raise sets v to n if that is more.
func raise(v *atomic.Int64, n int64) {
	for {
		old := v.Load()
		if n <= old || v.CompareAndSwap(old, n) {
			return
		}
	}
}
