package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// The phases of an exchange, values of the label "phase".
const (
	phaseDNS       = "dns"        // looking up the name
	phaseConnect   = "connect"    // the TCP connection
	phaseTLS       = "tls"        // the handshake
	phaseFirstByte = "first_byte" // from the request's end to the answer's begin
	phaseTransfer  = "transfer"   // from the answer's begin to its end
)

// phases notes when the steps of an exchange began and ended. Its trace may be
// called from several goroutines, and after the exchange has ended.
type phases struct {
	mu     sync.Mutex
	starts map[string]time.Time
	tooks  map[string]time.Duration
	remote string // the address that was connected to
}

func newPhases() *phases {
	return &phases{starts: map[string]time.Time{}, tooks: map[string]time.Duration{}}
}

// with returns a context under which connections and requests are traced.
func (p *phases) with(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { p.start(phaseDNS) },
		DNSDone:           func(i httptrace.DNSDoneInfo) { p.end(phaseDNS, i.Err) },
		ConnectStart:      func(_, _ string) { p.start(phaseConnect) },
		ConnectDone:       func(_, addr string, err error) { p.connected(addr, err) },
		TLSHandshakeStart: func() { p.start(phaseTLS) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { p.end(phaseTLS, err) },
		WroteRequest:      func(i httptrace.WroteRequestInfo) { p.wrote(i.Err) },
		GotFirstResponseByte: func() {
			p.end(phaseFirstByte, nil)
			p.start(phaseTransfer)
		},
	})
}

// start notes the first begin of a phase: with several addresses there are
// several tries to connect.
func (p *phases) start(phase string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.starts[phase]; !ok {
		p.starts[phase] = time.Now()
	}
}

// end notes a phase's successful end.
func (p *phases) end(phase string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	start, started := p.starts[phase]
	if _, ended := p.tooks[phase]; err == nil && started && !ended {
		p.tooks[phase] = time.Since(start)
	}
}

func (p *phases) connected(addr string, err error) {
	p.end(phaseConnect, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if host, _, splitErr := net.SplitHostPort(addr); splitErr == nil && (err == nil || p.remote == "") {
		p.remote = host
	}
}

func (p *phases) wrote(err error) {
	if err == nil {
		p.start(phaseFirstByte)
	}
}

// took returns how long a phase was, 0 if it did not come to its end.
func (p *phases) took(phase string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tooks[phase]
}

func (p *phases) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remote
}

// measurements returns probe_duration_seconds of the phases that ended.
func (p *phases) measurements() []Measurement {
	var all []Measurement
	for _, phase := range []string{phaseDNS, phaseConnect, phaseTLS, phaseFirstByte, phaseTransfer} {
		if d := p.took(phase); d > 0 {
			all = append(all, Measurement{
				Metric: "probe_duration_seconds",
				Label:  barograph.Label{Name: "phase", Value: phase},
				Value:  d.Seconds(),
			})
		}
	}
	return all
}

// succeeded returns the result of an exchange that took rtt.
func (p *phases) succeeded(rtt time.Duration) Result {
	return Result{
		Success: true, Packets: 1, Sent: 1, Received: 1, Address: p.address(),
		RTTs: []time.Duration{rtt}, Extra: p.measurements(),
	}
}

// failed returns the result of an exchange that err ended, with the phases
// that came to their end before.
func (p *phases) failed(err error, timeout time.Duration) Result {
	r := failed(err, timeout)
	r.Address, r.Extra = p.address(), p.measurements()
	return r
}

// certificateExpiry returns how long the first of the certificates to expire
// is still valid, negative if it no longer is.
func certificateExpiry(chain []*x509.Certificate, now time.Time) []Measurement {
	if len(chain) == 0 {
		return nil
	}
	first := chain[0].NotAfter
	for _, cert := range chain[1:] {
		if cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
	}
	return []Measurement{{Metric: "probe_certificate_expires_in_seconds", Value: first.Sub(now).Seconds()}}
}

// refusedChain returns the certificates that err says could not be verified:
// when they expire is worth knowing all the more.
func refusedChain(err error) []*x509.Certificate {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e.UnverifiedCertificates
	}
	return nil
}
