package alerting_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// mailServer is a real SMTP server that asks for STARTTLS and a password.
type mailServer struct {
	host  string
	port  int
	roots *x509.CertPool
	rcpt  func(to string) error
	mu    sync.Mutex
	mails []letter

	sessions atomic.Int64 // that gave the password
}

type letter struct {
	from string
	to   []string
	data []byte
}

type serverMode int

const (
	modeStartTLS serverMode = iota
	modePlain               // offers no TLS
	modeTLS                 // from the first byte
)

func newMailServer(t *testing.T, mode serverMode) *mailServer {
	t.Helper()
	m := &mailServer{rcpt: func(string) error { return nil }}
	cert, roots := selfMadeCertificate(t)
	m.roots = roots
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailbox{server: m}, nil }))
	srv.Domain, srv.ReadTimeout, srv.WriteTimeout = "mail.example.com", time.Minute, time.Minute
	srv.AllowInsecureAuth = mode == modePlain
	srv.ErrorLog = quiet{}
	listen := net.Listen
	switch mode {
	case modeStartTLS:
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	case modeTLS:
		listen = func(network, address string) (net.Listener, error) {
			return tls.Listen(network, address, &tls.Config{Certificates: []tls.Certificate{cert}})
		}
	case modePlain:
	}
	l, err := listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.host, m.port = "127.0.0.1", portOf(t, l)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return m
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func selfMadeCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// mailbox is one session at the server.
type mailbox struct {
	server *mailServer
	authed bool
	letter letter
}

func (b *mailbox) AuthMechanisms() []string { return []string{sasl.Plain} }

func (b *mailbox) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		b.authed = username == "barograph" && password == "secret"
		b.server.sessions.Add(1)
		if !b.authed {
			return &smtp.SMTPError{Code: 535, Message: "wrong password"}
		}
		return nil
	}), nil
}

func (b *mailbox) Mail(from string, _ *smtp.MailOptions) error {
	if !b.authed {
		return &smtp.SMTPError{Code: 530, Message: "authentication required"}
	}
	b.letter = letter{from: from}
	return nil
}

func (b *mailbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := b.server.rcpt(to); err != nil {
		return err
	}
	b.letter.to = append(b.letter.to, to)
	return nil
}

func (b *mailbox) Data(r io.Reader) (err error) {
	if b.letter.data, err = io.ReadAll(r); err != nil {
		return err
	}
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	b.server.mails = append(b.server.mails, b.letter)
	return nil
}

func (b *mailbox) Reset()        { b.letter = letter{} }
func (b *mailbox) Logout() error { return nil }

func (m *mailServer) config() alerting.EmailConfig {
	return alerting.EmailConfig{
		Host: m.host, Port: m.port, Username: "barograph", Password: "secret", From: "Barograph <barograph@example.com>", TLS: alerting.EmailStartTLS,
	}
}

func (m *mailServer) notifier(t *testing.T, change func(*alerting.EmailConfig)) alerting.Notifier {
	t.Helper()
	cfg := alerting.DefaultDeliveryConfig()
	cfg.Email = m.config()
	if change != nil {
		change(&cfg.Email)
	}
	return notifiers(t, cfg, alerting.Reach{RootCAs: m.roots})[barograph.EndpointEmail]
}

func people(to ...string) barograph.Endpoint {
	return barograph.Endpoint{ID: "ept_mail", Kind: barograph.EndpointEmail, To: to}
}

func TestEmailOverStartTLSWithPassword(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	o := m.notifier(t, nil).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people("ops@example.com"))
	if o.Verdict != alerting.VerdictDelivered || o.StatusCode != 250 || o.Err != nil {
		t.Fatalf("outcome %+v", o)
	}
	if len(m.mails) != 1 || m.mails[0].from != "barograph@example.com" || strings.Join(m.mails[0].to, ",") != "ops@example.com" {
		t.Fatalf("mails %+v", m.mails)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(m.mails[0].data))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	for header, want := range map[string]string{
		"Message-Id": "<evt_1@example.com>", "To": "<ops@example.com>", "From": `"Barograph" <barograph@example.com>`, "Auto-Submitted": "auto-generated",
	} {
		if got := msg.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if want := "[warning] disk full on db1 (mount=/): above 90 % expected in 31 h (Thu 14:00 – Fri 09:00 UTC), 82 % sure; now 78.2 %"; subject != want {
		t.Errorf("subject %q, want %q", subject, want)
	}
	text, html := alternatives(t, msg)
	if !strings.Contains(text, "How sure:  82 %") || !strings.Contains(html, ">82\u00a0%</td>") {
		t.Errorf("text:\n%s\nHTML:\n%s", text, html)
	}
}

func alternatives(t *testing.T, msg *mail.Message) (text, html string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q: %v", kind, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	found := map[string]string{}
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return found["text/plain"], found["text/html"]
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		found[kind] = string(b)
	}
}

func TestEmailOverTLSFromTheFirstByte(t *testing.T) {
	m := newMailServer(t, modeTLS)
	n := m.notifier(t, func(c *alerting.EmailConfig) { c.TLS = alerting.EmailTLSOnly })
	if o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people("ops@example.com")); o.Verdict != alerting.VerdictDelivered || len(m.mails) != 1 {
		t.Errorf("%v: %v, %d mails", o.Verdict, o.Err, len(m.mails))
	}
}

func TestEmailIsNotSentUnlessItIsSafe(t *testing.T) {
	plain, trusted := newMailServer(t, modePlain), newMailServer(t, modeStartTLS)
	untrusted := &mailServer{host: trusted.host, port: trusted.port, roots: x509.NewCertPool()}
	for name, tt := range map[string]struct {
		server  *mailServer
		change  func(*alerting.EmailConfig)
		verdict alerting.Verdict
		says    string
	}{
		"no STARTTLS offered": {plain, nil, alerting.VerdictTemporary, "does not support STARTTLS"},
		"unknown authority":   {untrusted, nil, alerting.VerdictTemporary, "unknown authority"},
		"wrong password":      {trusted, func(c *alerting.EmailConfig) { c.Password = "guess" }, alerting.VerdictPermanent, "wrong password"},
		"another name":        {&mailServer{host: "localhost", port: trusted.port, roots: trusted.roots}, nil, alerting.VerdictTemporary, "localhost"},
		"no TLS at all":       {trusted, func(c *alerting.EmailConfig) { c.TLS, c.Username, c.Password = alerting.EmailNoTLS, "", "" }, alerting.VerdictPermanent, "authentication required"},
		"no password": {
			trusted, func(c *alerting.EmailConfig) { c.Username, c.Password = "", "" }, alerting.VerdictPermanent, "authentication required",
		},
	} {
		o := tt.server.notifier(t, tt.change).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people("ops@example.com"))
		if o.Verdict != tt.verdict || o.Err == nil || !strings.Contains(o.Err.Error(), tt.says) {
			t.Errorf("%s: %v: %v", name, o.Verdict, o.Err)
		}
		if o.Err != nil && strings.Contains(o.Err.Error(), "secret") {
			t.Errorf("%s tells the password: %v", name, o.Err)
		}
	}
	if len(plain.mails)+len(trusted.mails) != 0 {
		t.Errorf("%d mails were sent", len(plain.mails)+len(trusted.mails))
	}
}

func TestEmailJudgesRefusalsByRecipient(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	const later = 451
	greylisted := true
	m.rcpt = func(to string) error {
		switch {
		case to == "gone@example.com":
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		case to == "grey@example.com" && greylisted:
			return &smtp.SMTPError{Code: later, Message: "try again later"}
		}
		return nil
	}
	n := m.notifier(t, nil)
	if o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), people("gone@example.com")); o.Verdict != alerting.VerdictPermanent || o.StatusCode != 550 {
		t.Errorf("550: %+v", o)
	}
	team := people("ops@example.com", "gone@example.com", "grey@example.com", "dev@example.com")
	if o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), team); o.Verdict != alerting.VerdictTemporary || o.StatusCode != later {
		t.Errorf("451: %+v", o)
	}
	greylisted = false
	if o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), team); o.Verdict != alerting.VerdictDelivered || o.Err == nil || !strings.HasPrefix(o.Err.Error(), "not to all: mail to gone@example.com: ") {
		t.Errorf("second try: %+v", o)
	}
	counts := map[string]int{}
	for _, l := range m.mails {
		counts[strings.Join(l.to, ",")]++
	}
	if fmt.Sprint(counts) != "map[dev@example.com:1 grey@example.com:1 ops@example.com:1]" {
		t.Errorf("mails by recipient: %v", counts)
	}
}

func TestEmailIsDoneWithSilentServersInTime(t *testing.T) {
	cfg := alerting.DefaultDeliveryConfig()
	cfg.Email = alerting.EmailConfig{Host: "127.0.0.1", Port: hostileTCP(t), From: "a@example.com", TLS: alerting.EmailNoTLS}
	n := notifiers(t, cfg, alerting.Reach{})[barograph.EndpointEmail]
	ctx, cancel := contextWithin(t, 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	o := n.Notify(ctx, alerting.NotificationOf(opened("evt_1")), people("ops@example.com"))
	if took := time.Since(begin); took > mostBusy || o.Verdict != alerting.VerdictTemporary || !errors.Is(o.Err, errTestOver) {
		t.Errorf("%v: %v after %v", o.Verdict, o.Err, took)
	}
}

// 200 mails at once, each exactly one time.
func TestManyEmails(t *testing.T) {
	m := newMailServer(t, modeStartTLS)
	n := m.notifier(t, nil)
	var wg sync.WaitGroup
	room := make(chan struct{}, 16)
	for i := range 200 {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if o := n.Notify(t.Context(), alerting.NotificationOf(opened(fmt.Sprintf("evt_%d", i))), people("ops@example.com")); o.Err != nil {
				t.Error(o.Err)
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, l := range m.mails {
		msg, err := mail.ReadMessage(bytes.NewReader(l.data))
		if err != nil {
			t.Fatal(err)
		}
		seen[msg.Header.Get("Message-Id")]++
	}
	if len(seen) != 200 || len(m.mails) != 200 {
		t.Errorf("%d mails with %d identifiers, want 200", len(m.mails), len(seen))
	}
}
