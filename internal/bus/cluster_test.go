package bus_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus/natstest"
)

const (
	// mostPause is how long events may stand still when a server of a cluster is lost.
	mostPause = 10 * time.Second
	// afterElection is how long if the cluster itself takes longer to elect another
	// leader: a round takes it 4 to 9 s, and votes that are split ask for a second.
	// The stream has a leader, who takes events, and the cluster has one, without
	// whom no subscriber who lost his consumer gets another.
	afterElection = 3 * time.Second
)

// rhythm takes what happens and knows the longest time in which nothing did.
type rhythm struct {
	mu      sync.Mutex
	ids     []barograph.EventID
	last    time.Time
	longest time.Duration
}

func (r *rhythm) beat(id barograph.EventID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if !r.last.IsZero() {
		r.longest = max(r.longest, now.Sub(r.last))
	}
	r.ids, r.last = append(r.ids, id), now
}

// quiet returns for how long nothing has happened.
func (r *rhythm) quiet() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.last)
}

// takeLongest returns the longest time since it was last asked.
func (r *rhythm) takeLongest() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	longest := max(r.longest, time.Since(r.last))
	r.longest = 0
	return longest
}

func (r *rhythm) all() []barograph.EventID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}

// load publishes events, each again until it is taken, by several publishers of
// so many a second together, until it is told to end.
type load struct {
	acknowledged, delivered rhythm
	failures                int
	mu                      sync.Mutex
	all                     sync.WaitGroup
	end                     func()
}

const publishers, eventsPerSecond = 15, 300

func startLoad(t *testing.T, f *far) *load {
	t.Helper()
	ended := make(chan struct{})
	l := &load{end: sync.OnceFunc(func() { close(ended) })}
	for p := range publishers {
		l.all.Go(func() {
			tick := time.NewTicker(time.Second * publishers / eventsPerSecond)
			defer tick.Stop()
			for n := 0; !isClosed(ended); n++ {
				e := watchdog(fmt.Sprintf("%02d_%06d", p, n))
				e.Data.Summary = "The disk of web01 will be full in 3 hours, between 2 and 5."
				for f.Publish(t.Context(), e) != nil { // taken in the end, or there would be nothing to compare
					l.mu.Lock()
					l.failures++
					l.mu.Unlock()
					if t.Context().Err() != nil {
						return
					}
					<-time.After(100 * time.Millisecond)
				}
				l.acknowledged.beat(e.ID)
				<-tick.C
			}
		})
	}
	l.all.Go(func() {
		for {
			select {
			case id := <-f.came:
				l.delivered.beat(id)
			case <-ended:
				return
			}
		}
	})
	return l
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (l *load) failed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failures
}

// TestNodeKilled kills the leader of the stream in a cluster, which we are
// connected to as well, then the server that feeds our subscriber, each under
// load. Nothing may be lost, nor stand still for long.
func TestNodeKilled(t *testing.T) {
	servers := natstest.Cluster(t, 3)
	js := admin(t, natstest.URLs(servers))
	openFar(t, at(natstest.URLs(servers))).green() // it makes the stream
	awaitCopies(t, js)
	awaitLeader(t, js, "")
	leader := servers[slices.IndexFunc(servers, func(s *natstest.Server) bool { return s.Name == leaderOf(t, js) })]
	f := openFar(t, at(leader.URL))
	f.green()
	l := startLoad(t, f)
	steady := 0
	for try := 0; try < 5 && steady < 3*200; try++ { // others may use the disk just then
		before := len(l.acknowledged.all())
		time.Sleep(3 * time.Second)
		steady = len(l.acknowledged.all()) - before
	}
	t.Logf("steady: %d events/s; longest pause of publishing %s, of delivery %s", steady/3, l.acknowledged.takeLongest(), l.delivered.takeLongest())
	if steady < 3*200 {
		t.Errorf("%d events in 3 s, want 200 a second", steady)
	}

	lose := func(what string, s *natstest.Server) {
		begin := time.Now()
		s.Kill()
		elected := max(awaitLeader(t, js, s.Name), awaitMeta(t, js, begin))
		time.Sleep(mostPause + 2*time.Second - time.Since(begin))
		for l.acknowledged.quiet() > time.Second && time.Since(begin) < elected+2*afterElection {
			time.Sleep(100 * time.Millisecond)
		}
		publishing, delivery := l.acknowledged.takeLongest(), l.delivered.takeLongest()
		t.Logf("%s %s killed: longest pause of publishing %s, of delivery %s; a leader was there after %s; tries that failed %d",
			what, s.Name, publishing, delivery, elected, l.failed())
		if most := max(mostPause, elected+afterElection); publishing > most || delivery > most {
			t.Errorf("events stood still for longer than %s", most)
		}
		begin = time.Now()
		s.Process.Start(t)
		s.AwaitHealthy(t)
		awaitCopies(t, js)
		t.Logf("%s caught up %s after its start; longest pause meanwhile %s", s.Name, time.Since(begin), l.acknowledged.takeLongest())
	}
	lose("leader", leader)
	lose("follower", feeder(t, js, servers))

	l.end()
	l.all.Wait()
	want := l.acknowledged.all()
	last := f.publish()
	got := append(l.delivered.all(), f.upTo(last)...)
	compareWithLoad(t, want, got)
}

func leaderOf(t *testing.T, js jetstream.JetStream) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "events")
	if err != nil {
		return ""
	}
	return stream.CachedInfo().Cluster.Leader
}

// awaitLeader waits until the stream has a leader that is not the server killed,
// and returns how long that took.
func awaitLeader(t *testing.T, js jetstream.JetStream, killed string) time.Duration {
	t.Helper()
	begin := time.Now()
	for leader := ""; leader == "" || leader == killed; leader = leaderOf(t, js) {
		if time.Since(begin) > time.Minute {
			t.Fatal("the stream has no leader")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begin)
}

// awaitMeta waits until the cluster has a leader, who alone tells of accounts,
// and returns how long that took since the time given.
func awaitMeta(t *testing.T, js jetstream.JetStream, since time.Time) time.Duration {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := js.AccountInfo(ctx)
		cancel()
		if err == nil {
			return time.Since(since)
		}
		if time.Since(since) > time.Minute {
			t.Fatalf("the cluster has no leader: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// feeder returns a server that does not lead the stream, if there is one a
// server that feeds a subscriber.
func feeder(t *testing.T, js jetstream.JetStream, servers []*natstest.Server) *natstest.Server {
	t.Helper()
	awaitLeader(t, js, "")
	leads := leaderOf(t, js)
	var found *natstest.Server
	stream, err := js.Stream(t.Context(), "events")
	if err != nil {
		t.Fatal(err)
	}
	feeds := map[string]bool{}
	for c := range stream.ListConsumers(t.Context()).Info() {
		feeds[c.Cluster.Leader] = true
	}
	for _, s := range servers {
		if s.Name != leads && (found == nil || feeds[s.Name]) {
			found = s
		}
	}
	t.Logf("%s leads, %v feed subscribers", leads, feeds)
	return found
}

// awaitCopies waits until all servers have all of the stream.
func awaitCopies(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	for begin := time.Now(); ; <-time.After(100 * time.Millisecond) {
		stream, err := js.Stream(t.Context(), "events")
		if err == nil {
			c := stream.CachedInfo().Cluster
			behind := slices.ContainsFunc(c.Replicas, func(p *jetstream.PeerInfo) bool { return !p.Current || p.Offline || p.Lag > 100 })
			if len(c.Replicas) == 2 && !behind {
				return
			}
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("not all servers have all of the stream: %v", err)
		}
	}
}

// compareWithLoad wants all events that were acknowledged, each publisher's in order.
func compareWithLoad(t *testing.T, want, got []barograph.EventID) {
	t.Helper()
	position, repeated := map[barograph.EventID]int{}, 0
	for i, id := range got {
		if _, twice := position[id]; twice {
			repeated++
			continue
		}
		position[id] = i
	}
	lost := 0
	for _, id := range want {
		if _, ok := position[id]; !ok {
			lost++
		}
	}
	t.Logf("%d events acknowledged, %d delivered, %d lost, %d repeated", len(want), len(position), lost, repeated)
	if lost > 0 || repeated > 0 {
		t.Errorf("%d events lost, %d repeated", lost, repeated)
	}
	for p := range publishers {
		prefix := fmt.Sprintf("evt_%02d_", p)
		previous := -1
		for _, id := range want {
			if string(id[:len(prefix)]) != prefix {
				continue
			}
			if position[id] < previous {
				t.Errorf("%s came too early", id)
			}
			previous = position[id]
		}
	}
}
