package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/app"
)

// TestAgentReachesItsServerByTLS shows a certificate that nobody else signed,
// that is for another name and has expired: the built-in agent knows that it
// is its own server's.
func TestAgentReachesItsServerByTLS(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	opts.Config.TLS = newCertificate(t, "monitoring.example.com", -time.Hour)
	opts.Config.Listen = "0.0.0.0:0"
	a := open(t, opts)
	run(t, a)
	if !strings.HasPrefix(a.URL(), "https://127.0.0.1:") {
		t.Errorf("URL %s", a.URL())
	}
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	agentReports(t, trusting, a)
	if res, err := http.Get(a.URL()); err == nil {
		res.Body.Close()
		t.Error("a client that verifies takes the certificate, so this test shows nothing")
	}
}

// TestAgentTrustsNoOther shows the built-in agent another server's certificate,
// valid in every other respect.
func TestAgentTrustsNoOther(t *testing.T) {
	t.Parallel()
	own, other := loadCertificate(t, newCertificate(t, "127.0.0.1", time.Hour)), loadCertificate(t, newCertificate(t, "127.0.0.1", time.Hour))
	for name, c := range map[string]struct {
		shown tls.Certificate
		want  bool
	}{"its own": {own, true}, "another": {other, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c.shown}})
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{
				Handler:  http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
				ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
			}
			go s.Serve(l)
			defer s.Close()
			res, err := app.NewSelfClient(&own).Get("https://" + l.Addr().String())
			if err == nil {
				res.Body.Close()
			}
			if (err == nil) != c.want {
				t.Errorf("the client says %v, want that it trusts: %t", err, c.want)
			}
		})
	}
}

func loadCertificate(t *testing.T, files app.TLSConfig) tls.Certificate {
	t.Helper()
	c, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newCertificate makes a self-signed certificate that is valid for that much longer.
func newCertificate(t *testing.T, name string, valid time.Duration) app.TLSConfig {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(valid),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return app.TLSConfig{CertFile: write("server.crt", "CERTIFICATE", der), KeyFile: write("server.key", "PRIVATE KEY", private)}
}
