package alerting_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// forbiddenHosts are spellings of addresses that nothing may be sent to.
func forbiddenHosts() []string {
	return []string{
		// loopback
		"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]",
		"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[::1%25lo]",
		// spellings that only some resolvers know
		"127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "017700000001",
		"127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "127.000.000.001",
		// unspecified
		"0.0.0.0", "0", "0.1.2.3", "[::]", "[::ffff:0.0.0.0]", "[::0.0.0.0]",
		// private and shared
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "100.64.0.1",
		"100.127.255.255", "[::ffff:10.0.0.1]", "[::ffff:c0a8:1]", "[fc00::1]", "[fd12:3456:789a::1]",
		// link-local and metadata
		"169.254.0.1", "169.254.169.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1]", "[fe80::1%25eth0]",
		"[febf::1]", "[fec0::1]", "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192", "168.63.129.16", "2852039166", "0xa9fea9fe",
		// translated
		"[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::10.0.0.1]", "[2002:7f00:1::1]", "[2002:a00:1::]",
		"[2001:0:7f00:1::1]", "192.88.99.1",
		// digits, letters and points of other scripts
		"１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "１６９．２５４．１６９．２５４", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "[::FFFF:127.0.0.1]", "[::ffff:127.0.0.1%25lo]",
		// documentation, benchmarks, reserved, multicast, broadcast
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "240.0.0.1", "255.255.255.255",
		"224.0.0.1", "239.255.255.250", "[ff02::1]", "[ff0e::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[100::1]", "[4000::1]",
		// names
		"rebind.example.com", "metadata.example.com", "mapped.example.com",
	}
}

// TestNothingIsSentToForbiddenAddresses lets a hostile name server answer every
// name with an address of ours, at which every port has a listener.
func TestNothingIsSentToForbiddenAddresses(t *testing.T) {
	var connections atomic.Int32
	port := listenEverywhere(t, &connections)
	cfg := alerting.DefaultDeliveryConfig()
	cfg.AllowHTTP = true
	n := notifiers(t, cfg, alerting.Reach{Resolver: nameServer(t, hostileZone)})[barograph.EndpointWebhook]
	hosts := forbiddenHosts()
	if len(hosts) < 60 {
		t.Fatalf("%d spellings, want at least 60", len(hosts))
	}
	for _, host := range hosts {
		for _, url := range []string{"http://" + host + ":" + port + "/", "http://" + host + "/"} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			o := n.Notify(ctx, alerting.NotificationOf(opened("evt_1")), hook("ept_1", url))
			cancel()
			if o.StatusCode != 0 || o.Verdict == alerting.VerdictDelivered {
				t.Errorf("%s answered %d", url, o.StatusCode)
			}
			// Go's resolver does not even ask for names that are all digits.
			if _, nameless := errors.AsType[*net.DNSError](o.Err); !nameless && (!errors.Is(o.Err, alerting.ErrForbiddenAddress) || o.Verdict != alerting.VerdictPermanent) {
				t.Errorf("%s: %v: %v", url, o.Verdict, o.Err)
			}
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func listenEverywhere(t *testing.T, connections *atomic.Int32) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	listeners := []net.Listener{l}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	if six, err := net.Listen("tcp6", "[::]:"+port); err == nil {
		listeners = append(listeners, six)
	}
	for _, l := range listeners {
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				connections.Add(1)
				_ = conn.Close()
			}
		}()
	}
	return port
}

// hostileZone answers with addresses of the inside, most names with loopback.
func hostileZone(name string) string {
	switch {
	case strings.HasPrefix(name, "metadata."):
		return "169.254.169.254"
	case strings.HasPrefix(name, "mapped."):
		return "::ffff:127.0.0.1"
	}
	return "127.0.0.1"
}

// nameServer returns a resolver that asks a real name server with the zone.
func nameServer(t *testing.T, zone func(name string) string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg)
		reply.SetReply(q)
		name, kind := q.Question[0].Name, q.Question[0].Qtype
		addr := netip.MustParseAddr(zone(name))
		head := dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: 0}
		switch {
		case kind == dns.TypeA && addr.Is4():
			reply.Answer = []dns.RR{&dns.A{Hdr: head, A: addr.AsSlice()}}
		case kind == dns.TypeAAAA && !addr.Is4():
			reply.Answer = []dns.RR{&dns.AAAA{Hdr: head, AAAA: addr.AsSlice()}}
		}
		_ = w.WriteMsg(reply)
	})}
	go func() { _ = srv.ActivateAndServe() }()
	t.Cleanup(func() { _ = srv.Shutdown() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A name may resolve to an allowed address for one request and to another for
// the next: each is judged by where it really goes.
func TestRebindingNameIsJudgedOnEveryConnection(t *testing.T) {
	var hits atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	var moved atomic.Bool
	cfg := alerting.DefaultDeliveryConfig()
	cfg.AllowHTTP, cfg.AllowNetworks = true, []string{"127.0.0.1"}
	n := notifiers(t, cfg, alerting.Reach{Resolver: nameServer(t, func(string) string {
		if moved.Load() {
			return "127.0.0.2"
		}
		return "127.0.0.1"
	})})[barograph.EndpointWebhook]
	ep := hook("ept_1", "http://rebind.example.com:"+port)
	if o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), ep); o.Err != nil || hits.Load() != 1 {
		t.Fatalf("allowed address: %v, %d hits", o.Err, hits.Load())
	}
	moved.Store(true)
	if o := n.Notify(t.Context(), alerting.NotificationOf(opened("evt_2")), ep); !errors.Is(o.Err, alerting.ErrForbiddenAddress) || hits.Load() != 1 {
		t.Errorf("moved address: %v, %d hits", o.Err, hits.Load())
	}
}

func TestHTTPSWithOwnAuthority(t *testing.T) {
	srv := httptest.NewTLSServer(handler(http.StatusOK, ""))
	defer srv.Close()
	cfg := loopback()
	cfg.AllowHTTP = false
	trusting := x509.NewCertPool()
	trusting.AddCert(srv.Certificate())
	for _, tt := range []struct {
		reach alerting.Reach
		want  alerting.Verdict
	}{{alerting.Reach{RootCAs: trusting}, alerting.VerdictDelivered}, {alerting.Reach{}, alerting.VerdictTemporary}} {
		o := notifiers(t, cfg, tt.reach)[barograph.EndpointWebhook].Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), hook("ept_1", srv.URL))
		if o.Verdict != tt.want {
			t.Errorf("trusting %t: %v, %v", tt.reach.RootCAs != nil, o.Verdict, o.Err)
		}
	}
}
