package engines_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb/pgtest"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/test/harness"
)

// These tests run servers side by side on one configuration database, one series
// store and one bus, and count what they do.

// program is the server, built once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "barograph-engines-")
	if err != nil {
		return "", err
	}
	server, _, err := harness.Build(dir)
	return server, err
})

// crew is servers that share their work, and what they work on.
type crew struct {
	t       *testing.T
	config  string
	program string
	token   barograph.Secret
	key     barograph.Secret // of the host that the samples are of
	doors   []*door
	struck  []time.Time // when a server was ended or stopped in the middle of its work
}

const (
	crewTargets  = 40
	crewRules    = 10
	crewInterval = 2 * time.Second
)

// sqliteFile is a database that all servers open by its path.
func sqliteFile(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("database: {path: %q}", filepath.Join(t.TempDir(), "shared.db"))
}

// newCrew returns servers to be started on the database.
func newCrew(t *testing.T, database string) *crew {
	t.Helper()
	program, err := program()
	if err != nil {
		t.Fatal(err)
	}
	store := influxtest.Start(t).Config(t, 0)
	nats := enginetest.FreeAddress(t)
	enginetest.Start(t, listens(nats),
		enginetest.Program(t, "nats-server", "BAROGRAPH_TEST_NATS", "../../bin"),
		"-js", "-sd", t.TempDir(), "-a", "127.0.0.1", "-p", nats[strings.LastIndex(nats, ":")+1:])
	return &crew{t: t, program: program, config: fmt.Sprintf(`
%s
agent: {enabled: false}
store:
  engine: influxdb
  influxdb: {url: %q, bucket: %q}
bus: {url: "nats://%s"}
api: {requests_per_second: 1e6, burst: 1000000}
delivery: {allow_http: true, allow_networks: [127.0.0.0/8]}
alerting: {interval: 1s}
`, database, store.URL, store.Bucket, nats)}
}

// listens is for servers that are ready when they take connections.
func listens(address string) enginetest.Ready {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// start starts one more server.
func (c *crew) start() *harness.Process {
	c.t.Helper()
	in := &harness.Installation{Program: c.program, Dir: c.t.TempDir(), Config: c.config, Token: c.token}
	p := in.Start(c.t)
	if c.token == "" {
		c.token = in.Token
	}
	return p
}

// employ gives the servers targets to probe and rules to judge by.
func (c *crew) employ(s *harness.Process) *harness.Receiver {
	c.t.Helper()
	for n := range crewTargets {
		d := openDoor(c.t)
		c.doors = append(c.doors, d)
		s.Call(c.t, http.MethodPost, "/api/v1/targets", s.Token, map[string]any{
			"name": fmt.Sprintf("door %d", n), "kind": "tcp", "address": d.address, "interval": crewInterval.String(), "timeout": "1s",
		}, nil)
	}
	for n := range crewRules {
		s.Call(c.t, http.MethodPost, "/api/v1/rules", s.Token, map[string]any{
			"name": fmt.Sprintf("crew %d", n), "series": fmt.Sprintf("crew_%d", n), "operator": ">", "limit": 100,
		}, nil)
	}
	c.key = s.AddHost(c.t, "crew")
	return s.Subscribe(c.t)
}

// say has every rule's series take the value, by way of one of the servers.
func (c *crew) say(s *harness.Process, value float64) {
	c.t.Helper()
	var lines strings.Builder
	for n := range crewRules {
		fmt.Fprintf(&lines, "crew_%d value=%g %d\n", n, value, time.Now().UnixMilli())
	}
	s.Call(c.t, http.MethodPost, "/api/v2/write?precision=ms", c.key, lines.String(), nil)
}

// breaches counts the events on record that tell of breaches, by rule and type.
func (c *crew) breaches(s *harness.Process) map[string]int {
	c.t.Helper()
	found := map[string]int{}
	var page struct {
		Items []barograph.Event `json:"items"`
	}
	s.Call(c.t, http.MethodGet, "/api/v1/events?type=breach.*&limit=1000", s.Token, nil, &page)
	for _, e := range page.Items {
		if e.Data.Rule != nil && strings.HasPrefix(e.Data.Rule.Name, "crew") {
			found[e.Data.Rule.Name+" "+string(e.Type)]++
		}
	}
	return found
}

// wantBreaches waits until each rule told so many beginnings and ends of
// breaches, and fails if one told more.
func (c *crew) wantBreaches(s *harness.Process, started, ended int) {
	c.t.Helper()
	harness.Eventually(c.t, time.Minute, func() string {
		found := c.breaches(s)
		var wrong []string
		for n := range crewRules {
			rule := fmt.Sprintf("crew %d ", n)
			a, b := found[rule+string(barograph.EventBreachStarted)], found[rule+string(barograph.EventBreachEnded)]
			if a > started || b > ended {
				c.t.Fatalf("%s: %d breaches started and %d ended, want %d and %d", rule, a, b, started, ended)
			}
			if a < started || b < ended {
				wrong = append(wrong, fmt.Sprintf("%s%d/%d", rule, a, b))
			}
		}
		if len(wrong) > 0 {
			return fmt.Sprintf("breaches started/ended, want %d/%d: %s", started, ended, strings.Join(wrong, ", "))
		}
		return ""
	})
}

// wantDelivered waits until every event of a breach of the crew's rules arrived,
// and fails if one did twice, unless a server was struck while it sent it: nobody
// else knows then that it did.
func (c *crew) wantDelivered(r *harness.Receiver, events int) {
	c.t.Helper()
	harness.Eventually(c.t, time.Minute, func() string {
		times := map[string][]time.Time{}
		for _, got := range r.Events() {
			e := got.Event
			if e.Data.Rule != nil && strings.HasPrefix(e.Data.Rule.Name, "crew") && strings.HasPrefix(string(e.Type), "breach.") {
				times[string(e.ID)] = append(times[string(e.ID)], got.At)
			}
		}
		for id, at := range times {
			if len(at) > 2 || len(at) > 1 && !c.wasStruck(at[0]) {
				c.t.Errorf("event %s was delivered %d times", id, len(at))
			}
		}
		if len(times) != events {
			return fmt.Sprintf("%d events of breaches were delivered, want %d", len(times), events)
		}
		return ""
	})
}

// wasStruck reports whether a server was struck just after that time.
func (c *crew) wasStruck(at time.Time) bool {
	const sending = 2 * time.Second // and writing down that it was sent
	return slices.ContainsFunc(c.struck, func(s time.Time) bool { return at.After(s.Add(-sending)) && at.Before(s.Add(sending)) })
}

// door is an address that is probed, which counts who knocks.
type door struct {
	address string

	mu     sync.Mutex
	knocks []time.Time
}

func openDoor(t *testing.T) *door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	d := &door{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.knocks = append(d.knocks, time.Now())
			d.mu.Unlock()
			conn.Close()
		}
	}()
	return d
}

// since returns the knocks after a time.
func (d *door) since(from time.Time) []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := slices.IndexFunc(d.knocks, func(k time.Time) bool { return k.After(from) })
	if at < 0 {
		return nil
	}
	return slices.Clone(d.knocks[at:])
}

// unsteady returns what is wrong if in the time since then some target was not
// probed once an interval. It may be late on a busy machine, but never is it probed
// more often than that.
func (c *crew) unsteady(from time.Time) (wrong []string) {
	c.t.Helper()
	long := time.Since(from)
	want := int(long / crewInterval)
	for n, d := range c.doors {
		knocks := d.since(from)
		if got := len(knocks); got > want+1 {
			c.t.Errorf("target %d was probed %d times in %s, want %d", n, got, long.Round(time.Millisecond), want)
		} else if got < want {
			wrong = append(wrong, fmt.Sprintf("target %d was probed %d times in %s, want %d", n, got, long.Round(time.Millisecond), want))
		}
		for i := 1; i < len(knocks); i++ {
			if gap := knocks[i].Sub(knocks[i-1]); gap < crewInterval/2 || gap > crewInterval*3/2 {
				wrong = append(wrong, fmt.Sprintf("target %d was probed after %s, want %s", n, gap.Round(time.Millisecond), crewInterval))
			}
		}
	}
	return wrong
}

// awaitCovered waits until every target was probed after that time and returns
// how long after it that was.
func (c *crew) awaitCovered(from time.Time, within time.Duration) time.Duration {
	c.t.Helper()
	harness.Eventually(c.t, within, func() string {
		missing := 0
		for _, d := range c.doors {
			if len(d.since(from)) == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d targets are not probed", missing)
		}
		return ""
	})
	return time.Since(from)
}

// pause suspends a server, but not in the very moment in which it writes: a file
// would stay locked to the other one until it goes on.
func (c *crew) pause(s, other *harness.Process) {
	c.t.Helper()
	for range 20 {
		s.Suspend(c.t)
		ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Second)
		status, _, err := other.Do(ctx, http.MethodDelete, "/api/v1/targets/tgt_none", c.token, nil) // waits for its turn to write
		cancel()
		if err == nil && status == http.StatusNotFound {
			return
		}
		c.t.Logf("paused as it wrote: %d, %v", status, err)
		s.Resume(c.t)
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Fatal("the other server can't write beside one that is paused")
}

// TestServersOnSQLite has two servers on one machine share a database file.
func TestServersOnSQLite(t *testing.T) {
	t.Parallel()
	testServers(t, sqliteFile(t))
}

// TestServersOnPostgreSQL has them share a PostgreSQL.
func TestServersOnPostgreSQL(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(pgtest.Start(t).Config(t).URL.Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	testServers(t, fmt.Sprintf("database: {url_file: %q}", file))
}

func testServers(t *testing.T, database string) {
	t.Helper()
	c := newCrew(t, database)
	one := c.start()
	receiver := c.employ(one)
	c.awaitCovered(time.Now(), time.Minute)
	c.say(one, 1)
	two := c.start()
	joined := time.Now()
	time.Sleep(6 * time.Second) // parts of the work move
	c.awaitCovered(joined, time.Minute)

	t.Log("both at work")
	steady := time.Now()
	c.say(one, 200)
	c.wantBreaches(one, 1, 0)
	c.say(two, 1)
	c.wantBreaches(two, 1, 1)
	for tries := 1; ; tries++ { // a machine that stands still for a second is nobody's fault
		for ; time.Since(steady) < 6*crewInterval; time.Sleep(50 * time.Millisecond) {
			c.say(one, 1)
		}
		wrong := c.unsteady(steady)
		if len(wrong) == 0 {
			break
		}
		if tries == 4 {
			t.Errorf("the targets are not probed steadily:\n%s", strings.Join(wrong, "\n"))
			break
		}
		t.Logf("not steady:\n%s", strings.Join(wrong, "\n"))
		steady = time.Now()
	}
	c.wantDelivered(receiver, 2*crewRules)

	t.Log("one is killed")
	c.say(two, 200)
	two.Kill()
	killed := time.Now()
	c.struck = append(c.struck, killed)
	t.Logf("all targets are probed again %s after a kill", c.awaitCovered(killed, 15*time.Second+crewInterval).Round(time.Millisecond))
	c.wantBreaches(one, 2, 1)
	t.Logf("all crossings are told %s after a kill", time.Since(killed).Round(time.Millisecond))
	c.say(one, 1)
	c.wantBreaches(one, 2, 2)
	c.wantDelivered(receiver, 4*crewRules)

	t.Log("another one joins, and is paused")
	three := c.start()
	time.Sleep(6 * time.Second)
	c.say(three, 200)
	c.pause(three, one)
	c.struck = append(c.struck, time.Now())
	time.Sleep(20 * time.Second)
	c.wantBreaches(one, 3, 2)
	c.say(one, 1)
	c.wantBreaches(one, 3, 3)
	three.Resume(t)
	time.Sleep(8 * time.Second)
	c.wantBreaches(one, 3, 3)
	c.wantDelivered(receiver, 6*crewRules)

	t.Log("it is stopped in order")
	if code, _ := three.Terminate(t, 30*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	stopped := time.Now()
	t.Logf("all targets are probed again %s after an orderly stop", c.awaitCovered(stopped, 4*time.Second+crewInterval).Round(time.Millisecond))
	c.say(one, 200)
	c.wantBreaches(one, 4, 3)
	c.wantDelivered(receiver, 7*crewRules)
}

// TestServersApart: a server that has a store or a bus of its own does not work
// on a database that others work on.
func TestServersApart(t *testing.T) {
	t.Parallel()
	program, err := program()
	if err != nil {
		t.Fatal(err)
	}
	database := sqliteFile(t) + "\nagent: {enabled: false}\n"
	first := &harness.Installation{Program: program, Dir: t.TempDir(), Config: database}
	first.Start(t)
	cmd, err := (&harness.Installation{Program: program, Dir: t.TempDir(), Config: database}).Command(t)
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "share one remote series store") {
		t.Errorf("the second server: %v, said %s", err, said)
	}
}
