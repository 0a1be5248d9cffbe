package probes

import (
	"context"
	"crypto/x509"
	"net"

	"github.com/barograph/barograph"
)

// Prober makes one round of one target. Probe returns within the round's
// timeout, or soon after ctx ends; it is called for many targets at once.
type Prober interface {
	Probe(ctx context.Context, target barograph.Target) Result
}

// Env is what the probers take from around them. Its zero value is the
// machine's own resolver, certificates and clock.
type Env struct {
	Resolver *net.Resolver   // nil: the system's
	RootCAs  *x509.CertPool  // nil: the system's
	Clock    barograph.Clock // nil: the machine's; certificates expire by it
}

// NewProbers returns a prober for every kind of target.
func NewProbers(cfg Config, env Env) map[barograph.ProbeKind]Prober {
	if env.Clock == nil {
		env.Clock = barograph.WallClock{}
	}
	return map[barograph.ProbeKind]Prober{
		barograph.ProbeICMP: NewICMP(cfg, env),
		barograph.ProbeTCP:  NewTCP(env),
		barograph.ProbeHTTP: NewHTTP(env),
		barograph.ProbeDNS:  NewDNS(),
		barograph.ProbeTLS:  NewTLS(env),
	}
}
