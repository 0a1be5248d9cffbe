package bus_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/bus/natstest"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/logtest"
)

// far is a bus on a server of somebody else's, with a subscriber.
type far struct {
	*bus.Bus

	t    *testing.T
	log  *logtest.Buffer
	came chan barograph.EventID
	n    int
}

func openFar(t *testing.T, cfg bus.Config) *far {
	t.Helper()
	f := &far{t: t, log: &logtest.Buffer{}, came: make(chan barograph.EventID, 10_000)}
	begin := time.Now()
	b, err := bus.Open(cfg, bus.Deps{Log: f.log.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Open took %s", took)
	}
	f.Bus = b
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Subscribe(ctx, []string{"*"}, func(e barograph.Event) { f.came <- e.ID })
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return f
}

// patience is how long a test waits for what has to come.
const patience = time.Minute

// publish publishes an event, again and again until it is taken, as the relay
// does, and returns its ID.
func (f *far) publish() barograph.EventID {
	f.t.Helper()
	e := watchdog(rand.Text())
	f.eventually(func() error { return f.Publish(f.t.Context(), e) })
	return e.ID
}

func (f *far) eventually(try func() error) {
	f.t.Helper()
	for begin := time.Now(); ; <-time.After(20 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Since(begin) > patience {
			f.t.Fatalf("%v; log:\n%s", err, f.log)
		}
	}
}

// upTo returns what the subscriber got up to the event.
func (f *far) upTo(last barograph.EventID) []barograph.EventID {
	f.t.Helper()
	var all []barograph.EventID
	for {
		select {
		case id := <-f.came:
			all = append(all, id)
			if id == last {
				return all
			}
		case <-time.After(patience):
			f.t.Fatalf("%s did not come, but %q; log:\n%s", last, all, f.log)
		}
	}
}

// red wants the bus unhealthy, and to take no event, for a reason with these
// words, which is known a moment after that something is wrong.
func (f *far) red(words ...string) {
	f.t.Helper()
	f.eventually(func() error {
		if err := f.Healthy(f.t.Context()); barograph.KindOf(err) != barograph.KindUnavailable || !containsAll(fmt.Sprint(err), words) {
			return fmt.Errorf("Healthy: %w (%s), want unavailable with %q", err, barograph.KindOf(err), words)
		}
		return nil
	})
	clocktest.AtMost(f.t, 8*time.Second, "refusing an event", func() time.Duration {
		began := time.Now()
		err := f.Publish(f.t.Context(), watchdog("red"))
		took := time.Since(began)
		if barograph.KindOf(err) != barograph.KindUnavailable {
			f.t.Errorf("Publish: %v (%s), want unavailable", err, barograph.KindOf(err))
		}
		return took
	})
}

func containsAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// green wants the bus healthy soon, and the subscriber to get what is published.
func (f *far) green() {
	f.t.Helper()
	f.eventually(func() error { return f.Healthy(f.t.Context()) })
	for len(f.came) == 0 { // a first time the subscription may take a moment
		f.publish()
		<-time.After(5 * time.Millisecond)
	}
	f.upTo(f.publish())
}

// TestAwayAtStart opens on an address where nobody is, and goes on when somebody is.
// The subscriber gets the very first event that is published then.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	s.Kill()
	f := openFar(t, at(s.URL))
	f.red("NATS at "+s.URL, "does not answer", "bus.url")
	<-time.After(6 * time.Second)
	if n := f.log.Count("not restarted"); n > 2 {
		t.Errorf("the same was logged %d times:\n%s", n, f.log)
	}
	first := make(chan barograph.EventID, 1)
	go func() { // as soon as it is taken at all
		e := watchdog("first")
		for f.Publish(t.Context(), e) != nil && t.Context().Err() == nil {
			runtime.Gosched()
		}
		first <- e.ID
	}()
	s.Process.Start(t)
	want := []barograph.EventID{<-first, f.publish()}
	if got := f.upTo(want[1]); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	f.green()
}

// TestAwayLater kills the server, or has it hang, for a while short and long.
func TestAwayLater(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{"a moment": time.Second, "longer than our patience": 14 * time.Second} {
		for _, way := range []string{"killed", "hangs"} {
			t.Run(way+" for "+name, func(t *testing.T) {
				t.Parallel()
				s := natstest.Start(t)
				f := openFar(t, at(s.URL))
				f.green()
				want := []barograph.EventID{f.publish(), f.publish()}
				begin := time.Now()
				if way == "killed" {
					s.Kill()
				} else {
					s.Signal(t, syscall.SIGSTOP)
				}
				f.red()
				<-time.After(away - time.Since(begin))
				if way == "killed" {
					s.Process.Start(t)
				} else {
					s.Signal(t, syscall.SIGCONT)
				}
				back := time.Now()
				for range 20 {
					want = append(want, f.publish())
				}
				got := slices.DeleteFunc(f.upTo(want[len(want)-1]), func(id barograph.EventID) bool { return id == "evt_red" }) // it may have arrived
				t.Logf("after %s away events flow again in %s", away, time.Since(back))
				if !slices.Equal(got, want) {
					t.Errorf("events %q, want %q", got, want)
				}
				f.green()
			})
		}
	}
}

// TestRefused has servers that won't have us, or not all of us, each for another
// reason, until that is put right on the server.
func TestRefused(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	seed, err := u.pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		wrong, right string // of the server's configuration
		edit         func(*bus.Config)
		words        []string
	}{
		"token": {
			"authorization {token: other}", "authorization {token: s3cret}",
			func(c *bus.Config) { c.Token = "s3cret" },
			[]string{"does not let us in", "bus.token_file"},
		},
		"nothing shown": {
			"authorization {token: other}", "",
			func(*bus.Config) {},
			[]string{"does not let us in", "credentials_file"},
		},
		"password": {
			"authorization {users: [{user: barograph, password: other}]}", "authorization {users: [{user: barograph, password: s3cret}]}",
			func(c *bus.Config) { c.Username, c.Password = "barograph", "s3cret" },
			[]string{"does not let us in", `bus.username "barograph"`},
		},
		"nkey": {
			"authorization {users: [{user: x, password: y}]}", "authorization {users: [{nkey: " + u.public + "}]}",
			func(c *bus.Config) { c.NKey = barograph.Secret(seed) },
			[]string{"does not let us in", "bus.nkey_file"},
		},
		"no JetStream for the account": {
			"accounts {A: {users: [{user: barograph, password: s3cret}]}}",
			"accounts {A: {jetstream: enabled, users: [{user: barograph, password: s3cret}]}}",
			func(c *bus.Config) { c.Username, c.Password = "barograph", "s3cret" },
			[]string{"has no JetStream for us", "account"},
		},
		"no room in the account": {
			"accounts {A: {jetstream: {max_file: 1M}, users: [{user: barograph, password: s3cret}]}}",
			"accounts {A: {jetstream: {max_file: 100M}, users: [{user: barograph, password: s3cret}]}}",
			func(c *bus.Config) { c.Username, c.Password, c.MaxBytes = "barograph", "s3cret", 10<<20 },
			[]string{"has no room", "10485760 bytes", "bus.max_bytes"},
		},
		"permissions": {
			"authorization {users: [{user: barograph, password: s3cret, permissions: {publish: [\"barograph.>\"]}}]}",
			"authorization {users: [{user: barograph, password: s3cret, permissions: {publish: [\"barograph.>\", \"$JS.API.>\"], subscribe: [\"_INBOX.>\"]}}]}",
			func(c *bus.Config) { c.Username, c.Password = "barograph", "s3cret" },
			[]string{"does not allow us", "$JS.API.>"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := natstest.Start(t, tt.wrong)
			cfg := at(s.URL)
			tt.edit(&cfg)
			f := openFar(t, cfg)
			f.red(append(tt.words, "NATS at "+s.URL)...)
			s.Configure(t, tt.right)
			s.Signal(t, syscall.SIGHUP)
			begin := time.Now()
			f.green()
			t.Logf("works %s after the server was put right", time.Since(begin))
			for _, secret := range []string{"s3cret", string(seed)} {
				if strings.Contains(f.log.String(), secret) {
					t.Errorf("the log tells a secret:\n%s", f.log)
				}
			}
		})
	}
}

// TestShutOutLater changes the password on the server, and back.
func TestShutOutLater(t *testing.T) {
	t.Parallel()
	right := "authorization {users: [{user: barograph, password: s3cret}]}"
	s := natstest.Start(t, right)
	cfg := at(s.URL)
	cfg.Username, cfg.Password = "barograph", "s3cret"
	f := openFar(t, cfg)
	f.green()
	s.Configure(t, strings.ReplaceAll(right, "s3cret", "other"))
	s.Signal(t, syscall.SIGHUP)
	f.red("NATS at "+s.URL, "uthorization")
	<-time.After(12 * time.Second) // until it is connected to anew, in vain
	f.red("does not let us in", `bus.username "barograph"`)
	s.Configure(t, right)
	s.Signal(t, syscall.SIGHUP)
	f.green()
}

func TestNoJetStream(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t, "jetstream: disabled")
	f := openFar(t, at(s.URL))
	f.red("has no JetStream for us", "jetstream: enabled")
}

// TestOldServer has a server say that it is old.
func TestOldServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprintf(conn, "INFO {\"server_id\":\"x\",\"version\":\"2.8.4\",\"headers\":true,\"max_payload\":1048576}\r\n")
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if lines.Text() == "PING" {
						fmt.Fprint(conn, "PONG\r\n")
					}
				}
			}()
		}
	}()
	f := openFar(t, at("nats://"+l.Addr().String()))
	f.red("too old", "2.10", `"2.8.4"`)
}

// TestForeignStream has streams of somebody else in the way. They are left as
// they are, and another name, or their end, is the way out.
func TestForeignStream(t *testing.T) {
	t.Parallel()
	events := []string{"barograph.events.>"}
	for name, tt := range map[string]struct {
		theirs jetstream.StreamConfig
		words  []string
	}{
		"other subjects": {jetstream.StreamConfig{Name: "events", Subjects: []string{"shop.>"}}, []string{`stream "events"`, `"shop.>"`, "bus.stream"}},
		"a queue":        {jetstream.StreamConfig{Name: "events", Subjects: events, Retention: jetstream.WorkQueuePolicy}, []string{`stream "events"`, "was read"}},
		"in memory":      {jetstream.StreamConfig{Name: "events", Subjects: events, Storage: jetstream.MemoryStorage}, []string{`stream "events"`, "in memory"}},
		"same subjects":  {jetstream.StreamConfig{Name: "other", Subjects: []string{"barograph.>"}}, []string{"another stream", "barograph.events.>", "bus.stream"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := natstest.Start(t)
			js := admin(t, s.URL)
			before, err := js.CreateStream(t.Context(), tt.theirs)
			if err != nil {
				t.Fatal(err)
			}
			f := openFar(t, at(s.URL))
			f.red(tt.words...)
			after, err := js.Stream(t.Context(), tt.theirs.Name)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := before.CachedInfo(), after.CachedInfo(); fmt.Sprint(a.Config) != fmt.Sprint(b.Config) || b.State.Msgs != 0 {
				t.Errorf("their stream is changed:\n%+v\n%+v", a.Config, b.Config)
			}
			if err := js.DeleteStream(t.Context(), tt.theirs.Name); err != nil {
				t.Fatal(err)
			}
			f.green()
		})
	}
}

// TestOurStream has a stream that somebody made for us, with limits of another
// configuration: those are changed, what else was set is not.
func TestOurStream(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	js := admin(t, s.URL)
	theirs := jetstream.StreamConfig{
		Name: "baro", Subjects: []string{"barograph.events.>"}, Description: "made by hand", MaxMsgs: 1000,
		MaxBytes: 1 << 20, Discard: jetstream.DiscardNew, Metadata: map[string]string{"team": "ops"},
	}
	if _, err := js.CreateStream(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	cfg := at(s.URL)
	cfg.Stream, cfg.MaxBytes = "baro", 5<<20
	f := openFar(t, cfg)
	f.green()
	stream, err := js.Stream(t.Context(), "baro")
	if err != nil {
		t.Fatal(err)
	}
	if c := stream.CachedInfo().Config; c.MaxBytes != 5<<20 || c.MaxAge != barograph.Week || c.Discard != jetstream.DiscardOld || c.Replicas != 1 ||
		c.Duplicates != 10*time.Minute || c.Description != "made by hand" || c.MaxMsgs != 1000 || c.Metadata["team"] != "ops" {
		t.Errorf("stream: %+v", c)
	}
}

// TestStreamTakenAway deletes the stream under a subscriber that was far on, and
// has another take its place that is soon longer; then purges it.
func TestStreamTakenAway(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	js := admin(t, s.URL)
	f := openFar(t, at(s.URL))
	f.green()
	for range 10 {
		f.publish()
	}
	f.upTo(f.publish())
	if err := js.DeleteStream(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	f.red()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "events", Subjects: []string{"barograph.events.>"}})
	if err != nil {
		t.Fatal(err)
	}
	var want []barograph.EventID
	for range 50 {
		want = append(want, f.publish())
	}
	if got := f.upTo(want[49]); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if err := js.DeleteStream(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	f.green() // it is made again
	t.Logf("the stream was made again within %s", time.Since(begin))
	stream, err := js.Stream(t.Context(), "events")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := f.publish()
	if got := f.upTo(last); !slices.Equal(got, []barograph.EventID{last}) {
		t.Errorf("events after a purge %q, want %q", got, last)
	}
}

// TestFull lets the server store nothing more, by a limit of the account that
// shrinks: the reason is told, and events flow when there is room again.
func TestFull(t *testing.T) {
	t.Parallel()
	account := "accounts {A: {jetstream: {max_file: %s}, users: [{user: barograph, password: s3cret}]}}"
	s := natstest.Start(t, fmt.Sprintf(account, "100M"))
	cfg := at(s.URL)
	cfg.Username, cfg.Password, cfg.MaxBytes = "barograph", "s3cret", 50<<20
	f := openFar(t, cfg)
	f.green()
	e := watchdog("large")
	e.Data.Summary = strings.Repeat("x", 500_000)
	for i := range 6 {
		e.ID = barograph.EventID(fmt.Sprint("evt_large", i))
		if err := f.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	s.Configure(t, fmt.Sprintf(account, "1M"))
	s.Signal(t, syscall.SIGHUP)
	f.eventually(func() error {
		f.n++
		if err := f.Publish(t.Context(), watchdog(fmt.Sprint("fill", f.n))); err == nil {
			return fmt.Errorf("the server still stores")
		} else if !strings.Contains(err.Error(), "resource limits exceeded") {
			return err // such as that it does not answer while it reads its configuration
		}
		return nil
	})
	f.red("resource limits exceeded")
	s.Configure(t, fmt.Sprintf(account, "100M"))
	s.Signal(t, syscall.SIGHUP)
	f.green()
}

// TestTwoServers publish the same events to one stream, as when the relay moves
// from one to the other: each subscriber of either gets each event once.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	s := natstest.Start(t)
	first, second := openFar(t, at(s.URL)), openFar(t, at(s.URL))
	first.green()
	second.green()
	second.publish()
	last := first.publish()
	first.upTo(last) // each gets what the other publishes
	second.upTo(last)
	var want []barograph.EventID
	done := make(chan error, 2)
	for i := range 200 {
		want = append(want, watchdog(fmt.Sprint("both", i)).ID)
	}
	for _, f := range []*far{first, second} {
		go func() {
			for i := range want {
				if err := f.Publish(t.Context(), watchdog(fmt.Sprint("both", i))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []*far{first, second} {
		if got := f.upTo(want[199]); !slices.Equal(got, want) {
			t.Errorf("%d events %q, want %d", len(got), got, len(want))
		}
	}
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string

	life time.Duration // of what it signs
	name string        // of the servers, instead of their IP
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, life: time.Hour}
	a.file, _ = a.issue("authority", t.TempDir())
	return a
}

// issue writes a certificate and its key, the first one the authority's own.
func (a *authority) issue(name, dir string) (certFile, keyFile string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(a.life),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if a.name != "" {
		c.IPAddresses, c.DNSNames = nil, []string{a.name}
	}
	if a.cert == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		a.cert, a.key = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(a.t, certFile, "CERTIFICATE", der)
	writePEM(a.t, keyFile, "PRIVATE KEY", secret)
	return certFile, keyFile
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTLS goes to a server that wants our certificate too: with the right
// authority, and with a wrong one until the file is put right.
func TestTLS(t *testing.T) {
	t.Parallel()
	good, bad, dir := newAuthority(t), newAuthority(t), t.TempDir()
	serverCert, serverKey := good.issue("server", dir)
	s := natstest.Start(t, fmt.Sprintf("tls {cert_file: %q, key_file: %q, ca_file: %q, verify: true}", serverCert, serverKey, good.file))
	cfg := at(strings.Replace(s.URL, "nats:", "tls:", 1))
	cfg.TLS.CAFile = good.file
	cfg.TLS.CertFile, cfg.TLS.KeyFile = good.issue("client", dir)
	openFar(t, cfg).green()

	plain := openFar(t, at(s.URL))
	plain.red("bus.tls", "ca_file")

	cfg.TLS.CertFile, cfg.TLS.KeyFile = bad.issue("stranger", dir)
	stranger := openFar(t, cfg)
	stranger.red("bus.tls", "cert_file")

	cfg.TLS.CertFile, cfg.TLS.KeyFile = good.issue("client2", dir)
	cfg.TLS.CAFile = filepath.Join(dir, "ca.pem")
	copyFile(t, bad.file, cfg.TLS.CAFile)
	f := openFar(t, cfg)
	f.red("NATS at tls://", "bus.tls", "unknown authority")
	copyFile(t, good.file, cfg.TLS.CAFile)
	f.green()
}

// TestRenewedCertificate has our certificate, and then the authority, renewed, while
// the connection that publishes lasts: whoever connects anew shows and trusts the
// new ones. What is wrong until then is told once.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	old, renewed, dir := newAuthority(t), newAuthority(t), t.TempDir()
	serverCert, serverKey := old.issue("server", dir)
	ca := filepath.Join(dir, "ca.pem")
	copyFile(t, old.file, ca)
	s := natstest.Start(t, fmt.Sprintf("tls {cert_file: %q, key_file: %q, ca_file: %q, verify: true}", serverCert, serverKey, ca))
	cfg := at(strings.Replace(s.URL, "nats:", "tls:", 1))
	cfg.TLS.CAFile = ca
	old.life = 12 * time.Second // all connections have to stand by then
	over := time.Now().Add(old.life + time.Second)
	cfg.TLS.CertFile, cfg.TLS.KeyFile = old.issue("client", dir)
	f := openFar(t, cfg)
	f.green()

	time.Sleep(time.Until(over))
	came := f.another(t.Context())
	refused := func() int { // the other subscriber has his connection, and may miss a heartbeat
		return strings.Count(f.log.String(), `asking anew until there is an answer" error="connect to`)
	}
	f.eventually(func() error {
		if refused() == 0 {
			return fmt.Errorf("it got in, or was not told that it did not")
		}
		return nil
	})
	time.Sleep(2 * time.Second) // it is refused again and again
	if n := refused(); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, f.log)
	}
	old.life = time.Hour
	old.issue("client", dir)
	f.reaches(came)

	renewed.issue("server", dir)
	renewed.issue("client", dir)
	copyFile(t, renewed.file, ca)
	s.Kill()
	s.Process.Start(t)
	f.reaches(came)
	f.upTo(f.publish())
}

// another subscribes too, and returns what comes.
func (f *far) another(ctx context.Context) <-chan barograph.EventID {
	ctx, cancel := context.WithCancel(ctx)
	came, ended := make(chan barograph.EventID, 10_000), make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.Subscribe(ctx, []string{"*"}, func(e barograph.Event) { came <- e.ID })
	}()
	f.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return came
}

// reaches publishes until something comes to that subscriber.
func (f *far) reaches(came <-chan barograph.EventID) {
	f.t.Helper()
	for len(came) > 0 {
		<-came
	}
	for begin := time.Now(); len(came) == 0; <-time.After(50 * time.Millisecond) {
		if f.publish(); time.Since(begin) > 2*patience {
			f.t.Fatalf("the subscriber got nothing; log:\n%s", f.log)
		}
	}
}

// TestDetour: a cluster whose servers have certificates of their name, of which
// the configuration knows one, goes on without that one for new connections too.
func TestDetour(t *testing.T) {
	t.Parallel()
	a, dir := newAuthority(t), t.TempDir()
	a.name = "localhost"
	cert, key := a.issue("server", dir)
	servers := natstest.Cluster(t, 3, fmt.Sprintf("tls {cert_file: %q, key_file: %q}", cert, key))
	_, port, err := net.SplitHostPort(servers[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	cfg := at("tls://localhost:" + port)
	cfg.TLS.CAFile = a.file
	f := openFar(t, cfg)
	f.green()
	time.Sleep(2 * time.Second) // for the others to be known
	servers[0].Kill()
	f.reaches(f.another(t.Context()))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCredentialsFile goes to a server with accounts of an operator, with a .creds
// file that is of another account at first.
func TestCredentialsFile(t *testing.T) {
	t.Parallel()
	operator, account := newPair(t, nkeys.CreateOperator), newPair(t, nkeys.CreateAccount)
	stranger, system := newPair(t, nkeys.CreateAccount), newPair(t, nkeys.CreateAccount)
	oc := jwt.NewOperatorClaims(operator.public)
	ac := jwt.NewAccountClaims(account.public)
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	s := natstest.Start(t, fmt.Sprintf(
		"operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: {%[2]s: %s, %s: %s}", operator.sign(t, oc), system.public,
		operator.sign(t, jwt.NewAccountClaims(system.public)), account.public, operator.sign(t, ac)))
	file := filepath.Join(t.TempDir(), "barograph.creds")
	write := func(of user) {
		u := newPair(t, nkeys.CreateUser)
		token := of.sign(t, jwt.NewUserClaims(u.public))
		seed, err := u.pair.Seed()
		if err != nil {
			t.Fatal(err)
		}
		text, err := jwt.FormatUserConfig(token, seed)
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(stranger)
	cfg := at(s.URL)
	cfg.CredentialsFile = file
	if err := cfg.CheckFiles(); err != nil {
		t.Errorf("CheckFiles: %v", err)
	}
	f := openFar(t, cfg)
	f.red("does not let us in", "bus.credentials_file "+file)
	write(account)
	f.green()
}

func newPair(t *testing.T, create func() (nkeys.KeyPair, error)) user {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return user{public, pair}
}

func (u user) sign(t *testing.T, claims jwt.Claims) string {
	t.Helper()
	token, err := claims.Encode(u.pair)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
