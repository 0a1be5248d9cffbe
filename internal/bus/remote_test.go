package bus_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/bus/natstest"
	"github.com/barograph/barograph/internal/bustest"
)

func at(url string) bus.Config {
	cfg := bus.DefaultConfig()
	cfg.URL = url
	return cfg
}

// conform runs the suite on a server. The stream is the server's: a directory
// stands for it, and each new one finds it gone.
func conform(t *testing.T, url string) {
	t.Helper()
	js := admin(t, url)
	var known sync.Map
	bustest.Run(t, func(t *testing.T, dir string) bustest.Bus {
		t.Helper()
		if _, before := known.LoadOrStore(dir, true); !before {
			_ = js.DeleteStream(t.Context(), "events") // the first time there is none
		}
		b := open(t, at(url), dir)
		for begin := time.Now(); b.Healthy(t.Context()) != nil && time.Since(begin) < time.Minute; {
			<-time.After(20 * time.Millisecond) // a cluster may take its time to make the stream
		}
		return b
	})
}

// admin may do everything on the server.
func admin(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestConformanceOnServer(t *testing.T) {
	t.Parallel()
	conform(t, natstest.Start(t).URL)
}

func TestConformanceOnCluster(t *testing.T) {
	t.Parallel()
	url := natstest.URLs(natstest.Cluster(t, 3))
	conform(t, url)
	info, err := admin(t, url).Stream(t.Context(), "events")
	if err != nil {
		t.Fatal(err)
	}
	if c := info.CachedInfo().Config; c.Replicas != 3 || c.Storage != jetstream.FileStorage {
		t.Errorf("stream has %d replicas, storage %s", c.Replicas, c.Storage)
	}
}

func TestRemoteConfig(t *testing.T) {
	seed, err := newUser(t).pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		edit func(*bus.Config)
		want string // "" if it is right
	}{
		{func(*bus.Config) {}, ""},
		{func(c *bus.Config) { c.URL = "tls://nats.example.com" }, ""},
		{func(c *bus.Config) { c.URL = "nats://a:4222, nats://[::1]:4222,tls://c:4222/" }, ""},
		{func(c *bus.Config) { c.Token = "s3cret" }, ""},
		{func(c *bus.Config) { c.Username, c.Password = "u", "s3cret" }, ""},
		{func(c *bus.Config) { c.NKey = barograph.Secret(seed) }, ""},
		{func(c *bus.Config) { c.CredentialsFile = "x.creds" }, ""},
		{func(c *bus.Config) { c.Stream, c.Replicas = "baro", 5 }, ""},
		{func(c *bus.Config) { c.URL = "nats://a:4222,b:4222" }, `url: number 2, "…" is not an address`},
		{func(c *bus.Config) { c.URL = "nats:s3cret@host:4222" }, `url: "…" is not an address`},
		{func(c *bus.Config) { c.URL = "s3cret@nats.example.com" }, `url: "…" is not an address`},
		{func(c *bus.Config) { c.URL = "nats://h:4222,user:s3cret@h2" }, `url: number 2, "…" is not an address`},
		{func(c *bus.Config) { c.URL = "https://h/s3cret?token=s3cret#s3cret" }, `url: "https://h/…" is not an address`},
		{func(c *bus.Config) { c.URL = "nats://h:4222?token=s3cret" }, `url: "nats://h:4222/…" has something after the port`},
		{func(c *bus.Config) { c.URL = "s3cret:4222" }, "have commas between them; it is not shown, as it may hold a password"},
		{func(c *bus.Config) { c.URL = "http://a:4222" }, "url: "},
		{func(c *bus.Config) { c.URL = "nats://a:4222," }, "url: "},
		{func(c *bus.Config) { c.URL = "nats://:4222" }, "url: "},
		{func(c *bus.Config) { c.URL = "nats://u:s3cret@a:4222" }, "url: \"nats://xxxxx@a:4222\" has a user name"},
		{func(c *bus.Config) { c.URL = "nats://s3cret@a:4222\x7f" }, "url: "},
		{func(c *bus.Config) { c.URL = "nats://a:4222/?x=1" }, "url: "},
		{func(c *bus.Config) { c.Listen = "127.0.0.1:4222" }, `listen: "127.0.0.1:4222" goes with the embedded bus, but url`},
		{func(c *bus.Config) { c.NKeys = []string{"U"} }, "nkeys: "},
		{func(c *bus.Config) { c.Token, c.Username, c.Password = "s3cret", "u", "p" }, "username: and token are given"},
		{func(c *bus.Config) { c.Username = "u" }, "username: and password belong together"},
		{func(c *bus.Config) { c.Password = "s3cret" }, "username: and password belong together"},
		{func(c *bus.Config) { c.NKey = "s3cret" }, "nkey: is not the seed"},
		{func(c *bus.Config) { c.TLS.CertFile = "x.pem" }, "tls: cert_file and key_file"},
		{func(c *bus.Config) { c.Stream = "a.b" }, `stream: "a.b" is not a name`},
		{func(c *bus.Config) { c.Replicas = 6 }, "replicas: 6 is not between"},
		{func(c *bus.Config) { c.Replicas = -1 }, "replicas: -1"},
		{func(c *bus.Config) { c.MaxAge = 0 }, "max_age: "},
		{func(c *bus.Config) { c.URL, c.Stream = "", "baro" }, "stream: is for a NATS server of somebody else's"},
		{func(c *bus.Config) { c.URL, c.TLS.CAFile = "", "x.pem" }, "tls: is for"},
		{func(c *bus.Config) { c.URL, c.Password = "", "s3cret" }, "password: is for"},
	} {
		cfg := at("nats://127.0.0.1:4222")
		tt.edit(&cfg)
		err := cfg.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", cfg, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v tells a secret", err)
		}
	}
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		edit func(*bus.Config)
		want string
	}{
		{func(c *bus.Config) { c.CredentialsFile = filepath.Join(dir, "none") }, "credentials_file: open "},
		{func(c *bus.Config) { c.CredentialsFile = empty }, "credentials_file: " + empty + " is not a .creds file"},
		{func(c *bus.Config) { c.TLS.CAFile = filepath.Join(dir, "none") }, "tls: ca_file: open "},
		{func(c *bus.Config) { c.TLS.CAFile = empty }, "tls: ca_file: " + empty + " has no certificate"},
		{func(c *bus.Config) { c.TLS.CertFile, c.TLS.KeyFile = empty, empty }, "tls: certificate " + empty},
	} {
		cfg := at("nats://127.0.0.1:4222")
		tt.edit(&cfg)
		if err := cfg.CheckFiles(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}
