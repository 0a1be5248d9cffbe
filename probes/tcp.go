package probes

import (
	"context"
	"net"

	"github.com/barograph/barograph"
)

// TCP connects and hangs up. Its round trip time is that of the connection.
type TCP struct{ resolver *net.Resolver }

var _ Prober = (*TCP)(nil)

// NewTCP returns a TCP prober.
func NewTCP(env Env) *TCP { return &TCP{resolver: env.Resolver} }

// Probe connects once.
func (p *TCP) Probe(ctx context.Context, target barograph.Target) Result {
	timeout := target.Timeout.Std()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	phases := newPhases()
	dialer := net.Dialer{Resolver: p.resolver}
	conn, err := dialer.DialContext(phases.with(ctx), "tcp", target.Address)
	if err != nil {
		return phases.failed(err, timeout)
	}
	_ = conn.Close() // the connection was all that was asked for
	return phases.succeeded(phases.took(phaseConnect))
}
