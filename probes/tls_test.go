package probes_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// certificate returns a self-signed one for name until notAfter.
func certificate(t *testing.T, name string, notAfter time.Time) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: notAfter.Add(-90 * barograph.Day), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, parsed
}

// serveTLS shakes hands with whoever comes, and returns its address.
func serveTLS(t *testing.T, chain tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{chain}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 1))
			}()
		}
	}()
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	now := time.Now()
	good, goodRoot := certificate(t, "good.test", now.Add(30*barograph.Day))
	old, oldRoot := certificate(t, "old.test", now.Add(-3*barograph.Day))
	// A chain whose second certificate expires first.
	_, soon := certificate(t, "soon.test", now.Add(2*barograph.Day))
	chained := tls.Certificate{Certificate: [][]byte{good.Certificate[0], soon.Raw}, PrivateKey: good.PrivateKey}
	roots := x509.NewCertPool()
	roots.AddCert(goodRoot)
	roots.AddCert(oldRoot)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })

	for _, tt := range []struct {
		name, address string
		options       barograph.ProbeOptions
		expiresIn     time.Duration
		phases, error string
	}{
		{
			name: "good", address: serveTLS(t, good), options: barograph.ProbeOptions{ServerName: "good.test"},
			expiresIn: 30 * barograph.Day, phases: "connect tls",
		},
		{
			name: "earliest of the chain", address: serveTLS(t, chained), options: barograph.ProbeOptions{ServerName: "good.test"},
			expiresIn: 2 * barograph.Day, phases: "connect tls",
		},
		{
			name: "wrong name", address: serveTLS(t, good), options: barograph.ProbeOptions{ServerName: "other.test"},
			expiresIn: 30 * barograph.Day, phases: "connect", error: "certificate: x509: certificate is valid for good.test, not other.test",
		},
		{
			name: "not verified", address: serveTLS(t, good), options: barograph.ProbeOptions{InsecureSkipVerify: true},
			expiresIn: 30 * barograph.Day, phases: "connect tls",
		},
		{
			name: "expired, not verified", address: serveTLS(t, old), options: barograph.ProbeOptions{InsecureSkipVerify: true},
			expiresIn: -3 * barograph.Day, phases: "connect tls",
		},
		{name: "silent", address: silent.Addr().String(), phases: "connect", error: "no answer within 2s"},
		{name: "nobody listens", address: "127.0.0.1:1", error: "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := newTarget(barograph.ProbeTLS, tt.address)
			target.Options = tt.options
			if strings.HasPrefix(tt.error, "no answer") {
				target.Timeout = barograph.Duration(2 * time.Second) // it has to connect within it
			}
			r := probes.NewProbers(probes.DefaultConfig(), probes.Env{RootCAs: roots})[barograph.ProbeTLS].Probe(t.Context(), target)
			if r.Error != tt.error || r.Success != (tt.error == "") || r.Unable {
				t.Errorf("result %+v, want the error %q", r, tt.error)
			}
			if got := phasesOf(r); got != tt.phases {
				t.Errorf("phases %q, want %q", got, tt.phases)
			}
			checkExpiry(t, r, tt.expiresIn)
		})
	}
}

func TestTLSExpiredCertificateIsStillMeasured(t *testing.T) {
	old, root := certificate(t, "old.test", time.Now().Add(-3*barograph.Day))
	roots := x509.NewCertPool()
	roots.AddCert(root)
	target := newTarget(barograph.ProbeTLS, serveTLS(t, old))
	target.Options.ServerName = "old.test"
	r := probes.NewProbers(probes.DefaultConfig(), probes.Env{RootCAs: roots})[barograph.ProbeTLS].Probe(t.Context(), target)
	if r.Success || r.LossRatio() != 1 {
		t.Errorf("result %+v, want a failure", r)
	}
	checkExpiry(t, r, -3*barograph.Day)
}

func checkExpiry(t *testing.T, r probes.Result, want time.Duration) {
	t.Helper()
	text := measured(r, "probe_certificate_expires_in_seconds")
	if want == 0 {
		if text != "" {
			t.Errorf("certificate expires in %s, want no such measurement", text)
		}
		return
	}
	got, err := strconv.ParseFloat(text, 64)
	if err != nil || got < want.Seconds()-60 || got > want.Seconds()+60 {
		t.Errorf("certificate expires in %q, want about %v", text, want.Seconds())
	}
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	env := probes.Env{Resolver: resolverOf(startDNS(t, "tcp.test. A 127.0.0.1"))}
	for _, tt := range []struct{ name, address, phases, error string }{
		{"open", l.Addr().String(), "connect", ""},
		{"by name", "tcp.test:" + port, "dns connect", ""},
		{"closed", "127.0.0.1:1", "", "connection refused"},
		{"unknown name", "other.test:80", "", `cannot resolve "other.test": no such host`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := probes.NewProbers(probes.DefaultConfig(), env)[barograph.ProbeTCP].Probe(t.Context(), newTarget(barograph.ProbeTCP, tt.address))
			if r.Error != tt.error || r.Success != (tt.error == "") || phasesOf(r) != tt.phases {
				t.Errorf("result %+v, want phases %q and the error %q", r, tt.phases, tt.error)
			}
			if r.Success && (len(r.RTTs) != 1 || r.RTTs[0] <= 0 || r.Address != "127.0.0.1") {
				t.Errorf("round trip times %v to %q, want one to 127.0.0.1", r.RTTs, r.Address)
			}
		})
	}
}
