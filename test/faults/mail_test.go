package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

const (
	python       = "/usr/bin/python3" // Debian's, which sees Debian's packages
	mailUser     = "barograph"
	mailPassword = "a pass=word, with all that SASL has to carry\u00e9"
)

// realMailServer is Debian's python3-aiosmtpd in a process of its own.
type realMailServer struct {
	port  int
	roots *x509.CertPool
	mu    sync.Mutex
	taken []takenMail
	later int // refused for now
}

// takenMail is a mail as another program read it.
type takenMail struct {
	ID         string   `json:"id"`
	To         []string `json:"to"`
	Subject    string   `json:"subject"`
	References string   `json:"references"`
	Types      []string `json:"types"`
	Text       string   `json:"text"`
	User       string   `json:"user"`
	TLS        bool     `json:"tls"`
	Later      bool     `json:"later"`
}

// needMailServer skips the test on a machine without the server, unless all tests
// are asked for: in CI, and by BAROGRAPH_TEST_FAULTS=long.
func needMailServer(t *testing.T) {
	t.Helper()
	err := exec.CommandContext(t.Context(), python, "-c", "import aiosmtpd").Run()
	if err == nil {
		return
	}
	const hint = "%s has no aiosmtpd: %v. Install it with: apt-get install python3-aiosmtpd"
	if os.Getenv("CI") != "" || quick(false, true) {
		t.Fatalf(hint, python, err)
	}
	t.Skipf(hint, python, err)
}

func startMailServer(t *testing.T, options ...string) *realMailServer {
	t.Helper()
	needMailServer(t)
	m := &realMailServer{}
	certificate, key := m.certify(t)
	cmd := exec.Command(python, append([]string{"-W", "ignore", "smtpd.py", certificate, key, mailUser, mailPassword}, options...)...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	read := make(chan struct{})
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Process.Kill(); err == nil {
			_ = cmd.Wait()
		}
		<-read
		if t.Failed() {
			t.Logf("the mail server says:\n%s", complaints.String())
		}
	})
	if !lines.Scan() {
		close(read)
		t.Fatal("the mail server did not start")
	}
	if m.port, err = strconv.Atoi(lines.Text()); err != nil {
		close(read)
		t.Fatal(err)
	}
	go func() {
		defer close(read)
		m.read(t, lines)
	}()
	return m
}

// read keeps the book of what the server says.
func (m *realMailServer) read(t *testing.T, lines *bufio.Scanner) {
	t.Helper()
	for lines.Scan() {
		var l takenMail
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Errorf("the mail server says %q: %v", lines.Text(), err)
		}
		m.mu.Lock()
		if l.Later {
			m.later++
		} else {
			m.taken = append(m.taken, l)
		}
		m.mu.Unlock()
	}
}

func (m *realMailServer) count() (taken, later int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.taken), m.later
}

// certify makes a certificate of the server's own, which the test trusts.
func (m *realMailServer) certify(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	m.roots = x509.NewCertPool()
	m.roots.AddCert(leaf)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

func (m *realMailServer) config() alerting.DeliveryConfig {
	cfg := alerting.DefaultDeliveryConfig()
	cfg.Email = alerting.EmailConfig{
		Host: "127.0.0.1", Port: m.port, Username: mailUser, Password: mailPassword,
		From: "Barograph <barograph@example.com>", TLS: alerting.EmailStartTLS,
	}
	cfg.PerEndpoint = 8
	return cfg
}

func (m *realMailServer) notifiers(t *testing.T, cfg alerting.DeliveryConfig, curves alerting.Curves) map[barograph.EndpointKind]alerting.Notifier {
	t.Helper()
	n, err := alerting.NewNotifiers(cfg, alerting.NotifierDeps{Reach: alerting.Reach{RootCAs: m.roots}, Curves: curves})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestMails sends events by mail to a real server, over STARTTLS and with a
// password, through the dispatcher and its database. One mail in ten is put off
// by the server, and half-way the dispatcher is stopped and another begins. Each
// mail comes once.
func TestMails(t *testing.T) {
	m := startMailServer(t)
	cfg, n := m.config(), quick(50, 1000)
	db := mailDatabase(t)
	recordMails(t, db, n)
	notifiers := m.notifiers(t, cfg, risingCurve{})
	begin := time.Now()
	limit := begin.Add(quick(2*time.Minute, 10*time.Minute))
	for _, enough := range []int{n / 2, n} {
		stop := startDispatcher(t, cfg, db, notifiers)
		for taken, _ := m.count(); taken < enough && time.Now().Before(limit); taken, _ = m.count() {
			time.Sleep(20 * time.Millisecond)
		}
		stop()
	}
	took := time.Since(begin)
	lost, doubled := m.check(t, n)
	checkDelivered(t, db, n)
	_, later := m.count()
	figures.row(t, lost+doubled == 0, fmt.Sprintf("%d mails over STARTTLS and AUTH, %d of them put off at first", n, later),
		fmt.Sprintf("%d lost, %d doubled, in %s", lost, doubled, took.Round(time.Second)), "0 lost, 0 doubled")
}

// check fails the test unless each of the mails came whole, and returns how many
// did not come or came twice.
func (m *realMailServer) check(t *testing.T, n int) (lost, doubled int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.later < n/20 {
		t.Errorf("the server put off only %d of %d mails: retries are not tested", m.later, n)
	}
	came, ids, pictures := map[string]int{}, map[string]int{}, 0
	for _, l := range m.taken {
		came[l.References]++
		ids[l.ID]++
		if !l.TLS || l.User != mailUser || !slices.Equal(l.To, []string{"ops@example.com"}) {
			t.Errorf("mail %s to %v: TLS %v, user %q", l.ID, l.To, l.TLS, l.User)
		}
		switch got := strings.Join(l.Types, " "); got {
		case "multipart/related multipart/alternative text/plain text/html image/png":
			pictures++
		case "multipart/alternative text/plain text/html": // its picture was not drawn in time
		default:
			t.Errorf("mail %s is made of %s", l.ID, got)
		}
		i, _, _ := strings.Cut(strings.TrimPrefix(l.References, "<prd_"), "@")
		if !strings.Contains(l.Subject, "Disk full on db-"+i+" (mount=/): above 90 % expected in 31 h") || !strings.Contains(l.Text, "How sure:  82 %") {
			t.Errorf("mail %s: %q of thread %s\n%s", l.ID, l.Subject, l.References, l.Text)
		}
	}
	if pictures == 0 {
		t.Error("no mail has a picture")
	}
	for i := range n {
		switch came[fmt.Sprintf("<prd_%d@example.com>", i)] {
		case 0:
			lost++
		case 1:
		default:
			doubled++
		}
	}
	if len(came) != n || len(ids) != n {
		t.Errorf("%d mails about %d things, with %d identifiers, want %d of each", len(m.taken), len(came), len(ids), n)
	}
	return lost, doubled
}

func mailDatabase(t *testing.T) *configdb.DB {
	t.Helper()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// recordMails records predictions on so many hosts, each a group of its own.
func recordMails(t *testing.T, db *configdb.DB, n int) {
	t.Helper()
	sub := barograph.Subscription{
		ID: "sub_1", Name: "operators", Enabled: true, Storm: barograph.DefaultStorm(),
		Endpoints: []barograph.Endpoint{{ID: "ept_1", Kind: barograph.EndpointEmail, To: []string{"ops@example.com"}}},
	}
	sub.GroupBy = []string{"host"}
	if err := db.CreateSubscription(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	var c barograph.Change
	for i := range n {
		e := mailEvent(i)
		c.Events = append(c.Events, e)
		c.Deliveries = append(c.Deliveries, alerting.Deliveries([]barograph.Subscription{sub}, e, time.Now())...)
	}
	if err := db.Record(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func mailEvent(i int) barograph.Event {
	now, value := time.Now().UTC(), .782
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": fmt.Sprintf("db-%d", i), "mount": "/"})}
	said := barograph.Announcement{
		At: now, Value: value, Probability: .82, Reason: "the value rises by about 9 % a day",
		ETA: barograph.ETA{Early: now.Add(26 * time.Hour), Median: now.Add(31 * time.Hour), Late: now.Add(45 * time.Hour)},
	}
	return barograph.Event{
		ID: barograph.EventID(fmt.Sprintf("evt_%d", i)), Type: barograph.EventPredictionOpened, Time: now, Subject: series.String(),
		Severity: barograph.SeverityWarning, Labels: series.Labels.With("rule", "Disk full"),
		Data: barograph.EventData{
			Rule:  &barograph.RuleRef{ID: "rul_1", Name: "Disk full", Operator: barograph.Above, Limit: .9, Horizon: barograph.Duration(3 * barograph.Day)},
			Value: &value,
			Prediction: &barograph.Prediction{
				ID: barograph.PredictionID(fmt.Sprintf("prd_%d", i)), RuleID: "rul_1", RuleName: "Disk full", Series: series,
				Severity: barograph.SeverityWarning, State: barograph.PredictionOpen, OpenedAt: now, First: said, Latest: said,
			},
		},
	}
}

// risingCurve is what the forecaster says of all these disks.
type risingCurve struct{}

func (risingCurve) Curve(_ context.Context, id barograph.RuleID, s barograph.Series, level float64) (barograph.Curve, error) {
	now := time.Now()
	c := barograph.Curve{RuleID: id, Series: s, MadeAt: now, Operator: barograph.Above, Limit: .9, Start: now, StepSeconds: 3600, Level: level}
	for i := range 72 {
		v := .5 + .0039*float64(i)
		c.History = append(c.History, &v)
		mean := .78 + .0039*float64(i)
		c.Mean, c.Lower, c.Upper = append(c.Mean, mean), append(c.Lower, mean-.02), append(c.Upper, mean+.02)
	}
	return c, nil
}

func startDispatcher(t *testing.T, cfg alerting.DeliveryConfig, db *configdb.DB, n map[barograph.EndpointKind]alerting.Notifier) (stop func()) {
	t.Helper()
	d, err := alerting.NewDispatcher(cfg, db, n, alerting.DispatcherDeps{Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the dispatcher ended with: %v", err)
		}
	}
}

// checkDelivered fails the test unless the database says so of every delivery.
func checkDelivered(t *testing.T, db *configdb.DB, n int) {
	t.Helper()
	all, err := db.Deliveries(t.Context(), barograph.DeliveryFilter{}, barograph.Page{Limit: n + 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != n {
		t.Errorf("the database has %d deliveries, want %d", len(all), n)
	}
	for _, d := range all {
		if d.State != barograph.DeliveryDelivered {
			t.Errorf("delivery %s is %s after %d attempts: %+v", d.ID, d.State, d.Attempts, d.LastTry)
		}
	}
}

// TestMailsAreNotSentInClear finds a server without TLS, one that nobody vouches
// for, and one that does not know the password.
func TestMailsAreNotSentInClear(t *testing.T) {
	plain, secure := startMailServer(t, "--plain"), startMailServer(t)
	unknown := &realMailServer{port: secure.port, roots: x509.NewCertPool()}
	wrong := secure.config()
	wrong.Email.Password = "guess"
	for name, tt := range map[string]struct {
		server *realMailServer
		cfg    alerting.DeliveryConfig
		says   string
	}{
		"no TLS":            {plain, plain.config(), "STARTTLS"},
		"unknown authority": {unknown, unknown.config(), "unknown authority"},
		"wrong password":    {secure, wrong, "535"},
	} {
		to := barograph.Endpoint{ID: "ept_1", Kind: barograph.EndpointEmail, To: []string{"ops@example.com"}}
		o := tt.server.notifiers(t, tt.cfg, nil)[barograph.EndpointEmail].Notify(t.Context(), alerting.NotificationOf(mailEvent(1)), to)
		if o.Verdict == alerting.VerdictDelivered || o.Err == nil || !strings.Contains(o.Err.Error(), tt.says) {
			t.Errorf("%s: %s: %v", name, o.Verdict, o.Err)
		}
	}
	for _, m := range []*realMailServer{plain, secure} {
		if taken, later := m.count(); taken+later > 0 {
			t.Errorf("%d mails were sent", taken+later)
		}
	}
}
