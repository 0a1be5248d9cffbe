package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/barograph/barograph"
)

// The certificate of a shop, in hours: it is renewed by hand, each time half a day
// after the limit that the default rule sets.
const (
	shopName     = "shop"
	shopValid    = 45 * 24.0
	shopRenewed  = 6.5 * 24.0 // before its end
	firstRenewal = 177.0      // after the clock's start
)

// certificateLeft is how many hours it is still valid.
func certificateLeft(hour float64) float64 {
	_, since := rounds(hour, firstRenewal, shopValid-shopRenewed)
	return shopValid - since
}

// measureShop returns the samples of one look at the shop.
func measureShop(at time.Time, hour float64) []barograph.Sample {
	labels := barograph.NewLabels(map[string]string{"demo": "true", "kind": string(barograph.ProbeTLS), "target": shopName})
	rnd := mathrand.New(mathrand.NewPCG(uint64(at.Unix()), 0)) //nolint:gosec // noise is no secret, and any bits will do
	var out []barograph.Sample
	for _, m := range []struct {
		metric string
		value  float64
	}{
		{"probe_success", 1},
		{"probe_rtt_seconds", .032 * (1 + .1*daily(hour) + .2*rnd.Float64())},
		{"probe_loss_ratio", 0},
		{"probe_certificate_expires_in_seconds", 3600 * certificateLeft(hour)},
	} {
		out = append(out, barograph.Sample{Series: barograph.Series{Metric: m.metric, Labels: labels}, UnixMilli: at.UnixMilli(), Value: m.value})
	}
	return out
}

// door is where the server itself finds the shop, on this machine: it shakes hands
// with a certificate that outlives every demo.
type door struct {
	net.Listener
}

// newDoor returns one on a free loopback port.
func newDoor(ctx context.Context, now time.Time) (*door, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key for the shop: %w", err)
	}
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: shopName}, DNSNames: []string{shopName},
		NotBefore: now.Add(-barograph.Day), NotAfter: now.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the shop: %w", err)
	}
	l, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	return &door{tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
	})}, nil
}

// open shakes hands with whoever comes until ctx ends, and lets go of the port.
func (d *door) open(ctx context.Context) error { return serve(ctx, d.Listener, http.NotFoundHandler()) }
