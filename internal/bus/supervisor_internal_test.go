package bus

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/logtest"
)

// hasty is a supervisor that loses patience at once.
func hasty() pace {
	return pace{
		look: 20 * time.Millisecond, patience: 500 * time.Millisecond, retry: 100 * time.Millisecond,
		start: 10 * time.Second, stop: 10 * time.Second,
		publish: 5 * time.Second, request: 5 * time.Second, longest: 5 * time.Second, heartbeat: 5 * time.Second, reconnect: 300 * time.Millisecond,
	}
}

// patience is how long a test waits for what has to come.
const patience = time.Minute

// unstored is an event that reaches clients from outside but not the disk.
const unstored barograph.EventID = "evt_unstored"

// bench is a bus with all that a test looks at.
type bench struct {
	*Bus

	t   *testing.T
	dir string // of the bus
	log *logtest.Buffer
	n   int // events published
}

func newBench(t *testing.T, cfg Config, p pace, parent string) *bench {
	t.Helper()
	tb := &bench{t: t, dir: filepath.Join(parent, "nats"), log: &logtest.Buffer{}}
	b, err := open(cfg, Deps{Dir: tb.dir, Log: tb.log.Logger(), Metrics: metrics.NewSet()}, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n, _ := b.current()
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if n != nil && !closed(n.stopped, patience) { // its directory is about to be removed
			t.Error("the server does not stop")
		}
	})
	tb.Bus = b
	return tb
}

// server returns the server that is used now.
func (b *bench) server() ours {
	b.t.Helper()
	s, ok := b.node.backend.(ours)
	if !ok {
		b.t.Fatal("the server is not ours")
	}
	return s
}

// publish publishes one event, once the bus takes it, and returns its ID.
func (b *bench) publish() barograph.EventID {
	b.t.Helper()
	b.n++
	e := barograph.Event{ID: barograph.EventID(fmt.Sprint("evt_", b.n)), Type: barograph.EventWatchdog}
	b.eventually(func() error { return b.Publish(b.t.Context(), e) })
	return e.ID
}

func (b *bench) eventually(try func() error) {
	b.t.Helper()
	for begin := time.Now(); ; <-time.After(10 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Since(begin) > patience {
			b.t.Fatalf("after %s: %v; log:\n%s", patience, err, b.log)
		}
	}
}

// awaitRestart waits until the node is another.
func (b *bench) awaitRestart(before *node) {
	b.t.Helper()
	b.eventually(func() error {
		n, err := b.current()
		if err == nil && n == before {
			return barograph.Errorf(barograph.KindInternal, "the server was not restarted")
		}
		return err
	})
}

func (b *bench) expectRestart(reason string) {
	b.t.Helper()
	if b.metrics.restarts.Get() == 0 {
		b.t.Error("no restart was counted")
	}
	if log := b.log.String(); !strings.Contains(log, "event bus restarts") || !strings.Contains(log, reason) {
		b.t.Errorf("the log lacks the reason %q:\n%s", reason, log)
	}
}

// reader is a subscriber that may be held up.
type reader struct {
	b    *bench
	came chan barograph.EventID
	held sync.Mutex   // whoever has it holds the reader up
	hand atomic.Value // of type barograph.EventID: what it was given last
}

// hold holds the reader up, until the test releases it or ends.
func (r *reader) hold() (release func()) {
	r.held.Lock()
	release = sync.OnceFunc(r.held.Unlock)
	r.b.t.Cleanup(release)
	return release
}

// read subscribes and returns when events come.
func (b *bench) read() *reader {
	b.t.Helper()
	r := &reader{b: b, came: make(chan barograph.EventID, 10_000)}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Subscribe(ctx, []string{"*"}, func(e barograph.Event) {
			r.hand.Store(e.ID)
			r.held.Lock()
			defer r.held.Unlock()
			r.came <- e.ID
		})
	}()
	b.t.Cleanup(func() {
		cancel()
		<-ended
	})
	for len(r.came) == 0 {
		b.publish()
	}
	r.upTo(b.publish())
	return r
}

// upTo returns the events up to the one given.
func (r *reader) upTo(last barograph.EventID) []barograph.EventID {
	r.b.t.Helper()
	var all []barograph.EventID
	for {
		select {
		case id := <-r.came:
			all = append(all, id)
			if id == last {
				return all
			}
		case <-time.After(patience):
			r.b.t.Fatalf("%s did not come, but %q; log:\n%s", last, all, r.b.log)
		}
	}
}

// TestRestart breaks the server in several ways. Publishers, a subscriber that
// was behind, and a client from outside go on as if nothing had been.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do     func(*testing.T, *bench)
		reason string
	}{
		"storage is off": {func(t *testing.T, b *bench) {
			t.Helper()
			if err := b.server().ShutdownJetStream(); err != nil {
				t.Fatal(err)
			}
		}, "the event bus"}, // it is not well, or does not even say so in time
		"server is gone": {func(_ *testing.T, b *bench) { b.server().Shutdown() }, "the event bus"},
		// The server is well, but nobody is there who takes events.
		"publishers get no answer": {func(t *testing.T, b *bench) {
			t.Helper()
			_, err := b.node.publishing.js.UpdateStream(t.Context(), jetstream.StreamConfig{Name: streamName, Subjects: []string{"elsewhere"}})
			if err != nil {
				t.Fatal(err)
			}
			_ = b.Publish(t.Context(), barograph.Event{ID: unstored, Type: barograph.EventWatchdog})
		}, "publishers get no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.Listen, cfg.Token = "127.0.0.1:0", "s3cret"
			p := hasty()
			p.reconnect = 5 * time.Second // the client outside tries every 100 to 200 ms, if it gets to it
			b := newBench(t, cfg, p, t.TempDir())
			r, outside := b.read(), listenOutside(t, b.Addr())
			before, address := b.node, b.Addr()

			release := r.hold()
			var want []barograph.EventID
			for range 100 { // more than a client takes in advance
				want = append(want, b.publish())
			}
			tt.do(t, b)
			release()
			b.awaitRestart(before)
			for range 3 {
				want = append(want, b.publish())
			}
			if diff := cmp.Diff(want, r.upTo(want[len(want)-1])); diff != "" {
				t.Errorf("the subscriber's events (-want +got):\n%s", diff)
			}
			b.expectRestart(tt.reason)
			if got := b.Addr(); got != address {
				t.Errorf("listens on %s, before on %s", got, address)
			}
			if diff := cmp.Diff(want, outside.take(t, len(want))); diff != "" {
				t.Errorf("events outside (-want +got):\n%s", diff)
			}
			if err := b.Healthy(t.Context()); err != nil {
				t.Errorf("Healthy: %v", err)
			}
		})
	}
}

// outside is a client from outside.
type outside struct{ sub *nats.Subscription }

func listenOutside(t *testing.T, address string) outside {
	t.Helper()
	client, err := nats.Connect("nats://"+address, nats.Token("s3cret"), nats.ReconnectWait(100*time.Millisecond), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	sub, err := client.SubscribeSync(allSubjects)
	if err == nil {
		err = client.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return outside{sub}
}

func (o outside) take(t *testing.T, n int) []barograph.EventID {
	t.Helper()
	var ids []barograph.EventID
	for len(ids) < n {
		msg, err := o.sub.NextMsg(patience)
		if err != nil {
			t.Fatalf("%v after %d events", err, len(ids))
		}
		// One that was not acknowledged in time comes again.
		if id := barograph.EventID(msg.Header.Get(nats.MsgIdHdr)); id != unstored && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestRestartWithDamage takes the files away under the server: all that comes
// afterwards reaches a subscriber that was far on.
func TestRestartWithDamage(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	b := newBench(t, DefaultConfig(), hasty(), parent)
	r := b.read()
	for range 50 {
		b.publish()
	}
	r.upTo(b.publish())
	release := r.hold()
	want := []barograph.EventID{b.publish()}
	b.eventually(func() error { // the reader has it in hand until all is over
		if r.hand.Load() != want[0] {
			return barograph.Errorf(barograph.KindInternal, "the reader has %v in hand", r.hand.Load())
		}
		return nil
	})
	before := b.node
	store := filepath.Join(b.dir, "jetstream")
	if err := os.RemoveAll(store); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store, []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.server().ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	b.awaitRestart(before)
	for range 100 { // the new files come to hold more than the old did
		want = append(want, b.publish())
	}
	release()
	if diff := cmp.Diff(want, r.upTo(want[100])); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if log := b.log.String(); !strings.Contains(log, "bus files are damaged") {
		t.Errorf("log:\n%s", log)
	}
	if aside, err := filepath.Glob(b.dir + ".damaged-*"); err != nil || len(aside) != 1 {
		t.Errorf("moved aside: %q, %v", aside, err)
	}
}

// TestNeverTwoServers has one that does not stop: no other is started before it has.
func TestNeverTwoServers(t *testing.T) {
	t.Parallel()
	p := hasty()
	p.stop = 50 * time.Millisecond
	b := newBench(t, DefaultConfig(), p, t.TempDir())
	before := b.node
	before.once.Do(func() {}) // stop does nothing from now on
	before.end(errNode)
	before.publishing.conn.Close()
	b.eventually(func() error {
		if b.log.Count("does not stop") == 0 {
			return barograph.Errorf(barograph.KindInternal, "it was not told that the old one does not stop")
		}
		return nil
	})
	for range 20 { // tries to start another
		if n, err := b.current(); barograph.KindOf(err) != barograph.KindUnavailable {
			t.Fatalf("node %v, error %v while the old one runs", n, err)
		}
		<-time.After(50 * time.Millisecond)
	}
	if err := b.Publish(t.Context(), barograph.Event{ID: "evt_1", Type: barograph.EventWatchdog}); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Publish: %v, want unavailable", err)
	}
	before.backend.stop()
	close(before.stopped)
	b.publish()
}

// TestNoRestartWithoutNeed has faults that pass, each before patience is at its end.
func TestNoRestartWithoutNeed(t *testing.T) {
	t.Parallel()
	p := hasty()
	p.patience = 30 * time.Second
	b := newBench(t, DefaultConfig(), p, t.TempDir())
	before := b.node
	for range 20 {
		before.publishes.note(time.Now().Add(-p.patience/2), errNode)
		<-time.After(50 * time.Millisecond) // the supervisor looks every 20
		b.publish()
		if err := before.publishes.lasting(0); err != nil {
			t.Errorf("it lasts beyond a publish that went well: %v", err)
		}
	}
	if b.node != before {
		t.Errorf("restarted; log:\n%s", b.log)
	}
}

func TestResume(t *testing.T) {
	b := &Bus{firsts: []uint64{1, 10, 10, 4, 9, 20}}
	for _, tt := range []struct {
		next, want uint64
		from, to   int
	}{
		{0, 0, 0, 5},   // has not begun
		{10, 10, 1, 1}, // the same node
		{10, 10, 0, 1}, // all was kept
		{10, 10, 0, 2},
		{12, 4, 2, 3}, // the end was lost
		{12, 4, 0, 5}, // and nodes were missed
		{9, 9, 4, 5},
		{7, 7, 3, 4}, // behind
	} {
		if got := b.resume(tt.next, tt.from, &node{number: tt.to}); got != tt.want {
			t.Errorf("from %d of node %d in node %d: %d, want %d", tt.next, tt.from, tt.to, got, tt.want)
		}
	}
}

func TestAilment(t *testing.T) {
	var a ailment
	past := time.Now().Add(-time.Minute)
	if err := a.lasting(0); err != nil {
		t.Errorf("well: %v", err)
	}
	a.note(past, errNode)
	a.note(time.Now(), errClosed)
	if err := a.lasting(59 * time.Second); err == nil || !strings.Contains(err.Error(), errClosed.Error()) || !strings.Contains(err.Error(), "1m0s") {
		t.Errorf("ill for a minute: %v", err)
	}
	if err := a.lasting(61 * time.Second); err != nil {
		t.Errorf("ill for a minute only: %v", err)
	}
	a.note(time.Now(), nil)
	if err := a.lasting(0); err != nil {
		t.Errorf("well again: %v", err)
	}
}
