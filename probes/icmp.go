package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	probing "github.com/prometheus-community/pro-bing"

	"github.com/barograph/barograph"
)

// ICMP pings: it sends the target's count of echo requests and waits for the
// replies of each for the target's timeout. A round with at least one reply is
// a success.
//
// It uses unprivileged datagram sockets where the system allows them to this
// process's group, else raw sockets where it may open them. With neither, its
// results are Unable and say what to do.
//
// A round ends with the first reply to its last missing packet, so duplicates
// are counted only while the round lasts.
type ICMP struct {
	packetInterval time.Duration
	resolver       *net.Resolver
	raw            atomic.Bool // datagram sockets were refused, raw ones were not
}

var _ Prober = (*ICMP)(nil)

// icmpAdvice is what to do when the system lets this process open neither kind
// of socket.
const icmpAdvice = "not allowed to send ICMP: allow this process's group with " +
	"\"sysctl -w net.ipv4.ping_group_range='0 2147483647'\", or give the program the capability CAP_NET_RAW with " +
	"\"setcap cap_net_raw+ep /path/to/barograph\""

// NewICMP returns a prober that sends the packets of a round one after the
// other at cfg.PacketInterval, closer where the round would not fit into the
// target's interval.
func NewICMP(cfg Config, env Env) *ICMP {
	return &ICMP{packetInterval: cfg.PacketInterval.Std(), resolver: env.Resolver}
}

// Probe makes one round.
func (p *ICMP) Probe(ctx context.Context, target barograph.Target) Result {
	timeout := target.Timeout.Std()
	addr, err := p.resolve(ctx, target.Address, timeout)
	if err != nil {
		return Result{Packets: target.Count, Error: reason(err, timeout), Unable: isOurs(err)}
	}
	result, err := p.anySocket(ctx, target, addr)
	if err != nil {
		result.Unable = true
		result.Error = socketReason(err)
	}
	return result
}

// Check returns an error of KindForbidden that says what to do if the system
// lets this process open neither kind of ICMP socket.
func (p *ICMP) Check(ctx context.Context) error {
	_, err := p.anySocket(ctx, barograph.Target{
		Count: 1, Timeout: barograph.Duration(time.Millisecond), Interval: barograph.Duration(time.Second),
	}, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if errors.Is(err, os.ErrPermission) {
		return barograph.Errorf(barograph.KindForbidden, "%s", socketReason(err))
	}
	return nil
}

// anySocket makes a round over the kind of socket that served last, and if
// that is refused, over the other one.
func (p *ICMP) anySocket(ctx context.Context, target barograph.Target, addr netip.Addr) (Result, error) {
	raw := p.raw.Load()
	result, err := p.round(ctx, target, addr, raw)
	if err == nil {
		return result, nil
	}
	result, err = p.round(ctx, target, addr, !raw)
	if err == nil {
		p.raw.Store(!raw)
	}
	return result, err
}

// resolve returns the address to ping, an IPv4 address if the name has one.
func (p *ICMP) resolve(ctx context.Context, host string, timeout time.Duration) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addrs, err := p.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("resolve %s: %w", host, err)
	}
	for _, a := range addrs {
		if a.Unmap().Is4() {
			return a.Unmap(), nil
		}
	}
	return addrs[0], nil
}

func socketReason(err error) string {
	if errors.Is(err, os.ErrPermission) {
		return icmpAdvice
	}
	return reason(err, 0)
}

// round sends the packets over one kind of socket. Its error is that no such
// socket could be opened; all else is in the result.
func (p *ICMP) round(ctx context.Context, target barograph.Target, addr netip.Addr, raw bool) (Result, error) {
	result := Result{Packets: target.Count, Address: addr.String()}
	if err := routable(ctx, addr); err != nil {
		result.Error = fmt.Sprintf("cannot send to %s: %s", addr, reason(err, target.Timeout.Std()))
		result.Unable = isOurs(err)
		return result, nil
	}
	echoes := newEchoes(target.Count, target.Timeout.Std())
	pinger := probing.New(addr.String())
	pinger.SetIPAddr(&net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()})
	pinger.SetPrivileged(raw)
	pinger.SetLogger(probing.NoopLogger{})
	pinger.RecordRtts, pinger.RecordTTLs = false, false
	pinger.Count = target.Count
	pinger.Interval = p.spacing(target)
	pinger.Timeout = time.Duration(target.Count-1)*pinger.Interval + target.Timeout.Std()
	echoes.observe(pinger)
	err := pinger.RunWithContext(ctx)
	if err != nil && !echoes.open && ctx.Err() == nil {
		return result, fmt.Errorf("open ICMP socket: %w", err)
	}
	if err != nil && echoes.err == nil {
		echoes.err = err
	}
	echoes.fill(&result, target.Timeout.Std())
	return result, nil
}

// routable reports whether the system would send to the address at all. The
// ping library takes "permission denied", which a prohibited route gives, for
// a broadcast address and tries again for ever; connecting a UDP socket asks
// the same question and sends nothing.
func routable(ctx context.Context, addr netip.Addr) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", netip.AddrPortFrom(addr, 9).String())
	if err != nil {
		return fmt.Errorf("find a route: %w", err)
	}
	return c.Close()
}

// spacing returns the time between packets, so that a round ends before the
// target's next one is due.
func (p *ICMP) spacing(target barograph.Target) time.Duration {
	room := (target.Interval - target.Timeout).Std() / time.Duration(target.Count)
	return max(time.Millisecond, min(p.packetInterval, room))
}

// echoes follows the packets of one round. The ping library calls it from one
// goroutine, which has ended before the round's end.
type echoes struct {
	timeout    time.Duration
	sentAt     []time.Time     // by sequence number
	rtts       []time.Duration // by sequence number; -1: none yet
	sent       int
	received   int
	duplicates int
	open       bool // the socket was opened
	err        error
}

func newEchoes(count int, timeout time.Duration) *echoes {
	e := &echoes{timeout: timeout, sentAt: make([]time.Time, count), rtts: make([]time.Duration, count)}
	for i := range e.rtts {
		e.rtts[i] = -1
	}
	return e
}

func (e *echoes) observe(pinger *probing.Pinger) {
	pinger.OnSetup = func() { e.open = true }
	pinger.OnSend = func(pkt *probing.Packet) {
		if pkt.Seq < len(e.sentAt) {
			e.sentAt[pkt.Seq] = time.Now()
			e.sent++
		}
	}
	pinger.OnSendError = func(_ *probing.Packet, err error) { e.err = err }
	pinger.OnRecv = e.reply
	pinger.OnDuplicateRecv = func(*probing.Packet) { e.duplicates++ }
}

func (e *echoes) reply(pkt *probing.Packet) {
	if pkt.Seq >= len(e.rtts) {
		return
	}
	rtt := plausible(pkt.Rtt, time.Since(e.sentAt[pkt.Seq]))
	if rtt > e.timeout {
		return // too late is lost
	}
	e.rtts[pkt.Seq] = rtt
	e.received++
}

// plausible returns the round trip time that the library took from a stamp of
// the wall clock in the packet, unless it contradicts the monotonic clock: a
// clock step or a host that changes the packet must not make a measurement.
func plausible(stamped, elapsed time.Duration) time.Duration {
	const slack = 20 * time.Millisecond
	if stamped <= 0 || (stamped-elapsed).Abs() > slack {
		return elapsed
	}
	return stamped
}

func (e *echoes) fill(r *Result, timeout time.Duration) {
	r.Sent, r.Received, r.Duplicates = e.sent, e.received, e.duplicates
	for _, rtt := range e.rtts {
		if rtt >= 0 {
			r.RTTs = append(r.RTTs, rtt)
		}
	}
	r.Success = r.Received > 0
	switch {
	case r.Success:
	case e.err != nil:
		r.Error, r.Unable = reason(e.err, timeout), isOurs(e.err)
	default:
		r.Error = fmt.Sprintf("no reply within %s", timeout)
	}
}
