package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/logtest"
)

// user is a pair of keys of a client.
type user struct {
	public string
	pair   nkeys.KeyPair
}

func newUser(t *testing.T) user {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return user{public, pair}
}

// as is the option of a client that says to be the other, but signs as itself.
func (u user) as(other string) nats.Option { return nats.Nkey(other, u.pair.Sign) }

// foreign is a client that knows nothing of us but the address and how to get in.
type foreign struct {
	*nats.Conn

	bus    *bus.Bus
	sub    *nats.Subscription
	denied chan error
}

func newForeign(t *testing.T, cfg bus.Config, way nats.Option) *foreign {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	f := &foreign{bus: open(t, cfg, filepath.Join(t.TempDir(), "nats")), denied: make(chan error, 10)}
	client, err := connect(f.bus, way, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { f.denied <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	f.Conn = client
	if f.sub, err = client.SubscribeSync("barograph.events.breach.>"); err != nil {
		t.Fatal(err)
	}
	if err := client.Flush(); err != nil {
		t.Fatal(err)
	}
	return f
}

// connect connects to the bus. It tries again if it was too slow to say who it is,
// which a server does not wait for.
func connect(b *bus.Bus, options ...nats.Option) (client *nats.Conn, err error) {
	for range 5 {
		client, err = nats.Connect("nats://"+b.Addr(), append(options, nats.Timeout(patience))...)
		if err == nil || errors.Is(err, nats.ErrAuthorization) {
			break
		}
	}
	return client, err
}

// TestForeignClient has clients that get in in every way that there is.
func TestForeignClient(t *testing.T) {
	first, second := newUser(t), newUser(t)
	with := func(token barograph.Secret, keys ...string) bus.Config {
		cfg := bus.DefaultConfig()
		cfg.Token, cfg.NKeys = token, keys
		return cfg
	}
	clients := map[string]*foreign{ // all at once, for a bus waits before it publishes
		"a token":                newForeign(t, with("s3cret"), nats.Token("s3cret")),
		"a key":                  newForeign(t, with("", first.public, second.public), second.as(second.public)),
		"a key, or a token":      newForeign(t, with("s3cret", first.public), first.as(first.public)),
		"a token, or a key":      newForeign(t, with("s3cret", first.public), nats.Token("s3cret")),
		"nothing":                newForeign(t, with(""), nats.Name("any")),
		"more than is asked for": newForeign(t, with(""), first.as(first.public)),
	}
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			e := barograph.Event{ID: "evt_1", Type: barograph.EventBreachStarted, Time: time.Unix(1_700_000_000, 0).UTC()}
			if err := c.bus.Publish(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			msg, err := c.sub.NextMsg(patience)
			if err != nil {
				t.Fatal(err)
			}
			if msg.Subject != "barograph.events.breach.started" || msg.Header.Get("Nats-Msg-Id") != "evt_1" ||
				!strings.Contains(string(msg.Data), `"type":"io.barograph.breach.started"`) {
				t.Errorf("%s %v %s", msg.Subject, msg.Header, msg.Data)
			}
			mayNothingElse(t, c.Conn, c.denied, c.bus)
		})
	}
}

// mayNothingElse wants all refused that isn't listening to events.
func mayNothingElse(t *testing.T, client *nats.Conn, denied <-chan error, b *bus.Bus) {
	t.Helper()
	refused := func(what string) {
		t.Helper()
		select {
		case err := <-denied:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(patience):
			t.Errorf("%s was not refused", what)
		}
	}
	for _, subject := range []string{"barograph.events.breach.started", "$JS.API.STREAM.PURGE.events", "anything"} {
		if err := client.Publish(subject, []byte("{}")); err != nil {
			t.Error(err)
		}
		refused("publish to " + subject)
	}
	for _, subject := range []string{">", "$SYS.>", "_INBOX.>", "barograph.>", "$JS.EVENT.>"} {
		if _, err := client.SubscribeSync(subject); err != nil {
			t.Error(err)
		}
		refused("subscribe to " + subject)
	}
	if err := b.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy: %v", err)
	}
}

func TestLockedOut(t *testing.T) {
	known, stranger := newUser(t), newUser(t)
	for name, tt := range map[string]struct {
		token barograph.Secret
		keys  []string
		ways  map[string]nats.Option
	}{
		"token": {"s3cret", nil, map[string]nats.Option{
			"nothing": nats.Token(""), "cut": nats.Token("s3cre"), "longer": nats.Token("s3cret "), "upper case": nats.Token("S3CRET"),
			"as a password": nats.UserInfo("barograph", "s3cret"), "a key": known.as(known.public),
		}},
		"keys": {"", []string{known.public}, map[string]nats.Option{
			"nothing": nats.Token(""), "another key": stranger.as(stranger.public), "another's signature": stranger.as(known.public),
			"no signature":                  nats.Nkey(known.public, func([]byte) ([]byte, error) { return nil, nil }),
			"a signature of something else": nats.Nkey(known.public, func([]byte) ([]byte, error) { return known.pair.Sign([]byte("else")) }),
			"the key as a token":            nats.Token(known.public),
		}},
		"both": {"s3cret", []string{known.public}, map[string]nats.Option{
			"nothing": nats.Token(""), "another token": nats.Token("secret"), "another's signature": stranger.as(known.public),
		}},
	} {
		cfg := bus.DefaultConfig()
		cfg.Listen, cfg.Token, cfg.NKeys = "localhost:0", tt.token, tt.keys
		b := open(t, cfg, filepath.Join(t.TempDir(), "nats"))
		for what, way := range tt.ways {
			client, err := connect(b, way)
			if !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("%s asked for, %s shown: %v, want it refused", name, what, err)
			}
			client.Close()
		}
	}
}

// TestForeignClientCannotUseJetStream has the client try to get at what is stored.
func TestForeignClientCannotUseJetStream(t *testing.T) {
	cfg := bus.DefaultConfig()
	cfg.Listen, cfg.Token = "127.0.0.1:0", "s3cret"
	b := open(t, cfg, filepath.Join(t.TempDir(), "nats"))
	client, err := connect(b, nats.Token("s3cret"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // the default one prints
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	js, err := jetstream.New(client, jetstream.WithDefaultTimeout(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(t.Context(), "events"); err == nil {
		t.Error("a client read about the stream")
	}
	if _, err := js.OrderedConsumer(t.Context(), "events", jetstream.OrderedConsumerConfig{}); err == nil {
		t.Error("a client made a consumer")
	}
	if err := js.DeleteStream(t.Context(), "events"); err == nil {
		t.Error("a client deleted the stream")
	}
	if err := b.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy: %v", err)
	}
}

// TestManyClients has more connect than may, and one subscribe to more than it
// may: the bus goes on.
func TestManyClients(t *testing.T) {
	cfg := bus.DefaultConfig()
	cfg.Listen, cfg.Token = "127.0.0.1:0", "s3cret"
	b := open(t, cfg, filepath.Join(t.TempDir(), "nats"))
	came := make(chan barograph.Event, 1000)
	var subscriber sync.WaitGroup
	defer subscriber.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	subscriber.Go(func() { _ = b.Subscribe(ctx, []string{"*"}, func(e barograph.Event) { came <- e }) })
	for i := 0; len(came) == 0 && i < cap(came); i++ { // until the subscription stands
		if err := b.Publish(ctx, barograph.Event{ID: barograph.EventID(fmt.Sprint("evt_before_", i)), Type: barograph.EventWatchdog}); err != nil {
			t.Fatal(err)
		}
	}

	var in int
	var last *nats.Conn
	for range 300 {
		client, err := nats.Connect("nats://"+b.Addr(), nats.Token("s3cret"), nats.NoReconnect(),
			nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			continue // told so, or cut off before it could read that
		}
		defer client.Close()
		last = client
		in++
	}
	if in != 254 {
		t.Errorf("%d of 300 clients got in, want 254 beside our two connections", in)
	}
	for range 300 {
		if _, err := last.SubscribeSync("barograph.events.>"); err != nil {
			t.Fatal(err)
		}
	}
	if err := last.Flush(); !errors.Is(last.LastError(), nats.ErrMaxSubscriptionsExceeded) {
		t.Errorf("300 subscriptions: %v, %v", err, last.LastError())
	}
	if err := b.Publish(ctx, barograph.Event{ID: "evt_1", Type: barograph.EventBreachStarted}); err != nil {
		t.Error(err)
	}
	for arrived := false; !arrived; {
		select {
		case e := <-came:
			arrived = e.ID == "evt_1"
		case <-time.After(patience):
			t.Fatal("the event did not arrive")
		}
	}
}

// TestOurSubscribers has as many of our own as ever subscribe at once, and large
// events: no connection is to be cut off as a slow one, and no publisher to wait.
func TestOurSubscribers(t *testing.T) {
	var log logtest.Buffer
	b, err := bus.Open(bus.DefaultConfig(), bus.Deps{
		Dir: filepath.Join(t.TempDir(), "nats"),
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), // as low as a server tells of slow ones
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	const subscribers, events = 70, 4
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var standing, arrived atomic.Int32
	for range subscribers {
		all.Go(func() {
			stands := sync.OnceFunc(func() { standing.Add(1) })
			last := sync.OnceFunc(func() { arrived.Add(1) })
			_ = b.Subscribe(ctx, []string{"breach.*"}, func(e barograph.Event) {
				if stands(); e.ID == "evt_last" {
					last()
				}
			})
		})
	}
	publish := func(id string, size int) { // again until it is taken, as the relay does on a machine that is busy
		e := barograph.Event{
			ID: barograph.EventID(id), Type: barograph.EventBreachStarted, Data: barograph.EventData{Summary: strings.Repeat("x", size)},
		}
		begin := time.Now()
		for err := b.Publish(ctx, e); err != nil; err = b.Publish(ctx, e) {
			if barograph.KindOf(err) != barograph.KindUnavailable || time.Since(begin) > patience {
				t.Fatal(err)
			}
		}
	}
	begin := time.Now()
	for i := 0; standing.Load() < subscribers; i++ { // there is no other sign that a subscription stands
		if publish(fmt.Sprint("evt_before_", i), 1); time.Since(begin) > patience {
			t.Fatalf("%d of %d subscriptions stand", standing.Load(), subscribers)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for i := range events - 1 {
		publish(fmt.Sprint("evt_", i), 300_000)
	}
	publish("evt_last", 300_000)
	for begin := time.Now(); arrived.Load() < subscribers; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("%d of %d subscribers got all events", arrived.Load(), subscribers)
		}
	}
	for line := range strings.Lines(log.String()) {
		cut := strings.Contains(line, "Slow Consumer") || strings.Contains(line, "subscription interrupted") && !strings.Contains(line, "heartbeat")
		if cut || strings.Contains(line, "level=ERROR") {
			t.Errorf("the log has: %s", line)
		}
	}
}

func TestListensOnlyWhenTold(t *testing.T) {
	b := open(t, bus.DefaultConfig(), filepath.Join(t.TempDir(), "nats"))
	if b.Addr() != "" {
		t.Errorf("listens on %s", b.Addr())
	}
}

// TestPortTaken wants an error, and the files left where they are.
func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := bus.DefaultConfig()
	cfg.Listen = l.Addr().String()
	dir := t.TempDir()
	b, err := bus.Open(cfg, deps(filepath.Join(dir, "nats")))
	if err == nil {
		_ = b.Close()
		t.Fatal("opened on a port that is taken")
	}
	if !strings.Contains(err.Error(), cfg.Listen) {
		t.Errorf("%v does not name the address", err)
	}
	if names := namesIn(t, dir); len(names) != 1 {
		t.Errorf("files: %q", names)
	}
}

func TestConfig(t *testing.T) {
	if err := bus.DefaultConfig().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	u := newUser(t)
	seed, err := u.pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		edit func(*bus.Config)
		want string // "" if it is right
	}{
		{func(c *bus.Config) { c.Listen = "127.0.0.1:4222" }, ""},
		{func(c *bus.Config) { c.Listen = "[::1]:4222" }, ""},
		{func(c *bus.Config) { c.Listen = "localhost:0" }, ""},
		{func(c *bus.Config) { c.Listen, c.Token = "0.0.0.0:4222", "x" }, ""},
		{func(c *bus.Config) { c.Listen, c.NKeys = "0.0.0.0:4222", []string{u.public} }, ""},
		{func(c *bus.Config) { c.NKeys = []string{u.public, "U123"} }, `nkeys[1]: "U123" is not the public key`},
		{func(c *bus.Config) { c.NKeys = []string{string(seed)} }, "nkeys[0]: looks like a secret key"},
		{func(c *bus.Config) { c.NKeys = []string{""} }, "nkeys[0]: "},
		{func(c *bus.Config) { c.MaxBytes = 1 << 20 }, ""},
		{func(c *bus.Config) { c.Listen = "0.0.0.0:4222" }, "token: is required"},
		{func(c *bus.Config) { c.Listen = ":4222" }, "token: is required"},
		{func(c *bus.Config) { c.Listen = "bus.example.com:4222" }, "token: is required"},
		{func(c *bus.Config) { c.Listen = "4222" }, "listen: "},
		{func(c *bus.Config) { c.Listen = "127.0.0.1:99999" }, "listen: "},
		{func(c *bus.Config) { c.Listen = "127.0.0.1:nats" }, "listen: "},
		{func(c *bus.Config) { c.MaxBytes = 1000 }, "max_bytes: 1000 is less"},
		{func(c *bus.Config) { c.MaxBytes = -1 }, "max_bytes: "},
		{func(c *bus.Config) { c.MaxAge = 0 }, "max_age: 0s is not between"},
	} {
		cfg := bus.DefaultConfig()
		tt.edit(&cfg)
		err := cfg.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", cfg, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), string(seed)) {
			t.Errorf("%v tells a secret", err)
		}
	}
}
