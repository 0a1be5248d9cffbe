package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"

	"github.com/barograph/barograph"
)

// TLS connects and shakes hands. Its round trip time is that of connection and
// handshake; besides it tells when the first certificate of the server's chain
// expires, also when the chain cannot be verified.
type TLS struct {
	resolver *net.Resolver
	roots    *x509.CertPool
	clock    barograph.Clock
}

var _ Prober = (*TLS)(nil)

// NewTLS returns a TLS prober.
func NewTLS(env Env) *TLS {
	return &TLS{resolver: env.Resolver, roots: env.RootCAs, clock: env.Clock}
}

// Probe connects once.
func (p *TLS) Probe(ctx context.Context, target barograph.Target) Result {
	timeout := target.Timeout.Std()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	phases := newPhases()
	dialer := net.Dialer{Resolver: p.resolver}
	conn, err := dialer.DialContext(phases.with(ctx), "tcp", target.Address)
	if err != nil {
		return phases.failed(err, timeout)
	}
	defer func() { _ = conn.Close() }() // what is wanted is known by then
	client := tls.Client(conn, p.config(target))
	phases.start(phaseTLS)
	err = client.HandshakeContext(ctx)
	phases.end(phaseTLS, err)
	if err != nil {
		r := phases.failed(err, timeout)
		r.Extra = append(r.Extra, certificateExpiry(refusedChain(err), p.clock.Now())...)
		return r
	}
	r := phases.succeeded(phases.took(phaseConnect) + phases.took(phaseTLS))
	r.Extra = append(r.Extra, certificateExpiry(client.ConnectionState().PeerCertificates, p.clock.Now())...)
	return r
}

func (p *TLS) config(target barograph.Target) *tls.Config {
	host, _, err := net.SplitHostPort(target.Address)
	if err != nil {
		host = target.Address
	}
	return &tls.Config{
		RootCAs:            p.roots,
		ServerName:         cmp.Or(target.Options.ServerName, host),
		InsecureSkipVerify: target.Options.InsecureSkipVerify, //nolint:gosec // the target's owner asks for it, to watch a certificate that no one signed
		MinVersion:         tls.VersionTLS12,
	}
}
