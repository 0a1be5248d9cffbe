package faults_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go" //nolint:depguard // a client from outside
	"github.com/nats-io/nkeys"   //nolint:depguard // its key

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/test/harness"
)

// openBus is an installation whose bus takes NATS clients, at one address for all
// its processes.
type openBus struct {
	*harness.Installation

	address string
	key     nkeys.KeyPair // of the clients
	public  string
}

func installOpenBus(t *testing.T) *openBus {
	t.Helper()
	b := &openBus{Installation: install(t), address: enginetest.FreeAddress(t)}
	var err error
	if b.key, err = nkeys.CreateUser(); err != nil {
		t.Fatal(err)
	}
	if b.public, err = b.key.PublicKey(); err != nil {
		t.Fatal(err)
	}
	b.Config += fmt.Sprintf("bus: {listen: %q, nkeys: [%s]}\n", b.address, b.public)
	return b
}

// outsider is a NATS client that counts events by ID. It never gives up, and in
// short runs comes back sooner than clients usually do, which is after two seconds
// of the three that the server waits for them: machines that run everything at once
// may stand still for the third.
type outsider struct {
	mu    sync.Mutex
	times map[barograph.EventID]int
}

func (b *openBus) subscribe(t *testing.T) *outsider {
	t.Helper()
	o := &outsider{times: map[barograph.EventID]int{}}
	conn, err := nats.Connect("nats://"+b.address, nats.Nkey(b.public, b.key.Sign), nats.MaxReconnects(-1),
		nats.ReconnectWait(quick(200*time.Millisecond, nats.DefaultReconnectWait)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	_, err = conn.Subscribe("barograph.events.>", func(msg *nats.Msg) {
		var e barograph.Event
		if err := json.Unmarshal(msg.Data, &e); err != nil {
			t.Errorf("message on %s: %v", msg.Subject, err)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.times[e.ID]++
	})
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// events returns how many different events arrived, and how many once more.
func (o *outsider) events() (distinct, repeated int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.times {
		repeated += n - 1
	}
	return len(o.times), repeated
}

// compare waits until every recorded event arrived.
func (o *outsider) compare(t *testing.T, srv *harness.Server) {
	t.Helper()
	recorded := all[barograph.Event](t, srv, "/api/v1/events", nil)
	harness.Eventually(t, quick(time.Minute, 2*time.Minute), func() string {
		o.mu.Lock()
		defer o.mu.Unlock()
		missing := 0
		for _, e := range recorded {
			if o.times[e.ID] == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d events have not reached the NATS client", missing, len(recorded))
		}
		return ""
	})
	_, repeated := o.events()
	t.Logf("%d events recorded, all of them reached the NATS client, %d more than once", len(recorded), repeated)
}

// TestBusDamage deletes the bus's files, or flips bits in them, again and again
// while the server is stopped. The server starts all the same, and every event
// on record reaches a webhook and a NATS client.
func TestBusDamage(t *testing.T) {
	t.Parallel()
	installed := installOpenBus(t)
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	receiver, outside := process.Subscribe(t), installed.subscribe(t)
	fleet := newFleet(t, 20*time.Millisecond)
	fleet.start(t, &process.Server)

	var slowest time.Duration
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range quick(4, 50) {
		// Every other time the server is ended before it publishes anything: it
		// gives NATS clients three seconds to come back.
		if n%2 == 0 {
			time.Sleep(3500 * time.Millisecond)
		} else {
			time.Sleep(700 * time.Millisecond)
		}
		if n%4 < 2 {
			process.Kill()
		} else if code, _ := process.Terminate(t, 20*time.Second); code != 0 {
			t.Errorf("after SIGTERM the server ended with code %d", code)
		}
		checkLog(t, process.Log())
		damageBus(t, filepath.Join(installed.Dir, "bus"), rng)
		process = installed.Start(t)
		fleet.use(&process.Server)
		slowest = max(slowest, process.Took)
	}
	t.Logf("restarts took %s at most", slowest.Round(time.Millisecond))
	time.Sleep(300 * time.Millisecond)
	fleet.finish()
	fleet.book.compareBreaches(t, &process.Server)
	compareEvents(t, &process.Server, receiver)
	outside.compare(t, &process.Server)
	checkLog(t, process.Log())
}

// damageBus deletes the directory one time in three, else it flips bits in each
// file that is in it, one to eight.
func damageBus(t *testing.T, dir string, rng *rand.Rand) {
	t.Helper()
	if rng.IntN(3) == 0 {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 {
			return err
		}
		for range 1 + rng.IntN(8) {
			data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		}
		return os.WriteFile(path, data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
