package bus_test

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
)

// TestForeignClient has a client that knows nothing of us but address and token.
func TestForeignClient(t *testing.T) {
	for name, token := range map[string]barograph.Secret{"with a token": "s3cret", "without, on loopback": ""} {
		t.Run(name, func(t *testing.T) {
			cfg := bus.DefaultConfig()
			cfg.Listen, cfg.Token = "127.0.0.1:0", token
			b := open(t, cfg, filepath.Join(t.TempDir(), "nats"))
			denied := make(chan error, 10)
			client, err := nats.Connect("nats://"+b.Addr(), nats.Token(token.Reveal()),
				nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			sub, err := client.SubscribeSync("barograph.events.breach.>")
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Flush(); err != nil {
				t.Fatal(err)
			}
			e := barograph.Event{ID: "evt_1", Type: barograph.EventBreachStarted, Time: time.Unix(1_700_000_000, 0).UTC()}
			if err := b.Publish(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			msg, err := sub.NextMsg(5 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if msg.Subject != "barograph.events.breach.started" || msg.Header.Get("Nats-Msg-Id") != "evt_1" ||
				!strings.Contains(string(msg.Data), `"type":"io.barograph.breach.started"`) {
				t.Errorf("%s %v %s", msg.Subject, msg.Header, msg.Data)
			}
			mayNothingElse(t, client, denied, b)
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
		case <-time.After(5 * time.Second):
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

func TestWrongToken(t *testing.T) {
	cfg := bus.DefaultConfig()
	cfg.Listen, cfg.Token = "localhost:0", "s3cret"
	b := open(t, cfg, filepath.Join(t.TempDir(), "nats"))
	for _, token := range []string{"", "s3cre", "s3cret ", "S3CRET"} {
		client, err := nats.Connect("nats://"+b.Addr(), nats.Token(token))
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("token %q: %v, want it refused", token, err)
		}
		client.Close()
	}
	if _, err := nats.Connect("nats://"+b.Addr(), nats.UserInfo("barograph", "s3cret")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("token as a password: %v, want it refused", err)
	}
}

// TestForeignClientCannotUseJetStream has the client try to read what is stored.
func TestForeignClientCannotUseJetStream(t *testing.T) {
	cfg := bus.DefaultConfig()
	cfg.Listen, cfg.Token = "127.0.0.1:0", "s3cret"
	b := open(t, cfg, filepath.Join(t.TempDir(), "nats"))
	client, err := nats.Connect("nats://"+b.Addr(), nats.Token("s3cret"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // the default one prints
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	js, err := jetstream.New(client, jetstream.WithDefaultTimeout(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "events"); err == nil {
		t.Error("a client deleted the stream")
	}
	if err := b.Publish(t.Context(), watchdog("1")); err != nil {
		t.Errorf("Publish: %v", err)
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
	for _, tt := range []struct {
		edit func(*bus.Config)
		want string // "" if it is right
	}{
		{func(c *bus.Config) { c.Listen = "127.0.0.1:4222" }, ""},
		{func(c *bus.Config) { c.Listen = "[::1]:4222" }, ""},
		{func(c *bus.Config) { c.Listen = "localhost:0" }, ""},
		{func(c *bus.Config) { c.Listen, c.Token = "0.0.0.0:4222", "x" }, ""},
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
	}
}
