package probes_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

func newTarget(kind barograph.ProbeKind, address string) barograph.Target {
	return barograph.Target{
		ID: barograph.TargetID("tgt_" + address), Name: "the target", Kind: kind, Address: address,
		Interval: barograph.Duration(10 * time.Second), Timeout: barograph.Duration(5 * time.Second), Count: 1, Enabled: true,
	}
}

// requirePing skips the test where the system lets this process ping nobody. A
// process that may open a raw socket may ping, whatever the prober says.
func requirePing(t *testing.T) {
	t.Helper()
	err := probes.NewICMP(probes.DefaultConfig(), probes.Env{}).Check(t.Context())
	if err == nil {
		return
	}
	if raw, rawErr := net.ListenPacket("ip4:icmp", "127.0.0.1"); rawErr == nil {
		raw.Close()
		t.Fatalf("the prober says %q, though raw sockets are allowed", err)
	}
	t.Skipf("this machine does not let the test ping: %s", err)
}

func requireIPv6(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6 loopback: %s", err)
	}
	l.Close()
}

// startDNS serves the zone on loopback and returns its address. A name that is
// not in the zone does not exist.
func startDNS(t *testing.T, zone ...string) string {
	t.Helper()
	records := map[dns.Question][]dns.RR{}
	for _, line := range zone {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		q := dns.Question{Name: rr.Header().Name, Qtype: rr.Header().Rrtype, Qclass: dns.ClassINET}
		records[q] = append(records[q], rr)
	}
	known := func(name string) bool {
		for q := range records {
			if q.Name == name {
				return true
			}
		}
		return false
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		answer := new(dns.Msg).SetReply(query)
		answer.Answer = records[query.Question[0]]
		if !known(query.Question[0].Name) {
			answer.Rcode = dns.RcodeNameError
		}
		if _, isUDP := w.RemoteAddr().(*net.UDPAddr); isUDP {
			answer.Truncate(dns.MinMsgSize)
		}
		_ = w.WriteMsg(answer)
	})
	udp, tcp := listenBoth(t)
	for _, server := range []*dns.Server{{PacketConn: udp, Handler: handler}, {Listener: tcp, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return udp.LocalAddr().String()
}

// listenBoth listens on a port that is free for UDP and TCP.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if tcp, err := net.Listen("tcp", udp.LocalAddr().String()); err == nil {
			return udp, tcp
		}
		udp.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// resolverOf returns a resolver that asks that server alone.
func resolverOf(server string) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, server)
		},
	}
}

// targetList is a Targets that tests change as they go.
type targetList struct {
	mu      sync.Mutex
	targets []barograph.Target
	err     error
	changed chan struct{}
}

func newTargetList(targets ...barograph.Target) *targetList {
	return &targetList{targets: targets, changed: make(chan struct{}, 1)}
}

func (l *targetList) Targets(_ context.Context, page barograph.Page) ([]barograph.Target, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	start := 0
	if page.After != "" {
		start = 1 + slices.IndexFunc(l.targets, func(t barograph.Target) bool { return string(t.ID) == page.After })
	}
	return slices.Clone(l.targets[start:min(len(l.targets), start+page.Limit)]), nil
}

func (l *targetList) Changes() (<-chan struct{}, func()) { return l.changed, func() {} }

func (l *targetList) set(err error, targets ...barograph.Target) {
	l.mu.Lock()
	l.targets, l.err = targets, err
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// store is a SampleWriter that keeps what it is given, or fails as it is told.
type store struct {
	mu      sync.Mutex
	samples []barograph.Sample
	writes  []int // samples of each batch
	err     error
	hang    bool // until the context ends
}

func (s *store) Write(ctx context.Context, samples []barograph.Sample) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hang {
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return ctx.Err()
	}
	if s.err != nil {
		return s.err
	}
	s.samples = append(s.samples, samples...)
	s.writes = append(s.writes, len(samples))
	return nil
}

func (s *store) set(err error, hang bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hang = err, hang
}

func (s *store) all() []barograph.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.samples)
}

// logBuffer is a log that tests read.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}
